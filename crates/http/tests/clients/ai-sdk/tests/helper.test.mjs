// The helper of `crates/http/js` against the built program, its types, and its package.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createMongoAbility } from '@casl/ability-7';
import { ability, CauserieError, follow, messages, outbox } from '../../../../js/index.js';
import { startProxy, startServer, until } from '../support/server.mjs';

const HELPER = new URL('../../../../js/', import.meta.url).pathname;

let server, options;
before(async () => {
  server = await startServer();
  options = { url: server.url, token: () => server.key };
  for (const [name, model] of [['echo', 'sim/echo'], ['slow', 'sim/slow?words=60&delay_ms=50'], ['reasoning', 'sim/reasoning'], ['image', 'sim/image?images=2&words=3']]) await server.tool(name, model);
});
after(() => server.close());

const send = (session, content) => server.api('POST', `/sessions/${session}/messages`, { content });
async function begin(tool) {
  const session = await server.session(tool);
  const response = await fetch(`${server.url}/sessions/${session}/messages`, { method: 'POST', headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json', prefer: 'respond-async' }, body: '{"content":"Hello"}' });
  return { session, turn: (await response.json()).turn.id };
}
async function collect(frames) {
  const found = [];
  for await (const frame of frames) found.push(frame);
  return found;
}
const textOf = (frames) => frames.filter(({ type }) => type === 'text-delta').map(({ delta }) => delta).join('');

test('the module is one file without dependencies, of fewer than 300 lines', () => {
  const source = readFileSync(join(HELPER, 'index.js'), 'utf8');
  assert.ok(source.trimEnd().split('\n').length < 300);
  assert.ok(!/^import /m.test(source));
  const listed = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: HELPER, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  assert.deepEqual(listed[0].files.map(({ path }) => path).sort(), ['README.md', 'index.d.ts', 'index.js', 'package.json']);
});

test('the types fit both majors of the AI SDK, in strict mode', () => {
  const uses = ['6', '7'].map((major) => `
    import { useChat as useChat${major} } from '@ai-sdk/react-${major}';
    import type { ChatTransport as Transport${major}, UIMessage as Message${major} } from 'ai-${major}';
    import { createMongoAbility as create${major} } from '@casl/ability-${major}';
    export const transport${major}: Transport${major}<Message${major}> = createCauserieTransport({ url, token: async () => 'key', tool: 'echo' });
    export const use${major} = async () => useChat${major}({ id: 'x', transport: transport${major}, messages: await messages('x', { url, token: 'key' }), resume: true });
    export const able${major} = async () => (await ability(create${major}, { url })).can('read', 'Tool');`);
  const path = new URL('../types.check.ts', import.meta.url).pathname;
  writeFileSync(path, `import { ability, createCauserieTransport, follow, messages, outbox } from '${HELPER}index.js';
    const url = 'https://causerie.example.org';
    ${uses.join('\n')}
    export async function others() {
      for await (const frame of follow('turn', { url, ticket: 'ticket', cursor: null })) console.log(frame.type, frame.cursor);
      const box = outbox('session', { url, token: 'key' });
      box.add('Hello');
      const { sent, refused, error } = await box.flush();
      console.log(sent[0]?.turn.id, refused[0]?.error.code, error?.message, box.expired().map(({ id }) => id));
    }`);
  try {
    execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext', '--moduleResolution', 'nodenext', '--lib', 'es2023,dom,dom.iterable,dom.asynciterable', path], { cwd: new URL('..', import.meta.url).pathname, encoding: 'utf8' });
  } catch (error) {
    assert.fail(error.stdout + error.stderr);
  } finally {
    rmSync(path);
  }
});

test('the stored conversation has the ids of the stream and all parts', async () => {
  const session = await server.session('reasoning');
  await send(session, 'Hello');
  await server.api('POST', `/sessions/${session}/regenerate`);
  const stored = await server.stored(session);
  const found = await messages(session, options);
  assert.deepEqual(found.map(({ id, role }) => [id, role]), [[stored[0].id, 'user'], [stored[2].id, 'assistant']]);
  assert.deepEqual(found[1].parts.map(({ type }) => type), ['reasoning', 'text']);
  assert.equal(found[1].metadata.usage.cost, stored[2].usage.cost);
  const many = await server.session('echo');
  for (let count = 0; count < 51; count += 1) await server.api('POST', `/sessions/${many}/messages`, { content: `${count}` });
  assert.equal((await messages(many, options)).length, 102);
  await assert.rejects(messages(crypto.randomUUID(), options), (error) => error instanceof CauserieError && error.code === 'not_found' && error.status === 404);
});

test('a turn is followed with a token, with a ticket, and from every cursor', async () => {
  const { session, turn } = await begin('image');
  const all = await collect(follow(turn, options));
  assert.equal(textOf(all), (await server.stored(session))[1].content);
  assert.equal(all.filter(({ type }) => type === 'file').length, 2);
  assert.ok(all.at(-1).cursor.endsWith(':end'));
  const { ticket } = await server.api('POST', `/sessions/${session}/stream-tickets`);
  assert.deepEqual(await collect(follow(turn, { url: server.url, ticket })), all);
  for (const [index, { cursor }] of all.entries()) {
    const rest = await collect(follow(turn, { ...options, cursor }));
    const missed = all.slice(index + 1);
    assert.equal(textOf(rest), textOf(missed), cursor);
    assert.equal(rest.filter(({ type }) => type === 'file').length, missed.filter(({ type, cursor: at }) => type === 'file' && at !== cursor).length, cursor);
  }
});

test('a turn is followed over broken connections, each character once', async () => {
  const proxy = await startProxy(server.port);
  const { session, turn } = await begin('slow');
  const found = [];
  let cuts = 0;
  for await (const frame of follow(turn, { ...options, url: proxy.url })) {
    found.push(frame);
    if (textOf(found).length > 40 * (cuts + 1) && cuts < 3) {
      cuts += 1;
      proxy.cut();
      proxy.open();
    }
  }
  assert.equal(textOf(found), (await server.stored(session))[1].content);
  assert.deepEqual([...new Set(found.map(({ type }) => type))], ['start', 'text-start', 'text-delta', 'text-end', 'data-usage', 'finish']);
  assert.equal(found.filter(({ type }) => type === 'text-start').length, 1);
  assert.ok(proxy.log.length >= 4);
  proxy.close();
});

/** Storage as the browser has it. */
function memory() {
  const items = new Map();
  return { getItem: (name) => items.get(name) ?? null, setItem: (name, text) => items.set(name, text), removeItem: (name) => items.delete(name) };
}

test('the outbox sends once and in order, survives a reload, and never sends what is old', async () => {
  const proxy = await startProxy(server.port);
  const storage = memory();
  const session = await server.session('slow');
  let time = Date.now();
  const open = () => outbox(session, { url: proxy.url, token: server.key, storage, now: () => time });
  const box = open();
  proxy.cut();
  const ids = [box.add('One'), box.add('Two')];
  const offline = await box.flush();
  assert.deepEqual([offline.sent, offline.refused, offline.error instanceof Error], [[], [], true]);
  proxy.open();
  proxy.lose('POST', `/sessions/${session}/messages`, 'after');
  assert.ok((await box.flush()).error);
  const reloaded = open();
  assert.deepEqual(reloaded.waiting().map(({ content }) => content), ['One', 'Two']);
  const { sent, error } = await reloaded.flush();
  assert.deepEqual([sent.map(({ id }) => id), error, reloaded.waiting()], [ids, undefined, []]);
  await until(async () => (await server.stored(session)).at(-1).status === 'completed', 'the end');
  const stored = await server.stored(session);
  assert.deepEqual(stored.map(({ role, content }) => (role === 'user' ? content : role)), ['One', 'assistant', 'Two', 'assistant']);
  assert.deepEqual((await messages(session, options)).filter(({ role }) => role === 'user').map(({ id }) => id), ids);

  const old = box.add('Three');
  time += 23 * 60 * 60 * 1000;
  assert.deepEqual([box.waiting(), box.expired().map(({ id }) => id)], [[], [old]]);
  assert.deepEqual(await box.flush(), { sent: [], refused: [] });
  assert.equal((await server.stored(session)).length, 4);
  box.discard(old);
  assert.deepEqual(box.expired(), []);
  box.add(' ');
  const { refused } = await box.flush();
  assert.deepEqual(refused.map((entry) => [entry.content, entry.error.code]), [[' ', 'invalid_body']]);
  assert.deepEqual(box.waiting(), []);
  proxy.close();
});

test('the abilities are an ability of CASL', async () => {
  const able = await ability(createMongoAbility, options);
  assert.equal(able.can('manage', 'Group'), true);
});
