// Focus of the keyboard: it stays near an element that is removed while it has the focus.

import { useLayoutEffect, useRef } from '../html.js';

/** Returns the properties of an element that takes over the focus from an element in it that is removed. */
export function useKeptFocus() {
  const ref = useRef(null);
  const last = useRef(null);
  useLayoutEffect(() => {
    if (last.current === null || last.current.isConnected) return;
    last.current = null;
    if (document.activeElement === document.body) ref.current?.focus({ preventScroll: true });
  });
  return { ref, onFocusIn: (event) => {
    last.current = event.target;
  } };
}
