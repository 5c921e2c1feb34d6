// A causerie server with its own data, for one test file.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFiles } from './files.mjs';

const BINARY = process.env.CAUSERIE_BINARY ?? new URL('../../../../../../target/debug/causerie', import.meta.url).pathname;

const READY_MS = 120_000;

/** Environment without settings of the program. */
const INHERITED = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AI|CAUSERIE|DATABASE|OPENROUTER)_/.test(name)));

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a server, by default with the built-in simulator. `kill` and `restart` keep its data. */
export async function startServer({ flags = [], environment = {}, level = 'warn' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'causerie-page-'));
  const data = join(folder, 'data');
  const port = await freePort();
  let child = null;
  let banner = '';
  let log = '';
  const run = async (changed = environment) => {
    child = spawn(BINARY, ['--listen', `127.0.0.1:${port}`, '--data-dir', data, '--log', level, ...flags], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], env: { ...INHERITED, ...changed } });
    banner = '';
    let failure = null;
    child.once('error', (error) => {
      failure = error;
    });
    child.stdout.on('data', (text) => {
      banner += text;
    });
    child.stderr.on('data', (text) => {
      log += text;
    });
    for (const deadline = Date.now() + READY_MS; Date.now() < deadline;) {
      if (failure || child.exitCode !== null) throw new Error(`${BINARY} did not start`, { cause: failure });
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`).then((response) => response.ok, () => false);
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the server did not become ready');
  };
  const kill = async (signal = 'SIGKILL') => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  };
  await run();
  const direct = `http://127.0.0.1:${port}`;
  const files = process.env.CAUSERIE_PAGE_FILES ? await startFiles(() => port) : null;
  const key = readFileSync(join(data, 'admin-key'), 'utf8').trim();
  const api = async (method, path, body, { bearer = key, type = 'application/json' } = {}) => {
    const response = await fetch(direct + path, {
      method,
      headers: { authorization: `Bearer ${bearer}`, ...(body === undefined ? {} : { 'content-type': type }), accept: 'application/json' },
      body: body === undefined ? undefined : type === 'application/json' ? JSON.stringify(body) : body,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  return {
    address: files?.address ?? direct,
    key,
    api,
    kill,
    restart: run,
    /** Fragment of the address that the first start prints. */
    code: () => banner.match(/#code=\w+/)?.[0],
    /** Text that the server has logged. */
    log: () => log,
    /** Posts a tool whose model is a scenario of the simulator. */
    tool: (name, model, more = '') => api('POST', '/tools', `name: ${name}\nversion: 1.0.0\ntype: chat\ntitle: ${name}\ndescription: A tool for tests.\nbehavior: Answer.\nmodel: ${JSON.stringify(model)}\n${more}`, { type: 'application/yaml' }),
    close: async () => {
      await kill();
      await files?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
