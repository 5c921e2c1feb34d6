// What the abilities of a key show: nothing that the server would refuse.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, setUp, settled, signIn, view } from '../support/browser.mjs';
import { startServer } from '../support/server.mjs';

let all;
let session;
before(async () => {
  all = await setUp();
  session = await all.server.api('POST', '/sessions', { tool: 'general-assistant', title: 'To be read' });
  await all.server.api('POST', `/sessions/${session.id}/messages`, { content: 'Hello' });
});
after(() => all.close());

/** Signs in with a key that has these scopes, and records what the server refuses. */
async function enter(scopes) {
  const { key } = await all.server.api('POST', '/api-keys', { name: scopes.join(), scopes });
  const page = await openPage(all.browser, all.server);
  page.refused = [];
  page.on('response', (response) => response.status() === 403 && page.refused.push(`${response.request().method()} ${new URL(response.url()).pathname}`));
  await signIn(page, all.server, key);
  await settled(page);
  return page;
}
const items = async (page) => {
  await page.getByRole('button', { name: 'Session actions' }).click();
  const menu = page.getByRole('menu', { name: 'Session actions' });
  await menu.waitFor();
  const found = await menu.getByRole('menuitem').allTextContents();
  await page.keyboard.press('Escape');
  await menu.waitFor({ state: 'detached' });
  return found;
};

test('a key that may only read shows no way to write', async () => {
  const page = await enter(['read:Session', 'read:Message', 'read:Tool']);
  await view(page, all.server, `sessions/${session.id}`);
  await page.getByText('You may read this session, but not write in it.').waitFor();
  assert.equal(await page.getByLabel('Message', { exact: true }).isDisabled(), true);
  for (const name of ['Regenerate', 'Fork']) assert.equal(await page.locator('.theirs').getByRole('button', { name }).count(), 0, name);
  assert.deepEqual(await items(page), ['Forks and origin']);
  for (const name of ['Usage', 'Administration']) assert.equal(await page.getByRole('link', { name }).count(), 0, name);
  await view(page, all.server, 'account');
  assert.equal(await page.getByRole('heading', { name: 'API keys' }).count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Save' }).count(), 0);
  assert.deepEqual([page.refused, page.problems], [[], []]);
});

test('a key for usage shows usage', async () => {
  const page = await enter(['read:Usage']);
  await page.getByText('There is no tool that you may use.').waitFor();
  assert.equal(await page.getByRole('link', { name: 'Administration' }).count(), 0);
  await page.getByRole('link', { name: 'Usage' }).click();
  await page.getByRole('table', { name: 'By model' }).waitFor();
  await settled(page);
  assert.deepEqual([page.refused, page.problems], [[], []]);
});

test('a right that ends while the page is open disappears from it', async () => {
  const user = await all.server.api('POST', '/users', { name: 'Guest', email: 'guest@example.org' });
  const { key } = await all.server.api('POST', '/api-keys', { name: 'laptop', user_id: user.id });
  const own = await all.server.api('POST', '/sessions', { tool: 'general-assistant', title: 'Mine' }, { bearer: key });
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server, key);
  await view(page, all.server, `sessions/${own.id}`);
  assert.ok((await items(page)).includes('Delete session'));
  await all.server.api('PUT', `/users/${user.id}/rules`, { rules: [{ action: 'delete', subject: 'Session', conditions: { id: own.id }, inverted: true, reason: 'kept' }] });
  await page.getByRole('button', { name: 'Session actions' }).click();
  await page.getByRole('menuitem', { name: 'Delete session' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Delete session' }).click();
  await dialog.getByRole('alert').getByText('Reason: kept').waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  await settled(page);
  assert.ok(!(await items(page)).includes('Delete session'));
  assert.deepEqual(page.problems, []);
});

test('the session of another user is not one of the own list', async () => {
  const server = await startServer({ environment: { CAUSERIE_ADMIN_READS_CONTENT: 'true' } });
  try {
    const user = await server.api('POST', '/users', { name: 'Guest', email: 'guest@example.org' });
    const { key } = await server.api('POST', '/api-keys', { name: 'laptop', user_id: user.id });
    const foreign = await server.api('POST', '/sessions', { tool: 'general-assistant', title: 'Of the guest' }, { bearer: key });
    await server.api('POST', '/sessions', { tool: 'general-assistant', title: 'Of the administrator' });
    const page = await openPage(all.browser, server);
    await signIn(page, server);
    await view(page, server, `sessions/${foreign.id}`);
    await page.getByRole('heading', { name: 'Of the guest' }).waitFor();
    assert.deepEqual(await page.locator('.session-title').allTextContents(), ['Of the administrator']);
    assert.deepEqual(page.problems, []);
  } finally {
    await server.close();
  }
});
