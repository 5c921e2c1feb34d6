// Messages that the server has not taken yet, by their session: kept for a reload of this tab, or another view of it.

import { UNSENT } from './drafts.js';
import { store } from './storage.js';

export const unsent = {
  /** Keeps a message. One that is larger than the storage does not outlive the view. */
  keep: (session, content, attachments) => store(sessionStorage, UNSENT + session, JSON.stringify({ content, attachments: attachments ?? [] })),
  drop: (session) => sessionStorage.removeItem(UNSENT + session),
  /** Returns `{content, attachments}` and forgets it, or null if there is none. */
  take(session) {
    const text = sessionStorage.getItem(UNSENT + session);
    sessionStorage.removeItem(UNSENT + session);
    return text === null ? null : JSON.parse(text);
  },
};
