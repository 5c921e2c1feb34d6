// Router by the hash of the address: `#/sessions/<id>`, `#/usage`.

import { useLayoutEffect, useMemo, useState } from './html.js';

/** Returns the current route: `{path: [segment, …], query: URLSearchParams}`. */
export function currentRoute() {
  const hash = location.hash.startsWith('#/') ? location.hash.slice(2) : '';
  const [path, query = ''] = hash.split('?');
  const decoded = path.split('/').filter(Boolean).map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  return { path: decoded, query: new URLSearchParams(query) };
}

export function navigate(path, { replace = false } = {}) {
  if (replace) {
    history.replaceState(null, '', `#${path}`);
    dispatchEvent(new HashChangeEvent('hashchange'));
  } else {
    location.hash = path;
  }
}

export function useRoute() {
  const [hash, setHash] = useState(location.hash);
  // It listens from the first rendering on: no change of the address comes in between.
  useLayoutEffect(() => {
    const update = () => setHash(location.hash);
    addEventListener('hashchange', update);
    return () => removeEventListener('hashchange', update);
  }, []);
  return useMemo(currentRoute, [hash]);
}
