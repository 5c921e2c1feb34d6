// Signing in with a key, without one, and out again.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { firstPaint, openPage, setUp, settled, signIn, sizeOf } from '../support/browser.mjs';
import { startServer } from '../support/server.mjs';

let all;
before(async () => {
  all = await setUp();
});
after(() => all.close());

test('a pasted key signs in and never reaches the address or the document', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  assert.ok(!(await page.content()).includes(all.server.key));
  assert.ok(!(await page.evaluate(() => JSON.stringify(localStorage))).includes('csr_'));
  assert.ok(!page.url().includes('csr_'));
  await page.reload();
  await page.getByRole('button', { name: 'New session' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key').waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.deepEqual(page.problems, []);
});

test('who signs out in a view and in again begins anew', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByRole('heading', { name: 'Account' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('API key').fill(all.server.key);
  await page.keyboard.press('Enter');
  await page.getByText('Choose a tool').waitFor();
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByRole('heading', { name: 'Account' }).waitFor();
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByText('Choose a tool').waitFor();
  assert.deepEqual(page.problems, []);
});

test('a viewer chooses the colors, and the page remembers them', async () => {
  const page = await openPage(all.browser, all.server, { colorScheme: 'light' });
  await signIn(page, all.server);
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await paper();
  await page.getByLabel('Color scheme').selectOption('dark');
  const dark = await paper();
  assert.notEqual(dark, light);
  await page.reload();
  await page.getByRole('button', { name: 'New session' }).waitFor();
  assert.equal(await paper(), dark);
  assert.equal(await page.getByLabel('Color scheme').inputValue(), 'dark');
  await page.getByLabel('Color scheme').selectOption('system');
  assert.equal(await paper(), light);
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.equal(await paper(), dark);
  assert.deepEqual(page.problems, []);
});

test('a second visit loads no file again', { skip: process.env.CAUSERIE_PAGE_FILES && 'files are served from the folder' }, async () => {
  const page = await openPage(all.browser, all.server);
  const files = new Map();
  page.on('response', (response) => {
    if (response.request().resourceType() !== 'document') files.set(response.url(), response.headers());
  });
  const visit = async () => {
    await page.goto(all.server.address);
    await page.getByLabel('API key').waitFor();
    // The workspace is loaded while the page is idle.
    const workspace = await page.waitForFunction(() => performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/workspace.js'))?.name);
    await page.evaluate((module) => import(module).then(() => {}), await workspace.jsonValue());
    await settled(page);
    return page.evaluate(() => performance.getEntriesByType('resource').filter(({ name, transferSize }) => transferSize > 0 && !name.endsWith('/me')).map(({ name }) => name));
  };
  assert.ok((await visit()).length > 30);
  const named = [...files].filter(([, headers]) => headers['cache-control']?.includes('immutable'));
  assert.ok(named.length > 30);
  for (const [url, headers] of named) assert.ok(headers['content-encoding'] === 'gzip' || url.endsWith('.woff2'), url);
  assert.deepEqual(await visit(), []);
});

for (const [view, key] of [['sign-in', null], ['the tools', 'key']]) {
  test(`the first view, ${view}, loads one font, and is under 150 KB compressed`, async () => {
    const page = await openPage(all.browser, all.server);
    if (key) await page.addInitScript((value) => sessionStorage.setItem('causerie.key', value), all.server.key);
    await page.goto(all.server.address);
    await (key ? page.locator('.card').first() : page.getByLabel('API key')).waitFor();
    // What the page loads while it is idle is not needed for the view.
    const { files } = await firstPaint(page);
    assert.equal(files.filter(({ name }) => name.endsWith('.woff2')).length, 1);
    // Files that are served from the folder are not compressed.
    assert.ok(process.env.CAUSERIE_PAGE_FILES || sizeOf(files) < 150_000, `${sizeOf(files)} bytes`);
  });
}

test('every view is loaded while the page is idle', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  // They are loaded one after the other, the administration last.
  const last = await page.waitForFunction(() => performance.getEntriesByType('resource').find(({ name }) => name.endsWith('/administration.js'))?.name);
  await page.evaluate((module) => import(module).then(() => {}), await last.jsonValue());
  await all.server.kill();
  for (const [path, title] of [['usage', 'Usage'], ['account', 'Account']]) {
    await page.evaluate((hash) => {
      location.hash = hash;
    }, `#/${path}`);
    await page.getByRole('heading', { name: title, level: 1 }).waitFor();
  }
  await all.server.restart();
});

test('a view that could not be loaded is loaded again', async () => {
  const page = await openPage(all.browser, all.server);
  // Nothing is loaded before it is shown.
  await page.addInitScript(() => {
    globalThis.requestIdleCallback = () => {};
  });
  await page.route('**/usage.js', (route) => route.abort());
  await page.goto(all.server.address);
  await signIn(page, all.server);
  await page.getByRole('link', { name: 'Usage' }).click();
  await page.getByRole('main').getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await page.unroute('**/usage.js');
  await page.getByRole('main').getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: 'Usage', level: 1 }).waitFor();
  assert.deepEqual(page.problems, []);
});

test('an address without a view shows the start of a session', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  for (const path of ['nowhere', 'constructor', 'sessions']) {
    await page.goto(`${all.server.address}/#/${path}`);
    await page.locator('.card').first().waitFor();
  }
  for (const path of ['sessions/..', 'sessions/%2e%2e', 'sessions/.']) {
    await page.goto(`${all.server.address}/#/${path}`);
    await page.getByRole('alert').getByText('This does not exist').waitFor();
  }
  assert.deepEqual(page.problems, []);
});

