// Views of modules that are loaded when they are first shown, or before, while the browser is idle.

import { html, useEffect, useState } from './html.js';
import { NetworkError } from './api.js';
import { Failure } from './components/problem.js';

/** Views that were loaded, by their loader. */
const views = new Map();

async function loaded(load) {
  if (!views.has(load)) views.set(load, await load());
  return views.get(load);
}

const isReachable = () => fetch(location.pathname, { method: 'HEAD', cache: 'no-store' }).then(({ ok }) => ok, () => false);

/** Shows a view as soon as its loader has loaded it. The other properties are those of the view. */
export function Later({ load, ...props }) {
  const [failed, setFailed] = useState(null);
  const [, render] = useState(0);
  const view = views.get(load);
  const retry = async () => {
    setFailed(null);
    await loaded(load).then(() => render((count) => count + 1), async (error) => {
      // A server with other files, or a browser that keeps the failure, needs the whole page again.
      if (await isReachable()) location.reload();
      else setFailed({ load, error });
    });
  };
  useEffect(() => {
    // A view that was loaded after this rendering is shown by the next one.
    if (view) return undefined;
    let current = true;
    loaded(load).then(() => current && render((count) => count + 1), (error) => current && setFailed({ load, error }));
    return () => {
      current = false;
    };
  }, [load]);
  if (view) return html`<${view} ...${props} />`;
  if (failed?.load === load) return html`<main class="page"><${Failure} error=${failed.error} onRetry=${retry} /></main>`;
  return html`<main class="page" aria-busy="true"></main>`;
}

/** Stylesheets that were added and apply, or will, by their path. */
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

function stylesheet(path) {
  if (!sheets.has(path)) sheets.set(path, addStylesheet(path));
  return sheets.get(path);
}

/** Replaces the error of a module that could not be loaded, whose text is that of the browser. */
function failedImport(error) {
  throw error instanceof TypeError ? new NetworkError(error) : error;
}

/** Returns a function that loads a view and its stylesheets. The paths are relative to the folder of the page. */
export const loader = (view, ...styles) => async () => (await Promise.all([view().catch(failedImport), ...styles.map(stylesheet)]))[0];

/** Loads a view before it is shown. One that cannot be loaded now is loaded when it is shown. */
export const preload = (load) => loaded(load).catch(() => {});

const IDLE_MS = 2000;

/** Loads views one after the other while the browser is idle, so that they open at once, also without the server. */
export async function whenIdle(...loads) {
  // The view that is shown now is painted first.
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  for (const load of loads) {
    await new Promise((resolve) => (globalThis.requestIdleCallback ? requestIdleCallback(resolve, { timeout: IDLE_MS }) : setTimeout(resolve, IDLE_MS)));
    await preload(load);
  }
}
