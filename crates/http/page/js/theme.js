// Color scheme: that of the system, or the one that the viewer chose.

import { store } from './storage.js';

const STORAGE = 'causerie.theme';
export const THEMES = ['system', 'light', 'dark'];

export function theme() {
  const stored = localStorage.getItem(STORAGE);
  return THEMES.includes(stored) ? stored : 'system';
}

export function applyTheme(name = theme()) {
  if (name === 'system') document.documentElement.removeAttribute('data-theme');
  else document.documentElement.setAttribute('data-theme', name);
  if (name === 'system') localStorage.removeItem(STORAGE);
  else store(localStorage, STORAGE, name);
}
