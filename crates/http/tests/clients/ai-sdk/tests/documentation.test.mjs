// The code of `docs/clients.md` runs as it stands, from the section on `useChat` on.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { launch, servePages } from '../support/browser.mjs';
import { startServer, until } from '../support/server.mjs';

const DOCUMENT = readFileSync(new URL('../../../../../../docs/clients.md', import.meta.url), 'utf8');

/** Returns the code of a section, with the packages of a major. */
function codeOf(heading, major) {
  const [, section] = DOCUMENT.split(`# ${heading}\n`);
  assert.ok(section, `there is a section "${heading}"`);
  const [, code] = section.match(/```jsx?\n([^]*?)```/);
  return code
    .replaceAll("'ai'", `'ai-${major}'`).replaceAll("'@ai-sdk/react'", `'@ai-sdk/react-${major}'`).replaceAll("'@casl/ability'", `'@casl/ability-${major}'`)
    .replaceAll("'causerie-client'", "'../../../../js/index.js'");
}

const VALUES = `
  const { url, key, session, stored } = window.values;
  const show = (value) => document.body.append(String(value) + ' ');
  const ask = () => {};`;
const rendered = (heading, major) => `
  import { createRoot } from 'react-dom/client';
  const { url, key } = window.values;
  ${codeOf(heading, major)}
  createRoot(document.querySelector('main')).render(<Chat session={window.values.session} />);`;
const plain = (heading, major = 7) => `${VALUES}\n${codeOf(heading, major)}\nwindow.done = true;`;

let browser, pages, server;
before(async () => {
  pages = await servePages({
    default6: rendered('useChat of the AI SDK', 6), default7: rendered('useChat of the AI SDK', 7),
    helper6: rendered('With the helper', 6), helper7: rendered('With the helper', 7),
    follow: plain('Pages without a framework'), events: plain('EventSource'), outbox: plain('Messages that are written offline'),
    casl6: plain('CASL', 6), casl7: plain('CASL', 7),
  });
  server = await startServer({ origin: pages.origin });
  await server.tool('assistant', 'sim/echo');
  browser = await launch();
});
after(async () => {
  await browser?.close();
  for (const each of [server, pages]) await each?.close();
});

async function open(name, tool = 'assistant') {
  const session = await server.session(tool);
  const page = await browser.newPage();
  await page.addInitScript((values) => { window.values = values; }, { url: server.url, key: server.key, session, stored: await server.api('GET', `/sessions/${session}`) });
  await page.goto(`${pages.origin}/${name}`);
  return { page, session };
}

for (const major of [6, 7]) {
  test(`useChat of major ${major}`, async () => {
    const { page, session } = await open(`default${major}`);
    await page.getByRole('button', { name: 'Send' }).click();
    await until(async () => (await server.stored(session))[1]?.status === 'completed', 'the answer');
    await page.locator('p').nth(1).waitFor();
    await until(async () => (await page.locator('p').nth(1).textContent()) === (await server.stored(session))[1].content, 'the text');
    await page.getByRole('button', { name: 'Regenerate' }).click();
    await until(async () => (await server.stored(session))[2]?.status === 'completed', 'another answer');
    await page.close();
  });

  test(`the helper with useChat of major ${major}`, async () => {
    const { page } = await open(`helper${major}`);
    await page.getByRole('button', { name: 'Send' }).click();
    const session = await page.evaluate(() => sessionStorage.session);
    const ended = async () => (await server.stored(session).catch(() => []))[1]?.status === 'completed';
    await until(ended, 'the answer');
    const { content } = (await server.stored(session))[1];
    await until(async () => (await page.locator('p').nth(1).textContent()) === content, 'the text');
    await page.reload();
    await until(async () => (await page.locator('p').nth(1).textContent()) === content, 'the text after a reload');
    await page.close();
  });

  test(`CASL ${major}`, async () => {
    const { page } = await open(`casl${major}`);
    await page.waitForFunction(() => window.done);
    assert.equal((await page.evaluate(() => document.body.lastChild.textContent + document.body.textContent)).match(/true/g).length >= 2, true);
    await page.close();
  });
}

test('a turn is followed, and an EventSource reads it', async () => {
  const { page, session } = await open('follow');
  await page.waitForFunction(() => window.done);
  const { content } = (await server.stored(session))[1];
  const words = (text) => text.replace(/\s/g, '');
  assert.equal(words(await page.evaluate(() => document.body.textContent)), words(content));
  await page.close();
  await server.tool('slow', 'sim/slow?words=80&delay_ms=100');
  const slow = await server.session('slow');
  await fetch(`${server.url}/sessions/${slow}/messages`, { method: 'POST', headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json', prefer: 'respond-async' }, body: '{"content":"Hello"}' });
  const events = await browser.newPage();
  await events.addInitScript((values) => { window.values = values; }, { url: server.url, key: server.key, session: slow });
  await events.goto(`${pages.origin}/events`);
  await until(async () => (await server.stored(slow))[1].status === 'completed', 'the answer');
  const answer = words((await server.stored(slow))[1].content);
  await until(async () => words(await events.evaluate(() => document.body.textContent)) === answer, 'the text');
  await events.close();
});

test('a message of the outbox is sent', async () => {
  const { page, session } = await open('outbox');
  await page.waitForFunction(() => window.done);
  assert.equal((await server.stored(session))[0].content, 'Hello from the train');
  await page.close();
});
