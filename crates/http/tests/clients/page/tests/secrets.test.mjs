// Keys and one-time codes after their entry: not in the log at its most verbose level, in an address, or in the document.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { converse, idle, launch, openPage, openTab, settled, signIn, view } from '../support/browser.mjs';
import { startServer } from '../support/server.mjs';

const WRONG = 'csr_AAAAAAAAAAAA_wrongwrongwrongwrongwrong';
const TEXT = 'A text that only the conversation has';

let browser;
let server;
let page;
const secrets = {};
const addresses = [];
before(async () => {
  server = await startServer({ level: 'trace' });
  browser = await launch();
  secrets.code = server.code().slice('#code='.length);
  secrets.admin = server.key;
  secrets.wrong = WRONG;
  page = await openPage(browser, server);
  note(page);
});
after(async () => {
  await browser.close();
  await server.close();
});

/** Records each address that a page requests or shows, and each one that its requests name as their origin. */
function note(each) {
  each.on('request', (request) => addresses.push(request.url(), request.headers().referer ?? ''));
  each.on('framenavigated', (frame) => addresses.push(frame.url()));
}

/** Everything that a script of the page could read: the document, the contents of fields, storage of other tabs, history, and the names of requests. */
const readable = (each) => each.evaluate(() => JSON.stringify([
  document.documentElement.outerHTML, document.title, document.cookie, location.href, history.state, document.referrer,
  [...document.querySelectorAll('input, textarea, select')].map((field) => field.value),
  { ...localStorage }, performance.getEntriesByType('resource').map(({ name }) => name),
]));

/** Fails if a text has a secret, or the part of a key that is not its public id. */
function without(text, place) {
  for (const [name, secret] of Object.entries(secrets)) {
    for (const part of [secret, secret.split('_').at(-1)]) assert.ok(!text.includes(part), `${name} in ${place}`);
  }
}

test('a key that was entered stays in the storage of its tab only', async () => {
  await page.goto(server.address);
  await page.getByLabel('API key').fill(WRONG);
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('This key is not valid').waitFor();
  for (const typographic of ['“csr_AAAA”', 'csr_AA AA', `csr_${'é'.repeat(8)}`]) {
    await page.getByLabel('API key').fill(typographic);
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('This key is not valid').waitFor();
    assert.ok(!(await page.getByRole('alert').textContent()).includes('AA'));
  }
  await signIn(page, server);
  await settled(page);
  // The id of the user says whose the drafts of the tab are.
  const { user } = await server.api('GET', '/me');
  assert.deepEqual(await page.evaluate(() => ({ ...sessionStorage })), { 'causerie.key': server.key, 'causerie.owner': user.id });
  without(await readable(page), 'the page');
  const tab = await openTab(page, server);
  await tab.goto(server.address);
  await tab.getByLabel('API key').waitFor();
  assert.equal(await tab.evaluate(() => sessionStorage.length), 0);
  without(await readable(tab), 'another tab');
});

test('a one-time code leaves the address and the history at once', async () => {
  const other = await openPage(browser, server);
  other.on('request', (request) => addresses.push(request.url(), request.headers().referer ?? ''));
  await other.goto(`${server.address}/#code=${secrets.code}`);
  await other.getByRole('button', { name: 'New session' }).waitFor();
  await settled(other);
  secrets.exchanged = await other.evaluate(() => sessionStorage.getItem('causerie.key'));
  assert.match(secrets.exchanged, /^csr_/);
  assert.equal(other.url(), `${server.address}/`);
  without(await readable(other), 'the page');
  await view(other, server, 'account');
  await other.goBack();
  await settled(other);
  assert.ok(!other.url().includes('code='));
  assert.deepEqual(other.problems, []);
});

test('a new key leaves the document with its dialog', async () => {
  await view(page, server, 'account');
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('laptop');
  await page.keyboard.press('Enter');
  secrets.created = await page.locator('.secret').textContent();
  await page.getByRole('button', { name: 'Done' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  without(await readable(page), 'the account');
  await page.reload();
  await page.getByRole('row', { name: /laptop/ }).waitFor();
  without(await readable(page), 'the account after a reload');
});

test('no view has a key, and no address had one', async () => {
  await converse(page, 'general-assistant', TEXT);
  await idle(page);
  await settled(page);
  without(await readable(page), 'a conversation');
  for (const path of ['', 'usage', 'account', 'administration/users', 'administration/keys', 'administration/audit']) {
    await view(page, server, path);
    for (const details of await page.locator('main details').all()) await details.evaluate((element) => {
      element.open = true;
    });
    without(await readable(page), path);
  }
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key').waitFor();
  without(await readable(page), 'the sign-in');
  assert.deepEqual(await page.evaluate(() => [sessionStorage.length, document.querySelector('input').value]), [0, '']);
  assert.ok(addresses.length > 50);
  without(addresses.join('\n'), 'an address');
  assert.deepEqual(page.problems, []);
});

test('the log has no key, no code and no text of a conversation, at its most verbose level', async () => {
  await server.api('GET', '/me', undefined, { bearer: secrets.created });
  await assert.rejects(server.api('GET', '/me', undefined, { bearer: WRONG }));
  await assert.rejects(server.api('POST', '/sign-in', { code: secrets.code }));
  await server.kill('SIGTERM');
  const log = server.log();
  for (const entry of ['TRACE', 'request refused', '/sign-in', '/me']) assert.ok(log.includes(entry), entry);
  without(log, 'the log');
  assert.ok(!log.includes(TEXT), 'a text in the log');
});
