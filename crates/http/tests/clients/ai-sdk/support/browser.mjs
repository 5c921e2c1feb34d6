// Headless Chromium, and pages that esbuild bundles from the sources in `pages`.

import { existsSync } from 'node:fs';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { listen } from './server.mjs';

const EXECUTABLE = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

export const launch = () => chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox', '--disable-dev-shm-usage'] });

/** Serves one page for each entry of `scripts`: a name, and the source of its module. */
export async function servePages(scripts) {
  const bundles = new Map();
  for (const [name, contents] of Object.entries(scripts)) {
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: new URL('../pages', import.meta.url).pathname, loader: 'jsx' },
      bundle: true, write: false, format: 'esm', jsx: 'automatic', define: { 'process.env.NODE_ENV': '"development"' }, logLevel: 'error',
    });
    bundles.set(`/${name}.js`, outputFiles[0].text);
  }
  const server = await listen((incoming, outgoing) => {
    const { pathname } = new URL(incoming.url, 'http://localhost');
    const bundle = bundles.get(pathname);
    outgoing.setHeader('content-type', bundle ? 'text/javascript' : 'text/html; charset=utf-8');
    outgoing.end(bundle ?? `<!doctype html><title>test</title><main></main><script type="module" src="${pathname}.js"></script>`);
  });
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => { server.closeAllConnections(); server.close(); } };
}
