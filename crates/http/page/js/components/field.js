// Form fields with their labels and hints.

import { html, useMemo } from '../html.js';

let next = 0;
const useId = () => useMemo(() => `field-${(next += 1)}`, []);

/** Field. `defaultValue` is what it begins with, and stays beside what is typed; `value` replaces it in every rendering. */
export function Field({ label, hint, type = 'text', multiline, ...attributes }) {
  const id = useId();
  return html`<div class="field">
    <label for=${id}>${label}</label>
    ${multiline
      ? html`<textarea id=${id} aria-describedby=${hint ? `${id}-hint` : null} ...${attributes}></textarea>`
      : html`<input id=${id} type=${type} aria-describedby=${hint ? `${id}-hint` : null} ...${attributes} />`}
    ${hint && html`<p class="fine" id=${`${id}-hint`}>${hint}</p>`}
  </div>`;
}

export function Select({ label, hint, options, value, ...attributes }) {
  const id = useId();
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select id=${id} aria-describedby=${hint ? `${id}-hint` : null} ...${attributes}>
      ${options.map((option) => html`<option value=${option.value} selected=${option.value === value}>${option.label}</option>`)}
    </select>
    ${hint && html`<p class="fine" id=${`${id}-hint`}>${hint}</p>`}
  </div>`;
}

export const Check = ({ label, ...attributes }) => html`<label class="check"><input type="checkbox" ...${attributes} /> <span>${label}</span></label>`;
