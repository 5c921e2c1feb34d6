// A causerie server with its own data and the built-in simulator, and a proxy that cuts connections.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BINARY = process.env.CAUSERIE_BINARY;
/** Environment without settings of the program. */
const INHERITED = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AI|CAUSERIE|DATABASE|OPENROUTER)_/.test(name)));

async function listen(handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Starts a server. */
export async function startServer(environment = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'causerie-openai-'));
  const data = join(folder, 'data');
  const probe = await listen(() => {});
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  const child = spawn(BINARY, ['serve', '--data-dir', data], {
    cwd: folder,
    stdio: 'ignore',
    env: { ...INHERITED, CAUSERIE_LISTEN: `127.0.0.1:${port}`, CAUSERIE_SENDS_PER_MINUTE: '0', ...environment },
  });
  const address = `http://127.0.0.1:${port}`;
  const deadline = Date.now() + 30_000;
  while (!(await fetch(`${address}/readyz`).then((response) => response.ok, () => false))) {
    if (Date.now() > deadline) throw new Error('the server did not become ready');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const key = readFileSync(join(data, 'admin-key'), 'utf8').trim();
  return {
    port,
    key,
    /** Returns the number of rows in the ledger, one for each request to the upstream. */
    requests: async () => {
      const response = await fetch(`${address}/usage`, { headers: { authorization: `Bearer ${key}` } });
      return (await response.json()).total.requests;
    },
    close: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Starts a proxy that closes its first connection after a number of bytes of the response, and passes the others on. */
export async function startProxy(target, cutAt) {
  let limit = cutAt;
  const proxy = await listen((client) => {
    let left = limit;
    limit = Infinity;
    const upstream = connect(target, '127.0.0.1');
    const close = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes) => {
      const part = bytes.subarray(0, left);
      left -= part.length;
      client.write(part, () => left <= 0 && close());
    });
    for (const side of [client, upstream]) side.on('error', close).on('close', close);
  });
  return { port: proxy.address().port, close: () => proxy.close() };
}
