// Views of modules that are loaded when they are first shown, or before, while the browser is idle.

import { html, useEffect, useState } from './html.js';
import { NetworkError } from './api.js';
import { Problem } from './components/problem.js';

/** Views that were loaded, by their function. */
const views = new Map();

async function load(loader) {
  if (!views.has(loader)) views.set(loader, await loader());
  return views.get(loader);
}

/** Loads the view of a module: `load` returns a promise of it. The other properties are those of the view. */
export function Later({ load: loader, ...props }) {
  const [failed, setFailed] = useState(null);
  const [, render] = useState(0);
  const view = views.get(loader);
  useEffect(() => {
    // A view that was loaded after this rendering is shown by the next one.
    if (view) return undefined;
    let current = true;
    load(loader).then(() => current && render((count) => count + 1), (error) => current && setFailed({ loader, error }));
    return () => {
      current = false;
    };
  }, [loader]);
  if (view) return html`<${view} ...${props} />`;
  if (failed?.loader === loader) return html`<main class="page"><${Problem} error=${failed.error} /></main>`;
  return html`<main class="page" aria-busy="true"></main>`;
}

/** Stylesheets that were added, by their path. */
const sheets = new Map();

const addStylesheet = (path) => new Promise((resolve, reject) => {
  const link = document.createElement('link');
  link.rel = 'stylesheet';
  link.href = new URL(`../${path}`, import.meta.url).href;
  link.onload = resolve;
  link.onerror = () => {
    link.remove();
    sheets.delete(path);
    reject(new NetworkError());
  };
  document.head.append(link);
});

/** Adds a stylesheet of the page, and waits until it applies. `path` is relative to the folder of the page. */
export function stylesheet(path) {
  if (!sheets.has(path)) sheets.set(path, addStylesheet(path));
  return sheets.get(path);
}

const IDLE_MS = 2000;

/** Loads views one after the other while the browser is idle, so that they open at once, also without the server. */
export async function whenIdle(...loaders) {
  // The view that is shown now is painted first.
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  for (const loader of loaders) {
    await new Promise((resolve) => (globalThis.requestIdleCallback ? requestIdleCallback(resolve, { timeout: IDLE_MS }) : setTimeout(resolve, IDLE_MS)));
    // A view that cannot be loaded now is loaded when it is shown.
    await load(loader).catch(() => {});
  }
}
