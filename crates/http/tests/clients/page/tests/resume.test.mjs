// Answers that outlive a page, a browser and a server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answers, converse, idle, openPage, setUp, signIn } from '../support/browser.mjs';
import { startUpstream } from '../support/upstream.mjs';

/** Answers that go on until a test lets them end, by a part of their message. */
const held = Object.fromEntries(['reload', 'both', 'killed', 'closed'].map((name) => [name, { text: 'This answer goes on ', held: true }]));

let all;
let upstream;
before(async () => {
  upstream = await startUpstream([...Object.entries(held), ['Again', held.both]]);
  all = await setUp({ environment: { AI_API_KEY: 'example', AI_GATEWAY_URL: upstream.address, AI_DEFAULT_MODEL: 'openai/gpt-5-mini' } });
});
after(async () => {
  await all.close();
  await upstream.close();
});

const started = (page, length = 40) => page.waitForFunction((wanted) => (document.querySelector('.theirs:last-child .bubble')?.textContent.length ?? 0) > wanted, length);
const id = (page) => page.url().split('/sessions/')[1];
const stored = async (page) => (await all.server.api('GET', `/sessions/${id(page)}/messages`)).data.findLast((message) => message.role === 'assistant');
const normal = (text) => text.replaceAll(/\s+/g, ' ').trim();

test('a reload in mid-answer resumes it', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'Until a reload');
  await started(page);
  await page.reload();
  await page.getByRole('button', { name: 'Stop' }).waitFor();
  held.reload.held = false;
  await idle(page);
  const message = await stored(page);
  assert.equal(message.status, 'completed');
  assert.equal(normal(await answers(page).last().textContent()), normal(message.content));
  assert.deepEqual(page.problems, []);
});

test('a second browser sees the conversation live, and stops it', async () => {
  const first = await openPage(all.browser, all.server);
  await signIn(first, all.server);
  await converse(first, 'general-assistant', 'For both');
  await started(first);
  const second = await openPage(all.browser, all.server);
  await signIn(second, all.server);
  await second.goto(first.url());
  await started(second);
  await second.getByRole('button', { name: 'Stop' }).click();
  await first.locator('.outcome').getByText('Stopped.').waitFor();
  await second.locator('.outcome').getByText('Stopped.').waitFor();
  // A message of the second browser appears in the first one without a reload.
  await second.getByLabel('Message', { exact: true }).fill('Again');
  await second.keyboard.press('Enter');
  await first.locator('.mine').nth(1).waitFor();
  await started(first);
  await first.getByRole('button', { name: 'Stop' }).click();
  await Promise.all([idle(first, 2), idle(second, 2)]);
  assert.equal(await answers(first).last().textContent(), await answers(second).last().textContent());
});

test('a server that is killed and started again is resumed, and the cut is told', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'Until the server is killed');
  await started(page, 80);
  await all.server.kill();
  await page.locator('.composer-note').getByText('The connection is lost').waitFor();
  held.killed.held = false;
  await all.server.restart();
  await page.locator('.outcome').getByText('A stop of the server interrupted this answer.').waitFor();
  await idle(page);
  const message = await stored(page);
  assert.equal(message.status, 'interrupted');
  assert.ok(normal(await answers(page).last().textContent()).startsWith(normal(message.content)));
  await page.getByLabel('Message', { exact: true }).fill('Go on');
  await page.keyboard.press('Enter');
  await idle(page, 2);
  assert.equal((await stored(page)).status, 'completed');
  assert.deepEqual(page.problems, []);
});

test('an answer that ends while the browser is closed is there when it comes back', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'While the browser is closed');
  await started(page);
  const address = page.url();
  await page.context().close();
  const later = await openPage(all.browser, all.server);
  await signIn(later, all.server);
  await later.goto(address);
  await later.getByRole('button', { name: 'Stop' }).waitFor();
  held.closed.held = false;
  await idle(later);
  assert.equal((await stored(later)).status, 'completed');
  assert.deepEqual(later.problems, []);
});
