// Groups: their limits, budgets, stored rules and members, and their end.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { converse, idle, openPage, setUp, settled, signIn, view } from '../support/browser.mjs';

let all;
let page;
let group;
const users = {};
before(async () => {
  all = await setUp();
  const { api } = all.server;
  group = await api('POST', '/groups', { name: 'Writers' });
  for (const name of ['Ida', 'Otto']) users[name] = await api('POST', '/users', { name, email: `${name.toLowerCase()}@example.org` });
  await api('POST', `/groups/${group.id}/members`, { user_id: users.Ida.id });
  page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await view(page, all.server, 'administration/groups');
});
after(() => all.close());

const dialog = () => page.getByRole('dialog');
const choose = async (item) => {
  await page.getByRole('button', { name: 'Actions for Writers' }).click();
  await page.getByRole('menuitem', { name: item }).click();
};
const save = async () => {
  await dialog().getByRole('button', { name: 'Save' }).click();
  await dialog().waitFor({ state: 'detached' });
};
const stored = () => all.server.api('GET', `/groups/${group.id}`);

test('the limit of a group is set and removed, and its name is changed', async () => {
  const row = page.getByRole('row').filter({ hasText: 'Writers' });
  await choose('Edit');
  await dialog().getByLabel('Messages per minute').fill('30');
  await save();
  await row.getByText('30', { exact: true }).waitFor();
  assert.equal((await stored()).requests_per_minute, 30);
  await choose('Edit');
  await dialog().getByLabel('Messages per minute').fill('');
  await dialog().getByLabel('Name').fill('Editors');
  await save();
  await page.getByRole('button', { name: 'Members of Editors' }).waitFor();
  assert.deepEqual([(await stored()).requests_per_minute, (await stored()).name], [null, 'Editors']);
  await page.getByRole('button', { name: 'Actions for Editors' }).click();
  await page.getByRole('menuitem', { name: 'Edit' }).click();
  await dialog().getByLabel('Name').fill('Writers');
  await save();
  await page.getByRole('button', { name: 'Members of Writers' }).waitFor();
});

test('the budget of a group is set, shown with what is left, and removed', async () => {
  const open = async () => {
    await page.getByRole('button', { name: 'Budget of Writers' }).click();
    await dialog().waitFor();
  };
  await open();
  await dialog().getByText('There is no budget yet.').waitFor();
  await dialog().getByLabel('Limit').fill('nonsense');
  await dialog().getByRole('button', { name: 'Save' }).click();
  assert.equal(await dialog().getByLabel('Limit').evaluate((input) => input.validity.patternMismatch), true);
  await dialog().getByLabel('Limit').fill('20');
  await dialog().getByLabel('Period').selectOption('day');
  await save();
  await open();
  await dialog().getByText('$0.00 spent, $0.00 reserved, $20.00 left.').waitFor();
  assert.equal(await dialog().getByLabel('Period').inputValue(), 'day');
  await dialog().getByRole('button', { name: 'Remove the budget' }).click();
  await dialog().waitFor({ state: 'detached' });
  await open();
  await dialog().getByText('There is no budget yet.').waitFor();
  await page.keyboard.press('Escape');
});

test('a budget that cannot be read or removed says so', async () => {
  await all.server.api('PUT', `/budgets/group/${group.id}`, { period: 'month', limit: '3' });
  await page.route('**/budgets/**', (route) => route.abort());
  await page.getByRole('button', { name: 'Budget of Writers' }).click();
  await dialog().getByRole('alert').getByText('The server cannot be reached.').waitFor();
  assert.equal(await dialog().getByText('There is no budget yet.').count(), 0);
  await dialog().getByRole('button', { name: 'Close' }).click();
  await page.unroute('**/budgets/**');
  await page.getByRole('button', { name: 'Budget of Writers' }).click();
  await dialog().getByText('$3.00 left.').waitFor();
  await page.route('**/budgets/**', (route) => route.abort());
  await dialog().getByRole('button', { name: 'Remove the budget' }).click();
  await dialog().getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await page.unroute('**/budgets/**');
  await dialog().getByRole('button', { name: 'Remove the budget' }).click();
  await dialog().waitFor({ state: 'detached' });
  assert.deepEqual(page.problems, []);
});

