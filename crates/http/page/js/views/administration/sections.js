// Sections of the administration, and the abilities that show them.

import { can } from '../../abilities.js';

const SECTIONS = {
  users: (ability) => can(ability, 'create', 'User') || can(ability, 'manage', 'User'),
  groups: (ability) => can(ability, 'update', 'Group'),
  keys: (ability) => can(ability, 'manage', 'ApiKey') || (can(ability, 'delete', 'ApiKey') && can(ability, 'update', 'Group')),
  models: (ability) => can(ability, 'update', 'Model'),
  tools: (ability) => can(ability, 'create', 'Tool') || can(ability, 'delete', 'Tool'),
  audit: (ability) => can(ability, 'audit', 'Session') || can(ability, 'manage', 'all'),
};

/** Returns the names of the sections that the ability shows. */
export const sections = (ability) => Object.keys(SECTIONS).filter((name) => SECTIONS[name](ability));
