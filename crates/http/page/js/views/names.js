// Names of users, groups and tools for their ids, as far as the principal may read them.

import { useEffect, useState } from '../html.js';
import { can } from '../abilities.js';
import { listAll } from '../api.js';
import { shortId } from '../format.js';
import { t } from '../texts/index.js';

/** Returns functions that give the name of a user or group, or the end of its id. */
export function useNames({ ability, me }) {
  const [names, setNames] = useState({ __proto__: null });
  useEffect(() => {
    const lists = [
      can(ability, 'read', 'User') && listAll('/users').then((rows) => rows.map((row) => [row.id, row.name ?? row.email])),
      can(ability, 'read', 'Group') && listAll('/groups').then((rows) => rows.map((row) => [row.id, row.name])),
    ].filter(Boolean);
    Promise.allSettled(lists).then((results) => setNames({ __proto__: null, ...Object.fromEntries(results.flatMap((result) => result.value ?? [])) }));
  }, []);
  const name = (id) => (id === me.user.id ? t.names.you(me.user.name) : names[id] ?? shortId(id));
  return { user: (id) => (id ? name(id) : t.names.nobody), group: (id) => (id ? name(id) : t.names.noGroup), known: names };
}
