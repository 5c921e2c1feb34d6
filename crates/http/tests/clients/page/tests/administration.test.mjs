// Administration: what the abilities show, and its sections.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, setUp, settled, signIn } from '../support/browser.mjs';

let all;
let page;
before(async () => {
  all = await setUp();
  page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
});
after(() => all.close());

const section = (name) => page.goto(`${all.server.address}/#/administration/${name}`);

test('a list that was requested earlier and arrives later does not replace the newer one', async () => {
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  let requests = 0;
  await page.route('**/users?*', async (route) => {
    const first = requests++ === 0;
    const response = await route.fetch();
    if (first) await held;
    await route.fulfill({ response });
  });
  await section('users');
  await page.getByRole('button', { name: 'New user' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Ida');
  await page.getByRole('dialog').getByLabel('E-mail').fill('ida@example.org');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  const shown = page.getByRole('cell', { name: 'ida@example.org' });
  await shown.waitFor();
  const arrived = page.waitForResponse('**/users?*');
  release();
  await (await arrived).finished();
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))));
  assert.equal(await shown.count(), 1);
  await page.unroute('**/users?*');
});

test('users are created, edited and deleted', async () => {
  await section('users');
  await page.getByRole('button', { name: 'New user' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('Grace');
  await dialog.getByLabel('E-mail').fill('grace@example.org');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('cell', { name: 'grace@example.org' }).waitFor();
  await page.getByRole('button', { name: 'Actions for Grace' }).click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await dialog.getByLabel('Role').selectOption('admin');
  await dialog.getByLabel('Status').selectOption('disabled');
  await dialog.getByRole('button', { name: 'Save' }).click();
  const row = page.getByRole('row').filter({ hasText: 'grace@example.org' });
  await row.getByText('Disabled').waitFor();
  await row.getByText('Administrator').waitFor();
  await page.getByRole('button', { name: 'Actions for Grace' }).click();
  await page.getByRole('menuitem', { name: 'Stored rules' }).click();
  await dialog.getByLabel('Rules (JSON)').fill('[{"action": "fly", "subject": "Tool"}]');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.getByRole('alert').waitFor();
  await dialog.getByLabel('Rules (JSON)').fill('[{"action": "fork", "subject": "Session", "inverted": true}]');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Budget of Grace' }).click();
  await dialog.getByLabel('Limit').fill('12.5');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Budget of Grace' }).click();
  await dialog.getByText('$12.50 left').waitFor();
  await dialog.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Actions for Grace' }).click();
  await page.getByRole('menuitem', { name: 'Delete' }).click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('cell', { name: 'grace@example.org' }).waitFor({ state: 'detached' });
});

test('the abilities of a user have their layers, and a check names the rule that decides', async () => {
  const { api } = all.server;
  const user = await api('POST', '/users', { name: 'Linus', email: 'linus@example.org' });
  const { key } = await api('POST', '/api-keys', { name: 'laptop', user_id: user.id });
  const session = await api('POST', '/sessions', { tool: 'general-assistant' }, { bearer: key });
  const foreign = await api('POST', '/sessions', { tool: 'general-assistant' });
  await api('PUT', `/users/${user.id}/rules`, { rules: [{ action: 'delete', subject: 'Session', conditions: { id: session.id }, inverted: true, reason: 'kept' }] });
  await section('users');
  await page.reload();
  await page.getByRole('button', { name: 'Actions for Linus' }).click();
  await page.getByRole('menuitem', { name: 'Effective rules' }).click();
  const dialog = page.getByRole('dialog');
  const verdict = dialog.getByRole('status');
  const check = async (action, subject, object) => {
    await dialog.getByLabel('Action').selectOption(action);
    await dialog.getByLabel('Subject').selectOption(subject);
    await dialog.getByLabel('Id or fields').fill(object);
    await dialog.getByRole('button', { name: 'Check' }).click();
  };
  await check('delete', 'Session', session.id);
  await verdict.getByText(/^Refused by rule \d+, rules of the user\.$/).waitFor();
  assert.match(await dialog.locator('.decides').textContent(), /rules of the user.*cannot delete Session/s);
  await check('update', 'Session', session.id);
  await verdict.getByText(/^Allowed by rule \d+, every user\.$/).waitFor();
  await check('read', 'Session', foreign.id);
  await verdict.getByText(/^Refused by rule \d+, guard\.$/).waitFor();
  await check('delete', 'Session', JSON.stringify({ user_id: user.id }));
  await verdict.getByText(/^Allowed/).waitFor();
  await check('create', 'User', '');
  await verdict.getByText('no rule matches').waitFor();
  await check('delete', 'Session', '{"user_id":');
  await dialog.getByRole('alert').getByText('not valid JSON').waitFor();
  await check('read', 'Group', '01990000-0000-7000-8000-000000000001');
  await dialog.getByRole('alert').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();
});

test('groups have members', async () => {
  await section('groups');
  await page.getByRole('button', { name: 'New group' }).click();
  await page.getByRole('dialog').getByLabel('Name').fill('Writers');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await page.getByRole('button', { name: 'Members of Writers' }).click();
  await page.getByLabel('E-mail').fill('admin@localhost');
  await page.getByRole('button', { name: 'Add member' }).click();
  await page.getByRole('button', { name: 'Remove admin' }).waitFor();
});

test('models are found, disabled and enabled', async () => {
  await section('models');
  await page.getByLabel('Search models').fill('gpt-5-mini');
  const enabled = page.getByRole('switch', { name: /enabled/ }).first();
  const model = async () => (await all.server.api('GET', '/models?limit=100')).data.find((each) => each.id === 'openai/gpt-5-mini');
  /** Flips a switch, and waits for the answer of the server. */
  const flip = async (name, wanted) => {
    const stored = page.waitForResponse((response) => response.request().method() === 'PATCH');
    await page.getByRole('switch', { name }).first().setChecked(wanted);
    assert.equal((await stored).status(), 200);
  };
  await flip(/enabled/, false);
  await page.reload();
  await page.getByLabel('Search models').fill('gpt-5-mini');
  await enabled.waitFor();
  assert.equal(await enabled.isChecked(), false);
  await flip(/enabled/, true);
  await flip(/restricted/, true);
  assert.deepEqual([(await model()).enabled, (await model()).restricted], [true, true]);
  await flip(/restricted/, false);
  const row = page.getByRole('table', { name: 'Models' }).getByRole('row').nth(1);
  for (const price of ['$0.25', '$2.00']) await row.getByRole('cell', { name: price, exact: true }).waitFor();
  const synchronized = page.waitForResponse((response) => response.url().endsWith('/models/sync'));
  await page.getByRole('button', { name: 'Synchronize' }).click();
  const { models } = await (await synchronized).json();
  await page.locator('[role=status]').getByText(`${models} models`).waitFor();
});

test('keys of all users are listed, get a budget, and are revoked', async () => {
  const { api } = all.server;
  const user = await api('POST', '/users', { name: 'Keeper', email: 'keeper@example.org' });
  const { key } = await api('POST', '/api-keys', { name: 'old laptop', user_id: user.id });
  await section('keys');
  await page.reload();
  const row = page.getByRole('row').filter({ hasText: 'old laptop' });
  await row.getByText('Keeper').waitFor();
  await row.getByRole('button', { name: 'Budget of old laptop' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Limit').fill('1');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Revoke old laptop' }).click();
  await dialog.getByRole('button', { name: 'Revoke' }).click();
  await row.getByText('Revoked').waitFor();
  await assert.rejects(api('GET', '/me', undefined, { bearer: key }));
  assert.ok(!(await page.content()).includes(key));
});

test('an administrator makes a key for a user', async () => {
  const user = await all.server.api('POST', '/users', { name: 'Robot', email: 'robot@example.org' });
  await section('keys');
  await page.getByRole('button', { name: 'Create key' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('pipeline');
  await dialog.getByLabel('Valid for').selectOption('30');
  await dialog.getByLabel('Scopes').fill('read:Usage');
  await dialog.getByLabel('User').fill(user.id);
  await dialog.getByRole('button', { name: 'Create key' }).click();
  const key = await page.locator('.secret').textContent();
  await page.getByRole('button', { name: 'Copy' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), key);
  await page.getByRole('button', { name: 'Done' }).click();
  const { user: owner, scopes } = await all.server.api('GET', '/me', undefined, { bearer: key });
  assert.deepEqual([owner.id, scopes], [user.id, ['read:Usage']]);
  const days = (Date.parse((await all.server.api('GET', '/api-keys')).data.find(({ name }) => name === 'pipeline').expires_at) - Date.now()) / 86_400_000;
  assert.equal(Math.round(days), 30);
});

test('a posted tool shows its mistakes at line and column', async () => {
  await section('tools');
  await page.getByRole('button', { name: 'Post a tool' }).click();
  const definition = page.getByLabel('Definition (YAML)');
  await definition.fill('name: haiku\nversion: 1.0.0\ntype: chat\ntitle: Haiku\ndescription: Writes haiku.\nbehaviour: oops\n');
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await page.getByRole('alert').getByText(/Line 6/).first().waitFor();
  assert.match(await definition.evaluate((input) => input.value.slice(input.selectionStart, input.selectionEnd)), /^behaviour/);
  await definition.fill('name: haiku\nversion: 1.0.0\ntype: chat\ntitle: Haiku\ndescription: Writes haiku.\nbehavior: Answer in haiku.\n');
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await page.getByRole('button', { name: 'Versions of haiku' }).click();
  await page.getByRole('dialog').locator('summary').getByText('1.0.0').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
});

test('a changed tool has another version, and a disabled one is offered no more', async () => {
  await section('tools');
  await page.getByRole('button', { name: 'Post a tool' }).click();
  await page.getByLabel('Definition (YAML)').fill('name: haiku\nversion: 1.1.0\ntype: chat\ntitle: Haiku\ndescription: Writes haiku.\nbehavior: Answer in three lines.\n');
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await page.getByRole('row').filter({ hasText: 'haiku' }).getByText('1.1.0').waitFor();
  await page.getByRole('button', { name: 'Versions of haiku' }).click();
  const dialog = page.getByRole('dialog');
  for (const [version, text] of [['1.1.0', 'Answer in three lines.'], ['1.0.0', 'Answer in haiku.']]) {
    await dialog.locator('summary').getByText(version).click();
    await dialog.locator('pre').getByText(text).waitFor();
  }
  await dialog.getByRole('button', { name: 'Close' }).click();
  await page.getByRole('button', { name: 'Disable haiku' }).click();
  await dialog.getByRole('button', { name: 'Disable' }).click();
  await page.getByRole('row').filter({ hasText: 'haiku' }).getByText('Disabled').waitFor();
  await page.getByRole('button', { name: 'New session' }).click();
  await page.locator('.card').first().waitFor();
  assert.equal(await page.locator('.card').filter({ hasText: 'Haiku' }).count(), 0);
});

test('the audit log lists what was done, without texts', async () => {
  const session = await all.server.api('POST', '/sessions', { tool: 'general-assistant', title: 'A private title' });
  await all.server.api('POST', `/sessions/${session.id}/messages`, { content: 'A private text' });
  await section('audit');
  await page.getByRole('table', { name: 'Sessions' }).getByRole('row').filter({ hasText: 'general-assistant' }).first().waitFor();
  await page.getByText('tool.post').first().waitFor();
  await page.getByText('group.create').waitFor();
  await page.getByRole('table', { name: 'Events' }).locator('summary').first().click();
  await page.getByRole('table', { name: 'Events' }).locator('pre').first().waitFor();
  assert.ok(!/private/.test(await page.locator('main').textContent()));
  assert.deepEqual(page.problems, []);
});

test('a user sees nothing of it, and a group admin the own groups', async () => {
  const { api } = all.server;
  const user = await api('POST', '/users', { name: 'Plain', email: 'plain@example.org' });
  const { key } = await api('POST', '/api-keys', { name: 'plain', user_id: user.id });
  const other = await openPage(all.browser, all.server);
  await signIn(other, all.server, key);
  assert.equal(await other.getByRole('link', { name: 'Administration' }).count(), 0);
  await other.goto(`${all.server.address}/#/administration/users`);
  await other.getByText('There is nothing that you may administer.').waitFor();
  const [group] = (await api('GET', '/groups')).data;
  await api('POST', `/groups/${group.id}/members`, { user_id: user.id, role: 'admin' });
  await other.reload();
  await other.getByRole('navigation', { name: 'Sections' }).waitFor();
  const tabs = await other.getByRole('navigation', { name: 'Sections' }).getByRole('link').allTextContents();
  assert.ok(tabs.includes('Groups') && !tabs.includes('Users') && !tabs.includes('Models'), tabs.join());
  // An invitation of an address, which the invited user accepts.
  const guest = await api('POST', '/users', { name: 'Guest', email: 'guest@example.org' });
  const guestKey = (await api('POST', '/api-keys', { name: 'guest', user_id: guest.id })).key;
  await other.getByRole('link', { name: 'Groups' }).click();
  await other.getByRole('button', { name: `Members of ${group.name}` }).click();
  const invitations = other.getByRole('table', { name: 'Invitations' });
  for (const email of ['guest@example.org', 'elsewhere@example.org']) {
    await other.getByLabel('E-mail').fill(email);
    await other.getByRole('button', { name: 'Add member' }).click();
    await invitations.getByText(email).waitFor();
  }
  await other.getByRole('button', { name: 'Withdraw the invitation of elsewhere@example.org' }).click();
  await invitations.getByText('elsewhere@example.org').waitFor({ state: 'detached' });
  const invited = await openPage(all.browser, all.server);
  await signIn(invited, all.server, guestKey);
  await invited.getByRole('link', { name: 'Account' }).click();
  await invited.getByText('invited as member').waitFor();
  await invited.getByRole('button', { name: 'Accept' }).click();
  await invited.getByRole('button', { name: 'Leave' }).waitFor();
  await other.reload();
  await other.getByRole('button', { name: `Members of ${group.name}` }).click();
  await other.getByRole('button', { name: 'Remove Guest' }).waitFor();
  await settled(other);
  await invited.getByRole('button', { name: 'Leave' }).click();
  await invited.getByText('You are in no group.').waitFor();
  assert.deepEqual([...other.problems, ...invited.problems], []);
});
