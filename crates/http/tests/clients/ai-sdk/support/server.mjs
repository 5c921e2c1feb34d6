// A causerie server with its own data and the built-in simulator, and a proxy that loses requests and cuts connections.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BINARY = process.env.CAUSERIE_BINARY;
/** Environment without settings of the program. */
const INHERITED = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AI|CAUSERIE|DATABASE|OPENROUTER)_/.test(name)));

export async function listen(handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Waits until a condition holds, at most a minute. */
export async function until(condition, what = 'the condition') {
  for (const deadline = Date.now() + 60_000; Date.now() < deadline;) {
    const found = await condition();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${what} does not hold`);
}

/** Starts a server whose API scripts of `origin` may use. */
export async function startServer({ origin, environment = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'causerie-ai-sdk-'));
  const data = join(folder, 'data');
  const probe = await listen(() => {});
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  const child = spawn(BINARY, ['serve', '--data-dir', data], {
    cwd: folder,
    stdio: 'ignore',
    env: {
      ...INHERITED, CAUSERIE_LISTEN: `127.0.0.1:${port}`, CAUSERIE_SENDS_PER_MINUTE: '0', CAUSERIE_CREATIONS_PER_MINUTE: '0',
      ...(origin ? { CAUSERIE_CORS_ORIGINS: origin } : {}), ...environment,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  await until(() => fetch(`${url}/readyz`).then((response) => response.ok, () => false), 'readiness');
  const key = readFileSync(join(data, 'admin-key'), 'utf8').trim();
  const api = async (method, path, body, { token = key, type = 'application/json' } = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }), accept: 'application/json' },
      body: body === undefined || type !== 'application/json' ? body : JSON.stringify(body),
    });
    const text = await response.text();
    const answer = text ? JSON.parse(text) : null;
    if (!response.ok) throw Object.assign(new Error(`${method} ${path}: ${response.status} ${text}`), { status: response.status, answer });
    return answer;
  };
  return {
    url, port, key, api,
    /** Posts a tool whose model is a scenario of the simulator. */
    tool: (name, model) => api('POST', '/tools', `name: ${name}\nversion: 1.0.0\ntype: chat\ntitle: ${name}\ndescription: A tool for tests.\nbehavior: Answer.\nmodel: ${JSON.stringify(model)}\n`, { type: 'application/yaml' }),
    /** Creates a session and returns its id. */
    session: async (tool) => (await api('POST', '/sessions', { tool })).id,
    /** Returns the stored messages of a session. */
    stored: async (session) => {
      const found = [];
      for (let query = '?limit=100'; query;) {
        const { data, next_cursor: next } = await api('GET', `/sessions/${session}/messages${query}`);
        found.push(...data);
        query = next && `?limit=100&cursor=${encodeURIComponent(next)}`;
      }
      return found;
    },
    /** Returns the number of requests to the upstream. */
    requests: async () => (await api('GET', '/usage')).total.requests,
    close: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a proxy to a server. It records paths and the bytes of their responses. */
export async function startProxy(port) {
  let down = false;
  let lost = null;
  const log = [];
  const server = await listen((incoming, outgoing) => {
    const isLost = lost?.matches(incoming) ?? false;
    const { moment } = lost ?? {};
    if (isLost) lost = null;
    if (down || (isLost && moment === 'before')) {
      incoming.socket.destroy();
      return;
    }
    const entry = { method: incoming.method, path: incoming.url, headers: incoming.headers, sent: 0, text: '' };
    log.push(entry);
    const forwarded = request({ port, host: '127.0.0.1', method: incoming.method, path: incoming.url, headers: incoming.headers }, (answer) => {
      if (isLost) {
        incoming.socket.destroy();
        return;
      }
      outgoing.writeHead(answer.statusCode, answer.headers).flushHeaders();
      answer.on('data', (bytes) => { entry.text += bytes; });
      answer.pipe(outgoing);
    });
    forwarded.on('error', () => incoming.socket.destroy());
    outgoing.on('close', () => forwarded.destroy());
    incoming.on('data', (bytes) => { entry.sent += bytes.length; }).pipe(forwarded);
  });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    log,
    /** Loses the next request of a kind before or after it reaches the server. */
    lose: (method, path, moment) => { lost = { moment, matches: (incoming) => incoming.method === method && incoming.url.startsWith(path) }; },
    /** Breaks all connections, and refuses new ones until `open`. */
    cut: () => { down = true; server.closeAllConnections(); },
    open: () => { down = false; },
    close: () => { server.closeAllConnections(); server.close(); },
  };
}
