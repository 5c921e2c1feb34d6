// A causerie server with its own data and the built-in simulator, and a proxy that cuts connections.

import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const BINARY = process.env.CAUSERIE_BINARY;
/** Environment without settings of the program. */
const INHERITED = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(AI|CAUSERIE|DATABASE|OPENROUTER)_/.test(name)));

async function listen(handler) {
  const server = createServer(handler);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Returns a port that no program listens on. */
export async function freePort() {
  const probe = await listen(() => {});
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Waits until an address answers. */
export async function untilReady(address) {
  const deadline = Date.now() + 30_000;
  while (!(await fetch(address).then((response) => response.ok, () => false))) {
    if (Date.now() > deadline) throw new Error(`${address} did not become ready`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Starts a server. Settings are environment variables of the program. */
export async function startServer(settings = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'causerie-client-'));
  const data = join(folder, 'data');
  const port = await freePort();
  const child = spawn(BINARY, ['serve', '--data-dir', data], {
    cwd: folder,
    stdio: 'ignore',
    env: { ...INHERITED, CAUSERIE_LISTEN: `127.0.0.1:${port}`, CAUSERIE_SENDS_PER_MINUTE: '0', ...settings },
  });
  const address = `http://127.0.0.1:${port}`;
  await untilReady(`${address}/readyz`);
  const key = readFileSync(join(data, 'admin-key'), 'utf8').trim();
  const get = async (path) => (await fetch(address + path, { headers: { authorization: `Bearer ${key}` } })).json();
  return {
    address,
    port,
    key,
    get,
    /** Returns the number of rows in the ledger, one for each request to the upstream. */
    requests: async () => (await get('/usage')).total.requests,
    /** Runs a program of the documentation and returns its output. */
    run: async (program) => {
      const env = { ...INHERITED, CAUSERIE_URL: address, CAUSERIE_KEY: key };
      return (await promisify(execFile)(process.execPath, [program], { env, timeout: 60_000 })).stdout;
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
export async function startProxy(target, cutAt = Infinity) {
  let limit = cutAt;
  const received = [];
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
      if (cutAt === Infinity) received.push(part);
      client.write(part, () => left <= 0 && close());
    });
    for (const side of [client, upstream]) side.on('error', close).on('close', close);
  });
  return { port: proxy.address().port, received: () => Buffer.concat(received), close: () => proxy.close() };
}
