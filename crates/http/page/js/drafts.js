// Texts of this tab that the server does not have yet: drafts, and messages that are on their way. They belong to one user.

import { store } from './storage.js';

const OWNER = 'causerie.owner';
const DRAFT = 'causerie.draft.';

/** Beginning of the names under which messages are stored that the server has not taken. */
export const UNSENT = 'causerie.unsent.';

/** Drafts of message boxes, by the name of the box. An empty text is no draft. */
export const drafts = {
  get: (name) => sessionStorage.getItem(DRAFT + name) ?? '',
  keep(name, text) {
    if (text) store(sessionStorage, DRAFT + name, text);
    else sessionStorage.removeItem(DRAFT + name);
  },
};

/** Forgets all texts unless they are those of this user, to whom later ones belong. */
export function belongTo(user) {
  if (sessionStorage.getItem(OWNER) === user) return;
  Object.keys(sessionStorage).filter((name) => name.startsWith(DRAFT) || name.startsWith(UNSENT)).forEach((name) => sessionStorage.removeItem(name));
  store(sessionStorage, OWNER, user);
}
