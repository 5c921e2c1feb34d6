// Operations of a view that change something: one at a time, however often its button is pressed.

import { useLayoutEffect, useRef, useState } from '../html.js';

/** Returns `{busy, error, run}`. `run(operation)` does nothing while another one runs, and resolves with true if it succeeded. */
export function useAction() {
  const [state, setState] = useState({ busy: false, error: null });
  const running = useRef(false);
  // The next operation begins when the end of this one is shown.
  useLayoutEffect(() => {
    if (!state.busy) running.current = false;
  }, [state]);
  const run = async (operation) => {
    if (running.current) return false;
    running.current = true;
    setState({ busy: true, error: null });
    let error = null;
    try {
      await operation();
    } catch (failure) {
      error = failure;
    }
    setState({ busy: false, error });
    return error === null;
  };
  return { ...state, run };
}
