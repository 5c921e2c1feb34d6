// Server of the page's files that forwards all other requests to a causerie server, for changes of the page without a build.

import { readFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const PAGE = fileURLToPath(new URL('../../../../page/', import.meta.url));

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

/** Policy of the page: scripts and styles of this server only, and no HTML from text. */
export const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

async function file(path) {
  const name = path === '/' ? 'index.html' : normalize(path).slice(1);
  const type = TYPES[extname(name)];
  if (!type || name.startsWith('..')) return null;
  try {
    return { type, bytes: await readFile(join(PAGE, name)) };
  } catch {
    return null;
  }
}

/** Starts the server; `target()` returns the port of the causerie server. */
export async function startFiles(target, port = 0) {
  const server = createServer(async (incoming, outgoing) => {
    const { pathname } = new URL(incoming.url, 'http://localhost');
    const found = incoming.method === 'GET' ? await file(pathname) : null;
    if (found) {
      outgoing.writeHead(200, { 'content-type': found.type, 'content-security-policy': POLICY, 'x-content-type-options': 'nosniff', 'cache-control': 'no-cache' });
      outgoing.end(found.bytes);
      return;
    }
    const forwarded = request({ host: '127.0.0.1', port: target(), method: incoming.method, path: incoming.url, headers: incoming.headers }, (response) => {
      outgoing.writeHead(response.statusCode, response.headers);
      response.pipe(outgoing);
      response.on('error', () => outgoing.destroy());
    });
    forwarded.on('error', () => outgoing.destroy());
    outgoing.on('close', () => forwarded.destroy());
    incoming.pipe(forwarded);
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { address: `http://127.0.0.1:${server.address().port}`, close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) };
}
