// Menu button: arrow keys move, Escape closes, focus returns to the button.

import { html, useLayoutEffect, useRef, useState } from '../html.js';

/** Places the list below its button, in the top layer, so that no scrolling frame cuts it. */
function place(list, button) {
  const { right, bottom, top } = button.getBoundingClientRect();
  const { width, height } = list.getBoundingClientRect();
  const below = bottom + height + 8 < innerHeight;
  list.style.setProperty('left', `${Math.max(8, right - width)}px`);
  list.style.setProperty('top', `${below ? bottom + 4 : Math.max(8, top - height - 4)}px`);
}

/** `items`: `{label, action, danger}`; absent ones may be `false`. */
export function Menu({ label, children, items }) {
  const [open, setOpen] = useState(false);
  const root = useRef(null);
  const shown = items.filter(Boolean);
  // The list is shown and focused with the render, so that a key that follows the click at once reaches it.
  useLayoutEffect(() => {
    if (!open) return undefined;
    const list = root.current.querySelector('[role=menu]');
    list.showPopover();
    place(list, root.current.querySelector('button'));
    list.querySelector('[role=menuitem]')?.focus();
    const outside = (event) => !root.current.contains(event.target) && setOpen(false);
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    root.current.querySelector('button').focus();
  };
  const move = (event) => {
    const entries = [...root.current.querySelectorAll('[role=menuitem]')];
    const at = entries.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: entries.length - 1 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      entries[(next + entries.length) % entries.length]?.focus();
    } else if (event.key === 'Escape') {
      event.stopPropagation();
      close();
    } else if (event.key === 'Tab') {
      setOpen(false);
    }
  };
  if (shown.length === 0) return null;
  return html`<div class="menu" ref=${root}>
    <button type="button" class="quiet icon-button" aria-label=${label} aria-haspopup="menu" aria-expanded=${String(open)} onClick=${() => setOpen(!open)}>${children}</button>
    ${open && html`<div role="menu" popover="manual" aria-label=${label} onKeyDown=${move}>
      ${shown.map((item) => html`<button type="button" role="menuitem" tabindex="-1" class=${item.danger ? 'danger' : ''} onClick=${() => {
        close();
        item.action();
      }}>${item.label}</button>`)}
    </div>`}
  </div>`;
}
