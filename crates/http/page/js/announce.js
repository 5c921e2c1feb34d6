// Messages for screen readers: short sentences about what happened, never the text of an answer.

let region = null;

export function setRegion(element) {
  region = element;
}

/** Says a sentence politely. An equal sentence is said again. */
export function announce(sentence) {
  if (!region) return;
  region.textContent = '';
  requestAnimationFrame(() => {
    if (region) region.textContent = sentence;
  });
}
