// The API key of this tab. It is kept in session storage, so that it ends with the tab, and is sent in one header only.

const STORAGE = 'causerie.key';

export const credential = {
  get: () => sessionStorage.getItem(STORAGE),
  set: (key) => sessionStorage.setItem(STORAGE, key),
  clear: () => sessionStorage.removeItem(STORAGE),
};
