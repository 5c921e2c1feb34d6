// Signing in with a key, without one, and out again.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, setUp, settled, signIn } from '../support/browser.mjs';
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

test('the first view loads one font, and is under 150 KB compressed', async () => {
  const page = await openPage(all.browser, all.server);
  await page.goto(all.server.address);
  await page.getByLabel('API key').waitFor();
  await settled(page);
  const loaded = await page.evaluate(() => ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type)).map(({ name, encodedBodySize }) => ({ name, encodedBodySize })));
  assert.equal(loaded.filter(({ name }) => name.endsWith('.woff2')).length, 1);
  // Files that are served from the folder are not compressed.
  const bytes = loaded.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
  assert.ok(process.env.CAUSERIE_PAGE_FILES || bytes < 150_000, `${bytes} bytes`);
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
    const page = await openPage(all.browser, server);
    const code = server.code();
    await page.goto(`${server.address}/${code}`);
    await page.getByRole('button', { name: 'New session' }).waitFor();
    assert.equal(page.url(), `${server.address}/`);
    assert.ok(!(await page.content()).includes(code.slice(6)));
    await page.getByRole('link', { name: 'Account' }).click();
    await page.getByRole('row', { name: 'sign-in with the one-time code' }).waitFor();
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
    assert.deepEqual([...page.problems, ...other.problems], []);
  } finally {
    await server.close();
  }
});

test('a server without authentication asks for no key', async () => {
  const server = await startServer({ flags: ['--insecure-no-auth'] });
  const page = await openPage(all.browser, server);
  await page.goto(server.address);
  await page.getByRole('button', { name: 'New session' }).waitFor();
  await server.close();
});
