// Texts of the page in the language of the viewer.

import en from './en.js';

const LANGUAGES = { __proto__: null, en };

/** Returns a copy of texts that has no other names than theirs: names of texts come from the server as well. */
function plain(texts) {
  if (typeof texts !== 'object') return texts;
  return Object.assign(Object.create(null), Object.fromEntries(Object.entries(texts).map(([name, value]) => [name, plain(value)])));
}

function preferred() {
  for (const tag of navigator.languages ?? [navigator.language]) {
    const primary = tag.toLowerCase().split('-')[0];
    if (primary in LANGUAGES) return { tag, texts: LANGUAGES[primary] };
  }
  return { tag: 'en', texts: en };
}

const choice = preferred();

/** Language tag for numbers and dates. */
export const language = choice.tag;

/** Texts, by topic. A text with values is a function. */
export const t = plain(choice.texts);
