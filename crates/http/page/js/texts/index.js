// Texts of the page in the language of the viewer.

import en from './en.js';

const LANGUAGES = { en };

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
export const t = choice.texts;
