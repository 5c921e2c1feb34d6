// The API key of this tab. It is kept in session storage, so that it ends with the tab, and is sent in one header only.

import { store } from './storage.js';

const STORAGE = 'causerie.key';

/** The key of a tab whose storage is full; it ends with the document. */
let unstored = null;

export const credential = {
  get: () => unstored ?? sessionStorage.getItem(STORAGE),
  set(key) {
    unstored = store(sessionStorage, STORAGE, key) ? null : key;
  },
  clear() {
    unstored = null;
    sessionStorage.removeItem(STORAGE);
  },
};