test('the stored rules of a group bind its members, and appear among their abilities', async () => {
  await choose('Stored rules');
  await dialog().getByLabel('Rules (JSON)').fill('[{"action": "use", "subject"');
  await dialog().getByRole('button', { name: 'Save' }).click();
  await dialog().getByRole('alert').getByText('not valid JSON').waitFor();
  await dialog().getByLabel('Rules (JSON)').fill('[{"action": "use", "subject": "Tool", "conditions": {"slug": "translator"}, "inverted": true}]');
  await save();
  await view(page, all.server, 'administration/users');
  await page.getByRole('button', { name: 'Actions for Ida' }).click();
  await page.getByRole('menuitem', { name: 'Effective rules' }).click();
  await dialog().getByRole('listitem').filter({ hasText: 'rules of a group' }).getByText('cannot use Tool').waitFor();
  await dialog().getByLabel('Action').selectOption('use');
  await dialog().getByLabel('Subject').selectOption('Tool');
  await dialog().getByLabel('Id or fields').fill('translator');
  await dialog().getByRole('button', { name: 'Check' }).click();
  await dialog().getByRole('status').getByText(/^Refused by rule \d+, rules of a group\.$/).waitFor();
  await page.keyboard.press('Escape');
});

test('members are added, get another role, and are removed', async () => {
  await view(page, all.server, 'administration/groups');
  await page.getByRole('button', { name: 'Members of Writers' }).click();
  await page.getByLabel('E-mail').fill('OTTO@example.org');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Remove Otto' }).waitFor();
  await page.getByLabel('Role of Otto').selectOption('admin');
  await settled(page);
  const members = async () => Object.fromEntries((await all.server.api('GET', `/groups/${group.id}/members`)).data.map(({ user, role }) => [user.name, role]));
  assert.deepEqual(await members(), { Ida: 'member', Otto: 'admin' });
  await page.getByRole('button', { name: 'Remove Otto' }).click();
  await page.getByRole('button', { name: 'Remove Otto' }).waitFor({ state: 'detached' });
  assert.deepEqual(await members(), { Ida: 'member' });
});

test('a role that is refused is not shown', async () => {
  await view(page, all.server, 'administration/groups');
  const role = page.getByLabel('Role of Ida');
  if (await role.count() === 0) await page.getByRole('button', { name: 'Members of Writers' }).click();
  await page.route('**/members/*', (route) => route.abort());
  await role.selectOption('admin');
  await page.getByRole('alert').getByText('The server cannot be reached.').waitFor();
  assert.equal(await role.inputValue(), 'member');
  await page.unroute('**/members/*');
});

test('the costs of a key of a group are those of the group', async () => {
  const own = await all.server.api('POST', '/api-keys', { name: 'laptop', user_id: users.Ida.id });
  const { key } = await all.server.api('POST', '/api-keys', { name: 'team', group_id: group.id }, { bearer: own.key });
  const member = await openPage(all.browser, all.server);
  await signIn(member, all.server, key);
  await converse(member, 'general-assistant', 'On the account of the group');
  await idle(member);
  await member.locator('.theirs .price').waitFor();
  await view(page, all.server, 'usage?range=today');
  const row = page.getByRole('table', { name: 'By group' }).getByRole('row').filter({ hasText: 'Writers' });
  await row.getByRole('cell').last().getByText(/^\$0\.\d+$/).waitFor();
  assert.deepEqual(member.problems, []);
});

test('a group is deleted, and the focus stays in the list', async () => {
  await all.server.api('POST', '/groups', { name: 'Others' });
  await view(page, all.server, 'administration/groups');
  await page.reload();
  await page.getByRole('button', { name: 'Members of Writers' }).waitFor();
  await choose('Delete');
  await dialog().getByText('“Writers” will be deleted.').waitFor();
  await dialog().getByRole('button', { name: 'Delete' }).click();
  await dialog().waitFor({ state: 'detached' });
  await page.getByRole('cell', { name: 'Writers', exact: true }).waitFor({ state: 'detached' });
  await settled(page);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Groups');
  await assert.rejects(stored());
  assert.deepEqual(page.problems, []);
});
