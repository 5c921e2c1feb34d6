// What a message will cost, before it is sent.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { converse, idle, openPage, setUp, settled, signIn } from '../support/browser.mjs';

const LONG = 'This paragraph is longer than a question usually is. '.repeat(40);

let all;
let page;
before(async () => {
  all = await setUp();
  await all.server.tool('short', 'sim/echo', 'history: {max_messages: 2, trim: sliding}\n');
  page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
});
after(() => all.close());

const id = () => page.url().split('/sessions/')[1];
const message = () => page.getByLabel('Message', { exact: true });

test('a long draft has a quote, and a short one has none', async () => {
  await converse(page, 'short', 'First');
  await idle(page);
  await message().fill('Short');
  await page.waitForTimeout(1500);
  assert.equal(await page.locator('.quote').count(), 0);
  const requested = page.waitForResponse((response) => response.url().endsWith('/quote'));
  await message().fill(LONG);
  const quote = await (await requested).json();
  const text = page.locator('.quote');
  await text.getByText('expected').waitFor();
  assert.match(await text.textContent(), /^\$0\.\d+ expected\$0\.\d+ at mostabout [\d,]+ input tokens/);
  assert.ok((await text.textContent()).includes(`about ${quote.estimated_input_tokens.toLocaleString('en-US')} input tokens`));
  assert.equal(await message().getAttribute('aria-describedby'), 'quote');
  // Nothing is stored.
  assert.equal((await all.server.api('GET', `/sessions/${id()}/messages`)).data.length, 2);
});

test('the send does what the quote said', async () => {
  await page.getByRole('button', { name: 'Send' }).click();
  await idle(page, 2);
  assert.equal(await page.locator('.quote').count(), 0);
  await message().fill(LONG);
  await page.locator('.quote').getByText('2 earlier messages left out').waitFor();
  await page.getByRole('button', { name: 'Send' }).click();
  await idle(page, 3);
  await page.locator('.theirs').last().getByText('2 earlier messages were left out').waitFor();
});

test('an attachment makes a draft worth a quote', async () => {
  await message().fill('What is this?');
  await page.getByRole('button', { name: 'Attach by address' }).click();
  await page.getByLabel('Address', { exact: true }).fill('https://files.example.org/picture.png');
  await page.getByRole('button', { name: 'Attach', exact: true }).click();
  // The form of the dialog does not send the draft.
  await page.locator('.composer-note').waitFor();
  assert.equal(await message().inputValue(), 'What is this?');
  await page.getByRole('button', { name: 'Remove picture.png' }).click();
  await page.locator('.composer-note').waitFor({ state: 'detached' });
});

test('a draft that a budget does not allow says so before it is sent', async () => {
  const { api } = all.server;
  const user = await api('POST', '/users', { name: 'Thrifty', email: 'thrifty@example.org' });
  const { key } = await api('POST', '/api-keys', { name: 'laptop', user_id: user.id });
  const session = await api('POST', '/sessions', { tool: 'short' }, { bearer: key });
  await api('PUT', `/budgets/user/${user.id}`, { period: 'month', limit: '5.00' });
  const other = await openPage(all.browser, all.server);
  await signIn(other, all.server, key);
  await other.goto(`${all.server.address}/#/sessions/${session.id}`);
  await other.getByLabel('Message', { exact: true }).fill(LONG);
  await other.locator('.quote').getByText('$5.00 left in the budget').waitFor();
  await api('PUT', `/budgets/user/${user.id}`, { period: 'month', limit: '0.000001' });
  await other.getByLabel('Message', { exact: true }).fill(`${LONG}!`);
  await other.locator('.composer-note.warning').getByText('This would not be sent: The budget does not allow this').waitFor();
  assert.deepEqual(other.problems, []);
});

test('a refused first message says why, and stays in the message box', async () => {
  const { api } = all.server;
  const user = await api('POST', '/users', { name: 'Broke', email: 'broke@example.org' });
  const { key } = await api('POST', '/api-keys', { name: 'laptop', user_id: user.id });
  await api('PUT', `/budgets/user/${user.id}`, { period: 'month', limit: '0.000001' });
  const other = await openPage(all.browser, all.server);
  await signIn(other, all.server, key);
  await converse(other, 'short', 'May I?');
  await other.getByRole('alert').getByText('The budget does not allow this').waitFor();
  assert.equal(await other.getByLabel('Message', { exact: true }).inputValue(), 'May I?');
  assert.equal(await other.locator('.message').count(), 0);
  assert.deepEqual(other.problems, []);
});

test('a first message that no session can take comes back, and leaves no session', async () => {
  const large = 'x'.repeat(1_100_000);
  const ids = async () => (await all.server.api('GET', '/sessions')).data.map((session) => session.id);
  const before = await ids();
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByLabel('Tool', { exact: true }).selectOption('short');
  await message().fill(large);
  await page.getByRole('button', { name: 'Send' }).click();
  const refusal = page.getByRole('alert').getByText('The request body is too large');
  await refusal.waitFor();
  await page.locator('.card').first().waitFor();
  await settled(page);
  assert.equal(await refusal.count(), 1);
  assert.equal((await message().inputValue()).length, large.length);
  assert.deepEqual(await ids(), before);
  assert.equal(await page.getByRole('link', { name: 'Untitled session' }).count(), 0);
  await message().fill('');
});

test('a refusal that is shown is not repeated by the quote of its draft', async () => {
  const session = await all.server.api('POST', '/sessions', { tool: 'short' });
  await page.goto(`${all.server.address}/#/sessions/${session.id}`);
  const refused = { type: 'x', title: 'The message is too long', status: 422, code: 'message_too_long' };
  await page.route('**/messages', (route) => (route.request().method() === 'POST' ? route.fulfill({ status: 422, json: refused }) : route.fallback()));
  await page.route('**/quote', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, json: { ...(await response.json()), refusal: refused } });
  });
  await message().fill(LONG);
  await page.locator('.composer-note.warning').getByText('The message is too long').waitFor();
  const quoted = page.waitForResponse('**/quote');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByRole('alert').getByText('The message is too long').waitFor();
  await (await quoted).finished();
  await settled(page);
  assert.equal(await page.getByText('The message is too long').count(), 1);
  await page.unroute('**/messages');
  await page.unroute('**/quote');
  await message().fill('');
});

test('the first message has a quote as well, in the session that it begins', async () => {
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByLabel('Tool', { exact: true }).selectOption('short');
  await page.getByRole('button', { name: 'Attach by address' }).click();
  await page.getByLabel('Address', { exact: true }).fill('https://files.example.org/notes.txt');
  await page.getByRole('button', { name: 'Attach', exact: true }).click();
  await message().fill(LONG);
  await page.getByRole('button', { name: 'What will it cost?' }).click();
  await page.waitForURL(/#\/sessions\//);
  await page.locator('.composer-note').waitFor();
  assert.equal(await message().inputValue(), LONG);
  await page.getByRole('button', { name: 'Remove notes.txt' }).click();
  await page.locator('.quote').waitFor();
  await settled(page);
  assert.equal(await page.locator('.message').count(), 0);
  await page.getByRole('button', { name: 'Send' }).click();
  await idle(page);
  await page.getByRole('button', { name: 'New session' }).click();
  assert.equal(await message().inputValue(), '');
  assert.deepEqual(page.problems, []);
});
