// Abilities of the signed-in principal. They decide what is shown; the server authorizes every request itself.

import { createMongoAbility, subject } from '../vendor/casl-ability.mjs';

export { subject };

/** Returns the ability of a list of rules. */
export const abilityOf = (rules) => createMongoAbility(rules);

/** True if `action` is permitted on `object`, which the API returned. A copy is checked, since CASL marks its subjects. */
export const can = (ability, action, type, object) => ability.can(action, object ? subject(type, { ...object }) : type);
