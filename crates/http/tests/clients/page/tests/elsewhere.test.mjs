// Sessions that another tab, another browser or a program changes while the page shows them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { converse, idle, openPage, openTab, setUp, settled, signIn } from '../support/browser.mjs';

let all;
let page;
let tab;
before(async () => {
  all = await setUp();
  page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'For two tabs');
  await idle(page);
  tab = await openTab(page, all.server);
  await signIn(tab, all.server);
  await tab.goto(page.url());
  await tab.locator('.theirs .price').waitFor();
  await settled(page);
});
after(() => all.close());

const id = () => page.url().split('/sessions/')[1];
const choose = async (name) => {
  await tab.getByRole('button', { name: 'Session actions' }).click();
  await tab.getByRole('menuitem', { name }).click();
};

test('another tab shows a new title and state at once', async () => {
  await choose('Rename');
  await tab.getByRole('dialog').getByLabel('Title').fill('Renamed in the other tab');
  await tab.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Renamed in the other tab' }).waitFor();
  await page.getByRole('link', { name: /Renamed in the other tab/ }).waitFor();
  await choose('Pause');
  await page.getByText('This session is paused').waitFor();
  await choose('Resume');
  await page.getByLabel('Message', { exact: true }).and(page.locator(':enabled')).waitFor();
});

test('two tabs that send at once are both told what happened, and lose nothing', async () => {
  const texts = ['From the first tab', 'From the second tab'];
  await page.getByLabel('Message', { exact: true }).fill(texts[0]);
  await tab.getByLabel('Message', { exact: true }).fill(texts[1]);
  await Promise.all([page.keyboard.press('Enter'), tab.keyboard.press('Enter')]);
  await Promise.all([idle(page, 2), idle(tab, 2)]);
  for (const each of [page, tab]) {
    const box = each.getByLabel('Message', { exact: true });
    if (await box.inputValue() !== '') await each.getByRole('button', { name: 'Send' }).click();
  }
  await Promise.all([idle(page, 3), idle(tab, 3)]);
  await Promise.all([settled(page), settled(tab)]);
  const shown = await page.locator('.mine .plain').allTextContents();
  assert.deepEqual(shown.slice(1).toSorted(), texts);
  assert.deepEqual(await tab.locator('.mine .plain').allTextContents(), shown);
});

test('a send to a session that was paused elsewhere says so, and keeps the draft', async () => {
  await page.getByLabel('Message', { exact: true }).fill('Too late');
  await all.server.api('PATCH', `/sessions/${id()}/pause`);
  await page.keyboard.press('Enter');
  await page.getByText('This session is paused. Resume it to go on.').waitFor();
  assert.equal(await page.getByLabel('Message', { exact: true }).inputValue(), 'Too late');
  await page.getByRole('button', { name: 'Session actions' }).click();
  await page.getByRole('menuitem', { name: 'Resume' }).click();
  await page.getByRole('button', { name: 'Send' }).and(page.locator(':enabled')).click();
  await page.locator('.mine').getByText('Too late').waitFor();
  await idle(page, 4);
});

test('a session that is deleted elsewhere leaves the list, and stays to be read', async () => {
  const kept = await all.server.api('POST', '/sessions', { tool: 'general-assistant', title: 'Kept' });
  await choose('Delete session');
  await tab.getByRole('dialog').getByRole('button', { name: 'Delete session' }).click();
  await page.getByText('This session no longer exists').waitFor();
  await page.locator('.mine').getByText('For two tabs').waitFor();
  assert.equal(await page.getByLabel('Message', { exact: true }).isDisabled(), true);
  await page.getByRole('link', { name: /Renamed in the other tab/ }).waitFor({ state: 'detached' });
  // Nothing can be done with it any more.
  assert.equal(await page.getByRole('button', { name: 'Session actions' }).count(), 0);
  // A list that is read again loses what was deleted meanwhile.
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.getByRole('link', { name: /Kept/ }).waitFor();
  await all.server.api('DELETE', `/sessions/${kept.id}`);
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await page.getByRole('link', { name: /Kept/ }).waitFor({ state: 'detached' });
  assert.deepEqual([...page.problems, ...tab.problems], []);
});

test('a list of sessions that could not be read is read again', async () => {
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByText('Choose a tool').waitFor();
  const sidebar = page.getByRole('complementary');
  await page.route(/\/sessions\?/, (route) => route.abort());
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await sidebar.getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await page.unroute(/\/sessions\?/);
  await all.server.api('POST', '/sessions', { tool: 'general-assistant', title: 'Meanwhile' });
  await sidebar.getByRole('button', { name: 'Try again' }).click();
  await sidebar.getByRole('link', { name: /Meanwhile/ }).waitFor();
  assert.equal(await sidebar.getByRole('alert').count(), 0);
  assert.deepEqual(page.problems, []);
});
