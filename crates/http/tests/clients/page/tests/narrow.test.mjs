// 320 px width with the longest names and texts, and the drawer with the keyboard alone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openPage, setUp, settled, signIn, view } from '../support/browser.mjs';

const WIDTH = 320;
/** Names and texts that have no place to be broken at. */
const LONG = 'Wort'.repeat(45);
const WIDE = `${LONG} $${LONG}$ [${LONG}](https://example.org/${LONG}) \`${LONG}\`\n\n# ${LONG}\n\n| ${LONG} | b |\n| - | - |\n| 1 | ${LONG} |\n\n\`\`\`${LONG}\n${LONG}\n\`\`\`\n\n> - ${LONG}`;

let all;
let page;
let session;
before(async () => {
  all = await setUp();
  const { api } = all.server;
  const group = await api('POST', '/groups', { name: LONG });
  const { user } = await api('GET', '/me');
  await api('PATCH', `/users/${user.id}`, { name: LONG });
  await api('POST', `/groups/${group.id}/members`, { user_id: user.id, role: 'admin' });
  await api('POST', `/groups/${group.id}/members`, { email: `${LONG.slice(0, 60)}@example.org` });
  await api('PUT', `/budgets/user/${user.id}`, { period: 'month', limit: '999999.99' });
  await api('PUT', `/budgets/group/${group.id}`, { period: 'month', limit: '999999.99' });
  await api('POST', '/api-keys', { name: LONG, scopes: ['create:Message', 'read:Message', 'read:Session', 'create:Session', 'use:Tool', 'use:Model'] });
  await api('POST', '/tools', { name: 'long', version: '1.0.0', type: 'chat', title: LONG.slice(0, 100), description: LONG, behavior: 'x', greeting: LONG, model: 'sim/echo' });
  session = await api('POST', '/sessions', { tool: 'long', title: LONG });
  await api('POST', `/sessions/${session.id}/messages`, { content: WIDE, attachments: [{ filename: `${LONG}.png`, mime_type: 'image/png', size: 1, storage_provider: 'url', storage_key: `https://${LONG.slice(0, 60)}.example.org/a.png` }] });
  await api('POST', `/sessions/${session.id}/forks`, { from_seq: 3, title: LONG });
  page = await openPage(all.browser, all.server, { viewport: { width: WIDTH, height: 640 } });
  await signIn(page, all.server, all.server.key, { menu: true });
});
after(() => all.close());

/** Elements that reach beyond the screen, or beyond a dialog, and no frame of theirs scrolls or hides them. */
const outside = () => page.evaluate((width) => {
  const root = document.querySelector('dialog[open]') ?? document.body;
  const framed = (element) => {
    for (let each = element.parentElement; each && each !== root; each = each.parentElement) {
      if (['auto', 'scroll', 'hidden', 'clip'].includes(getComputedStyle(each).overflowX) && each.scrollWidth > each.clientWidth && each.matches('.table-frame, pre, .tabs, select, .session-title, .session-facts, .principal, h1, .chat-title, .uplot, .visually-hidden, figure')) return true;
    }
    return element.matches('.visually-hidden, .visually-hidden *, .skip, .sidebar, .sidebar *, .page thead, .page thead *, dialog thead, dialog thead *');
  };
  const found = [...root.querySelectorAll('*')].filter((element) => {
    const { left, right, width: wide } = element.getBoundingClientRect();
    return wide > 0 && (right > width + 1 || left < -1) && !framed(element);
  });
  const scrolls = [document.documentElement, ...document.querySelectorAll('main, .page, .transcript, .new-scroll, .composer, dialog')].filter((element) => element.scrollWidth > element.clientWidth + 1);
  return [...new Set([...found, ...scrolls].map((element) => `${element.tagName.toLowerCase()}.${element.className}`))].slice(0, 6);
}, WIDTH);

test('no view is wider than the screen', async () => {
  const views = ['', 'usage', 'account', `sessions/${session.id}`, ...['users', 'groups', 'keys', 'models', 'tools', 'audit'].map((name) => `administration/${name}`)];
  const wide = {};
  for (const path of views) {
    await view(page, all.server, path);
    for (const details of await page.locator('main details').all()) await details.evaluate((element) => {
      element.open = true;
    });
    await settled(page);
    const found = await outside();
    if (found.length > 0) wide[path] = found;
  }
  assert.deepEqual(wide, {});
});

