// Signing in with a key, without one, and out again.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, setUp, signIn } from '../support/browser.mjs';
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
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByLabel('API key').waitFor();
});

test('a server without authentication asks for no key', async () => {
  const server = await startServer({ flags: ['--insecure-no-auth'] });
  const page = await openPage(all.browser, server);
  await page.goto(server.address);
  await page.getByRole('button', { name: 'New session' }).waitFor();
  await server.close();
});
