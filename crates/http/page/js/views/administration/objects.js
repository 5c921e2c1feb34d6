// Objects for the check of rules, with the fields that rules name: read by their id, or written as JSON.

import { api, listAll, segment } from '../../api.js';
import { t } from '../../texts/index.js';

const AUDITED = 5000;

async function auditedSession(id) {
  const sessions = await listAll('/audit/sessions', {}, AUDITED);
  return sessions.find((session) => session.id === id);
}

const READ = {
  Session: auditedSession,
  Tool: (slug) => api.get(`/tools/${segment(slug)}`),
  Model: async (id) => (await listAll('/models', {}, AUDITED)).find((model) => model.id === id),
  User: (id) => api.get(`/users/${segment(id)}`),
  Group: (id) => api.get(`/groups/${segment(id)}`),
  ApiKey: (id) => api.get(`/api-keys/${segment(id)}`),
};

/** Returns the object of a type that a text names, or null if the text is empty. */
export async function objectOf(type, text) {
  if (!text) return null;
  if (text.startsWith('{')) {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Error(t.rules.invalid(error.message), { cause: error });
    }
  }
  const object = await READ[type]?.(text);
  if (!object) throw new Error(READ[type] ? t.rules.unknown(type, text) : t.rules.jsonOnly(type));
  return object;
}