test('no dialog is wider than the screen', async () => {
  const press = (name) => () => page.getByRole('main').getByRole('button', { name }).first().click();
  const choose = (name) => async () => {
    await page.getByRole('main').getByRole('button', { name: /actions|Actions for/ }).first().click();
    await page.getByRole('menuitem', { name }).click();
  };
  const dialogs = [
    ['account', press('Create key')], ['account', press('Revoke')],
    ['administration/users', press('New user')], ['administration/users', press('Budget')], ...['Edit', 'Stored rules', 'Effective rules', 'Delete'].map((name) => ['administration/users', choose(name)]),
    ['administration/groups', press('New group')], ['administration/groups', press('Budget')], ...['Edit', 'Stored rules', 'Delete'].map((name) => ['administration/groups', choose(name)]),
    ['administration/tools', press('Versions of long')], ['administration/tools', press('Disable long')],
    ...['Rename', 'Forks and origin', 'Complete', 'Delete session'].map((name) => [`sessions/${session.id}`, choose(name)]),
    [`sessions/${session.id}`, press('Attach by address')], [`sessions/${session.id}`, press('Cost of the session')], [`sessions/${session.id}`, () => page.getByRole('button', { name: 'Fork' }).last().click()],
    [`sessions/${session.id}`, async () => {
      await page.locator('.message-actions .facts summary').last().click();
      await page.getByRole('button', { name: 'What was sent' }).click();
      await page.getByRole('dialog').locator('.attempts summary').click();
    }],
  ];
  const wide = {};
  for (const [index, [path, open]] of dialogs.entries()) {
    await view(page, all.server, path);
    await open();
    await page.getByRole('dialog').waitFor();
    await settled(page);
    for (const details of await page.locator('dialog details').all()) await details.evaluate((element) => {
      element.open = true;
    });
    await settled(page);
    const found = await outside();
    const title = await page.getByRole('dialog').getByRole('heading').first().textContent();
    if (found.length > 0) wide[`${index} ${path} ${title.slice(0, 30)}`] = found;
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
  assert.deepEqual(wide, {});
});

test('the members of a group fit, and a quote, and the drawer', async () => {
  await view(page, all.server, 'administration/groups');
  await page.getByRole('main').getByRole('button', { name: 'Members of' }).click();
  await page.getByRole('table', { name: 'Invitations' }).waitFor();
  assert.deepEqual(await outside(), []);
  await view(page, all.server, `sessions/${session.id}`);
  await page.getByLabel('Message', { exact: true }).fill(LONG.repeat(10));
  await page.locator('.quote').waitFor();
  assert.deepEqual(await outside(), []);
  await page.getByLabel('Message', { exact: true }).fill('');
  await page.getByRole('button', { name: 'Menu' }).click();
  await settled(page);
  assert.deepEqual(await page.locator('.sidebar').evaluate((element) => [element, ...element.querySelectorAll('.session-list, nav, .sidebar-foot')].filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.className)), []);
  assert.ok(await page.locator('.sidebar').evaluate((element) => element.getBoundingClientRect().right <= innerWidth));
  await page.keyboard.press('Escape');
});

test('the buttons of the message box keep their size beside a long tool', async () => {
  await view(page, all.server, '');
  await page.getByLabel('Tool', { exact: true }).selectOption('long');
  for (const name of ['Send', 'Attach by address']) {
    const { width, height } = await page.getByRole('button', { name }).boundingBox();
    assert.deepEqual([width, height], [36, 36], name);
  }
  assert.equal(await page.getByLabel('Tool', { exact: true }).evaluate((element) => getComputedStyle(element).textOverflow), 'ellipsis');
});

const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim());
/** Waits until the element with this name has the focus, which moves after the view was drawn. */
const focusIs = (name) =>
  page.waitForFunction(
    (expected) => (document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()) === expected,
    name,
  );

test('the drawer is opened, left and closed with the keyboard, which keeps its place', async () => {
  await view(page, all.server, 'account');
  await page.getByRole('button', { name: 'Menu' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('complementary').waitFor();
  await settled(page);
  await focusIs('New session');
  await page.keyboard.press('Escape');
  await settled(page);
  await focusIs('Menu');
  await page.keyboard.press('Enter');
  for (let step = 0; step < 60 && (await focused()) !== 'Usage'; step += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Usage' }).waitFor();
  await settled(page);
  await focusIs('Menu');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.labels?.[0]?.textContent), 'Range');
  assert.deepEqual(page.problems, []);
});

test('a long word leaves the other columns in view, and a time has one line', async () => {
  const wide = await openPage(all.browser, all.server, { viewport: { width: 1440, height: 900 } });
  await signIn(wide, all.server);
  for (const [path, name] of [['administration/users', 'Users'], ['administration/groups', 'Groups'], ['administration/keys', 'API keys of all users'], ['administration/audit', 'Events']]) {
    await view(wide, all.server, path);
    const table = wide.getByRole('table', { name });
    assert.ok(await table.evaluate((element) => element.parentElement.scrollWidth <= element.parentElement.clientWidth + 1), name);
    const lines = await table.locator('td.time').evaluateAll((cells) => cells.map((cell) => cell.firstChild.getClientRects()[0].height));
    assert.ok(lines.length > 0 && lines.every((height) => height < 40), `${name}: ${lines}`);
  }
  assert.deepEqual(wide.problems, []);
});
