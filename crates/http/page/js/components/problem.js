// Errors for people: the sentence of the server, its places in the input, and the request id for the operator.

import { html } from '../html.js';
import { t } from '../texts/index.js';

export function sentenceOf(error) {
  const { problem, code } = error;
  if (!problem) return error.name === 'NetworkError' ? t.errors.network : error.message;
  if (problem.errors?.length > 0) return t.errors.invalid;
  if (t.errors.codes[code]) return t.errors.codes[code](problem);
  return described(problem) || error.message;
}

/** Returns the title and the detail of a problem, or the title alone if the detail says the same. */
function described({ title, detail }) {
  const plain = (text) => String(text ?? '').toLowerCase().replace(/\.$/, '');
  return [title, plain(detail) !== plain(title) && detail].filter(Boolean).join(': ');
}

/** Error of something that could not be read, with a button that reads it again. */
export const Failure = ({ error, onRetry }) => error && html`<${Problem} error=${error} />
  <p class="retry"><button type="button" class="small" onClick=${onRetry}>${t.actions.retry}</button></p>`;

/** `onPlace(place)`, if present, makes the lines of the input buttons. */
export function Problem({ error, onPlace }) {
  if (!error) return null;
  const places = error.problem?.errors ?? [];
  return html`<div class="problem" role="alert">
    <p>${sentenceOf(error)}</p>
    ${places.length > 0 && html`<ul>${places.map((place) => html`<li>
      ${place.line ? html`${onPlace
        ? html`<button type="button" class="link" onClick=${() => onPlace(place)}>${t.errors.place(place.line, place.column)}</button>`
        : html`<strong>${t.errors.place(place.line, place.column)}</strong>`} ` : null}
      ${place.pointer ? html`<code>${place.pointer}</code> ` : null}${place.detail}</li>`)}</ul>`}
    ${error.problem?.reason && html`<p class="fine">${t.errors.reason(error.problem.reason)}</p>`}
    ${error.problem?.request_id && html`<p class="fine">${t.errors.request(error.problem.request_id)}</p>`}
  </div>`;
}
