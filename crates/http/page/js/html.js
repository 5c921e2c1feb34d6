// View library of the page: Preact with templates in place of JSX.

import htm from '../vendor/htm.mjs';
import { Component, Fragment, createContext, h, render } from '../vendor/preact.mjs';

export { Component, Fragment, createContext, h, render };
export { useCallback, useContext, useEffect, useLayoutEffect, useMemo, useRef, useState } from '../vendor/preact-hooks.mjs';

/** Template tag: builds view nodes. Interpolated values are text, never markup. */
export const html = htm.bind(h);