test('a wrong key is refused with a sentence', async () => {
  const page = await openPage(all.browser, all.server);
  await page.goto(all.server.address);
  await page.getByLabel('API key').fill('csr_wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').getByText('This key is not valid').waitFor();
  assert.equal(await page.getByLabel('API key').evaluate((input) => document.activeElement === input), true);
  assert.deepEqual(page.problems, []);
});

test('a key that is revoked while the page is open leads back to the sign-in', async () => {
  const { key, id } = await all.server.api('POST', '/api-keys', { name: 'short' });
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server, key);
  await all.server.api('DELETE', `/api-keys/${id}`);
  await page.goto(`${all.server.address}/#/account`);
  await page.getByLabel('API key').waitFor();
});

test('the address of the first start signs in once, and its code leaves no trace', async () => {
  const server = await startServer();
  try {
    const code = server.code();
    const behind = await openPage(all.browser, server, { extraHTTPHeaders: { 'x-forwarded-for': '203.0.113.7' } });
    await behind.goto(`${server.address}/${code}`);
    await behind.getByRole('alert').getByText('only on the machine of the server, without a proxy').waitFor();
    assert.equal(new URL(behind.url()).hash, '');
    const page = await openPage(all.browser, server);
    await page.goto(`${server.address}/${code}`);
    await page.getByRole('button', { name: 'New session' }).waitFor();
    assert.equal(page.url(), `${server.address}/`);
    assert.ok(!(await page.content()).includes(code.slice(6)));
    await page.getByRole('link', { name: 'Account' }).click();
    const row = page.getByRole('row', { name: 'sign-in with the one-time code' });
    await row.getByText(/^Valid until /).waitFor();
    const { data } = await server.api('GET', '/api-keys');
    const { id, created_at: created, expires_at: expires } = data.find(({ name }) => name === 'sign-in with the one-time code');
    assert.equal(Math.round((Date.parse(expires) - Date.parse(created)) / 3_600_000), 12);
    const events = (await server.api('GET', `/audit/events?subject_id=${id}`)).data;
    assert.deepEqual(events.map(({ action }) => action), ['api_key.create']);
    // The tab that is signed in is not disturbed by a second use, another one is told why.
    await page.goto(`${server.address}/${code}`);
    await page.getByRole('button', { name: 'New session' }).waitFor();
    const other = await openPage(all.browser, server);
    await other.goto(server.address);
    await other.getByLabel('API key').waitFor();
    await other.evaluate((hash) => {
      location.hash = hash;
    }, code);
    await other.getByRole('alert').getByText('does not sign in any more').waitFor();
    assert.equal(new URL(other.url()).hash, '');
    assert.deepEqual([...page.problems, ...other.problems, ...behind.problems], []);
  } finally {
    await server.close();
  }
});

test('drafts stay for the next key of a user, and never reach another one', async () => {
  const { api } = all.server;
  const user = await api('POST', '/users', { name: 'Writer', email: 'writer@example.org' });
  const keys = [];
  for (const name of ['first', 'second']) keys.push(await api('POST', '/api-keys', { name, user_id: user.id }));
  const page = await openPage(all.browser, all.server);
  const message = page.getByLabel('Message', { exact: true });
  const enter = async (key) => {
    await page.getByLabel('API key').fill(key);
    await page.keyboard.press('Enter');
    await message.waitFor();
  };
  const end = async ({ id }) => {
    await api('DELETE', `/api-keys/${id}`);
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.getByLabel('API key').waitFor();
  };
  await page.goto(all.server.address);
  await enter(keys[0].key);
  await message.fill('Only for me');
  await page.evaluate(() => sessionStorage.setItem('causerie.unsent.x', '{}'));
  await end(keys[0]);
  await enter(keys[1].key);
  assert.equal(await message.inputValue(), 'Only for me');
  await end(keys[1]);
  await enter(all.server.key);
  assert.equal(await message.inputValue(), '');
  assert.ok(!/Only for me|unsent/.test(await page.evaluate(() => JSON.stringify({ ...sessionStorage }))));
  assert.deepEqual(page.problems, []);
});

test('the address of the first start in a tab of another user leaves nothing of that user', async () => {
  const server = await startServer();
  try {
    const user = await server.api('POST', '/users', { name: 'Before', email: 'before@example.org' });
    const { key } = await server.api('POST', '/api-keys', { name: 'before', user_id: user.id });
    const session = await server.api('POST', '/sessions', { tool: 'general-assistant', title: 'Session of the other user' }, { bearer: key });
    const page = await openPage(all.browser, server);
    await signIn(page, server, key);
    await page.goto(`${server.address}/#/sessions/${session.id}`);
    await page.getByLabel('Message', { exact: true }).fill('Draft of the other user');
    await page.evaluate((hash) => {
      location.hash = hash;
    }, server.code());
    await page.locator('.principal').getByText('admin').waitFor();
    await settled(page);
    assert.ok(!/of the other user/.test(await page.evaluate(() => document.documentElement.outerHTML + JSON.stringify({ ...sessionStorage }))));
    assert.equal(await page.getByLabel('Message', { exact: true }).inputValue(), '');
    assert.deepEqual(page.problems, []);
  } finally {
    await server.close();
  }
});

test('a server without authentication asks for no key', async () => {
  const server = await startServer({ flags: ['--insecure-no-auth'] });
  try {
    const page = await openPage(all.browser, server);
    await page.goto(server.address);
    await page.getByRole('button', { name: 'New session' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 0);
  } finally {
    await server.close();
  }
});
