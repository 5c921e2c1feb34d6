// The pages of `docs/examples`, started as their README says, in Chromium.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { launch } from '../support/browser.mjs';
import { listen, startServer, until } from '../support/server.mjs';

const EXAMPLES = new URL('../../../../../../docs/examples/', import.meta.url).pathname;

let browser, plain, server, vite;
before(async () => {
  plain = await listen((_, outgoing) => {
    outgoing.setHeader('content-type', 'text/html; charset=utf-8');
    outgoing.end(readFileSync(`${EXAMPLES}plain-html/index.html`));
  });
  plain.origin = `http://127.0.0.1:${plain.address().port}`;
  server = await startServer({ origin: plain.origin });
  await server.tool('echo', 'sim/echo');
  await server.tool('slow', 'sim/slow?words=150&delay_ms=50');
  const probe = await listen(() => {});
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  // What `npm run dev` runs.
  vite = spawn(process.execPath, ['node_modules/vite/bin/vite.js', '--port', port, '--host', '127.0.0.1', '--strictPort'], { cwd: `${EXAMPLES}use-chat`, stdio: 'ignore', env: { ...process.env, CAUSERIE_URL: server.url } });
  vite.origin = `http://127.0.0.1:${port}`;
  await until(() => fetch(vite.origin).then((response) => response.ok, () => false), 'vite');
  browser = await launch();
});
after(async () => {
  await browser?.close();
  vite?.kill();
  plain?.closeAllConnections();
  plain?.close();
  await server?.close();
});

async function open(address) {
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  page.on('dialog', (dialog) => dialog.accept(server.key));
  await page.goto(address);
  await page.getByLabel('Message').waitFor();
  const send = async (text) => {
    await page.getByLabel('Message').fill(text);
    await page.getByRole('button', { name: 'Send' }).click();
  };
  return { page, send };
}

test('useChat with Vite and React: a send, a reload in mid-answer, another answer, and a stop', async () => {
  const { page, send } = await open(`${vite.origin}/?tool=slow`);
  await send('Hello');
  const shown = page.locator('article.assistant p');
  await until(async () => ((await shown.textContent().catch(() => '')) ?? '').length > 20, 'text');
  await page.reload();
  await page.locator('article.assistant small').waitFor();
  const session = await page.evaluate(() => sessionStorage.session);
  assert.equal(await shown.textContent(), (await server.stored(session))[1].content);
  await page.getByRole('button', { name: 'Regenerate' }).click();
  await page.getByRole('button', { name: 'Stop' }).click();
  await until(async () => (await server.stored(session))[2]?.status === 'cancelled', 'the cancellation');
  await page.close();
});

test('plain HTML: two messages', async () => {
  const { page, send } = await open(`${plain.origin}/?url=${server.url}&tool=echo`);
  for (const text of ['Hello', 'And now?']) {
    await send(text);
    const answer = page.locator('p.assistant[title]').nth(text === 'Hello' ? 0 : 1);
    await answer.waitFor();
    const session = await page.evaluate(() => sessionStorage.session);
    assert.equal(await answer.textContent(), (await server.stored(session)).at(-1).content);
  }
  await page.close();
});
