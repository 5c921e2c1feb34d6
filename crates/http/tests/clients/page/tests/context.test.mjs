// What was sent to the model, what was left out and why, and what an answer and a session cost.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, test } from 'node:test';
import { converse, idle, openPage, setUp, signIn } from '../support/browser.mjs';

let all;
let page;
before(async () => {
  all = await setUp();
  await all.server.tool('short', 'sim/echo', 'history: {max_messages: 2, trim: sliding}\nparameters: {temperature: 0.3}\n');
  await all.server.tool('cached', 'sim/cache');
  page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
});
after(() => all.close());

const dialog = () => page.getByRole('dialog');
const send = async (text, number) => {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
  await idle(page, number);
};
const openContext = async () => {
  await page.locator('.theirs .facts summary').last().click();
  await page.getByRole('button', { name: 'What was sent' }).last().click();
  await dialog().getByRole('table', { name: 'Sent to the model' }).waitFor();
};

test('the messages that were left out are told, with the reason', async () => {
  await converse(page, 'short', 'One');
  await idle(page);
  await send('Two', 2);
  await page.getByRole('button', { name: 'Regenerate' }).click();
  await page.locator('.theirs').nth(2).waitFor();
  await idle(page, 3);
  await send('Three', 4);
  await page.locator('.theirs').last().getByText(/earlier messages? (was|were) left out/).waitFor();
  await openContext();
  const leftOut = dialog().locator('.left-out');
  await leftOut.getByText('Messages 1 to 2:').waitFor();
  await leftOut.getByText('before the beginning of the history').waitFor();
  await leftOut.getByText('replaced by a later answer').waitFor();
  const rows = await dialog().getByRole('table', { name: 'Sent to the model' }).getByRole('row').allTextContents();
  assert.equal(rows.length, 5, rows.join());
  assert.match(rows[1], /System message of the tool/);
  assert.match(rows[4], /User/);
  await dialog().getByText('temperature').waitFor();
});

test('each request has its cost, its prices, and its body byte for byte', async () => {
  await dialog().getByText('Prices per million tokens').waitFor();
  await dialog().getByText('$1.00 in, $2.00 out').waitFor();
  const hash = await dialog().locator('.attempts dd code').textContent();
  await dialog().locator('summary').getByText('The request, byte for byte').click();
  const body = await dialog().locator('.attempts pre').textContent();
  assert.equal(createHash('sha256').update(body).digest('hex'), hash);
  assert.equal(JSON.parse(body).messages.at(-1).content, 'Three');
  await dialog().getByRole('button', { name: 'Close' }).click();
});

test('a session has its cost by basis and by model', async () => {
  const messages = (await all.server.api('GET', `/sessions/${page.url().split('/sessions/')[1]}/messages`)).data;
  await page.getByRole('button', { name: 'Cost of the session' }).click();
  await dialog().locator('.bases').getByText('reported').waitFor();
  const row = dialog().getByRole('table', { name: 'By model' }).getByRole('row').nth(1);
  await row.getByText('sim/echo').waitFor();
  assert.equal(await dialog().locator('.figures dd').nth(1).textContent(), String(messages.filter((message) => message.usage).length));
  await dialog().getByRole('button', { name: 'Close' }).click();
});

test('the share that a cache served is shown with the answer', async () => {
  await converse(page, 'cached', 'Again');
  await idle(page);
  await page.locator('.theirs .price .cached').getByText(/^\d\d(\.\d)?% from cache$/).waitFor();
  await page.locator('.theirs .facts summary').click();
  await page.locator('.facts dl').getByText('1,000 (').waitFor();
});

test('savings and withheld messages are shown where the server names them', async () => {
  const other = await openPage(all.browser, all.server);
  // Servers name these members only where they know them.
  await other.route(/\/sessions\/[^/]+$/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    body.totals.cache_saved = '0.00123';
    body.messages[0].withheld = true;
    body.messages[1].usage = { ...body.messages[1].usage, cache_saved: '-0.0004', cache_write_tokens: 200 };
    await route.fulfill({ response, json: body });
  });
  await other.route(/\/usage\?/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    for (const sums of [body.total, ...body.data]) sums.cache_saved = '0.00123';
    await route.fulfill({ response, json: body });
  });
  await signIn(other, all.server);
  await other.goto(page.url());
  await other.locator('.mine.withheld .mark').getByText('not sent to the model again').waitFor();
  await other.locator('.totals').getByText('$0.0012 saved').waitFor();
  await other.locator('.theirs .facts summary').click();
  await other.locator('.facts dl').getByText('Saved by cache').waitFor();
  await other.locator('.facts dl').getByText('−$0.00040').waitFor();
  await other.locator('.facts dl').getByText('Written to cache').waitFor();
  await other.getByRole('button', { name: 'Cost of the session' }).click();
  await other.getByRole('dialog').locator('.figures').getByText('Saved').waitFor();
  await other.getByRole('dialog').getByRole('columnheader', { name: 'Saved' }).waitFor();
  await other.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  await other.getByRole('link', { name: 'Usage' }).click();
  await other.locator('.figures').getByText('Saved').waitFor();
  await other.getByRole('table', { name: 'By tool' }).getByRole('columnheader', { name: 'Saved' }).waitFor();
  assert.deepEqual([...page.problems, ...other.problems], []);
});
