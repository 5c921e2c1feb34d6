// Account: keys that are shown once and revoked, budgets, invitations.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, setUp, signIn } from '../support/browser.mjs';

let all;
let page;
before(async () => {
  all = await setUp();
  const { api } = all.server;
  const user = await api('POST', '/users', { name: 'Ada', email: 'ada@example.org' });
  const { key } = await api('POST', '/api-keys', { name: 'first', user_id: user.id });
  const group = await api('POST', '/groups', { name: 'Analysts' });
  await api('PUT', `/budgets/user/${user.id}`, { period: 'month', limit: '5.00' });
  // An admin adds directly; the user is invited by the group's admin.
  const head = await api('POST', '/users', { name: 'Head', email: 'head@example.org' });
  await api('POST', `/groups/${group.id}/members`, { user_id: head.id, role: 'admin' });
  const headKey = await api('POST', '/api-keys', { name: 'head', user_id: head.id });
  await api('POST', `/groups/${group.id}/members`, { email: 'ada@example.org' }, { bearer: headKey.key });
  page = await openPage(all.browser, all.server);
  await signIn(page, all.server, key);
  await page.getByRole('link', { name: 'Account' }).click();
});
after(() => all.close());

test('a key is made, shown once, and revoked', async () => {
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('laptop');
  await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click();
  const secret = page.locator('.secret');
  await secret.waitFor();
  const key = await secret.textContent();
  assert.equal((await all.server.api('GET', '/me', undefined, { bearer: key })).user.name, 'Ada');
  await page.getByRole('button', { name: 'Done' }).click();
  assert.ok(!(await page.content()).includes(key));
  await page.getByRole('button', { name: 'Revoke laptop' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('cell', { name: 'Revoked' }).waitFor();
  await assert.rejects(all.server.api('GET', '/me', undefined, { bearer: key }));
});

test('a refused key says why', async () => {
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('too much');
  await page.getByRole('dialog').getByLabel('Scopes').fill('delete:User');
  await page.getByRole('dialog').getByRole('button', { name: 'Create key' }).click();
  await page.getByRole('dialog').getByRole('alert').getByText('Reason').waitFor();
  await page.keyboard.press('Escape');
});

test('the budget and the invitation are shown, and the invitation is accepted', async () => {
  await page.getByText('$5.00 of $5.00 left').waitFor();
  await page.getByRole('button', { name: 'Accept' }).click();
  await page.getByRole('button', { name: 'Leave' }).waitFor();
});

test('a refused name stays to be corrected, and is sent once however often it is saved', async () => {
  const requests = [];
  let answer;
  await page.route(/\/users\/[^/]+$/, (route) => {
    requests.push(route.request().method());
    answer = () => route.abort();
  });
  await page.getByLabel('Name', { exact: true }).fill('Ada B.');
  await page.getByLabel('Language').fill('fr');
  await page.getByRole('button', { name: 'Save' }).evaluate((button) => {
    button.click();
    button.click();
  });
  await page.locator('form[aria-busy=true]').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  answer();
  await page.getByRole('alert').getByText('The server cannot be reached.').waitFor();
  assert.deepEqual(requests, ['PATCH']);
  assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Ada B.');
  assert.equal(await page.getByLabel('Language').inputValue(), 'fr');
  await page.unroute(/\/users\/[^/]+$/);
});

test('the name is changed', async () => {
  await page.getByLabel('Name', { exact: true }).fill('Ada L.');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('.principal').getByText('Ada L.').waitFor();
  assert.deepEqual(page.problems, []);
});
