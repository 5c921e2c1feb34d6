// Accessibility: axe on each view in both color schemes, the keyboard alone, 320 px, reduced motion.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checkAxe, converse, idle, openPage, setUp, settled, signIn, view } from '../support/browser.mjs';

let all;
let session;
before(async () => {
  all = await setUp();
  const { api, tool } = all.server;
  const group = await api('POST', '/groups', { name: 'Writers' });
  const { user } = await api('GET', '/me');
  await api('POST', `/groups/${group.id}/members`, { user_id: user.id });
  await api('PUT', `/budgets/group/${group.id}`, { period: 'month', limit: '5.00' });
  await tool('broken', 'sim/status?code=400');
  await tool('slow', 'sim/slow?words=5000&delay_ms=100');
});
after(() => all.close());

const SECTIONS = ['users', 'groups', 'keys', 'models', 'tools', 'audit'];
const VIEWS = ['', 'usage', 'account', ...SECTIONS.map((name) => `administration/${name}`)];
const TEXT = '## Title\n\nA [link](https://example.org/a) and `code`.\n\n```js\nlet a = 1;\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |';
const LONG = 'A long draft. '.repeat(150);

const dialogOf = (page) => page.getByRole('dialog');
const closed = async (page) => {
  await page.keyboard.press('Escape');
  await dialogOf(page).waitFor({ state: 'detached' });
};

/** Everything that a conversation can show: details, dialogs, a quote, a replaced answer, a failure. */
async function checkChat(page) {
  await converse(page, 'general-assistant', TEXT);
  await page.locator('.theirs .price').waitFor();
  session = page.url();
  await checkAxe(page, 'chat');
  await page.getByRole('button', { name: 'Session actions' }).click();
  await checkAxe(page, 'menu');
  await page.getByRole('menuitem', { name: 'Rename' }).click();
  await checkAxe(page, 'dialog');
  await closed(page);
  await page.locator('.theirs .facts summary').click();
  await page.getByText(/messages? sent/).waitFor();
  await checkAxe(page, 'details of an answer');
  await page.getByRole('button', { name: 'What was sent' }).click();
  await dialogOf(page).getByRole('table').waitFor();
  await checkAxe(page, 'context');
  await closed(page);
  await page.getByRole('button', { name: 'Cost of the session' }).click();
  await dialogOf(page).getByRole('table').waitFor();
  await checkAxe(page, 'cost of the session');
  await closed(page);
  await page.getByRole('button', { name: 'Attach by address' }).click();
  await checkAxe(page, 'attachment');
  await closed(page);
  await page.getByLabel('Message', { exact: true }).fill(LONG);
  await page.locator('.quote').waitFor();
  await checkAxe(page, 'quote');
  await page.getByLabel('Message', { exact: true }).fill('');
  await page.getByRole('button', { name: 'Regenerate' }).click();
  await page.locator('.theirs').nth(1).waitFor();
  await idle(page, 2);
  await checkAxe(page, 'replaced answer');
  await page.getByRole('button', { name: 'Session actions' }).click();
  await page.getByRole('menuitem', { name: 'Forks and origin' }).click();
  await checkAxe(page, 'lineage');
  await closed(page);
  await converse(page, 'broken', 'Hello');
  await page.locator('.outcome.failed').waitFor();
  await checkAxe(page, 'failed answer');
}

async function checkAdministration(page) {
  await view(page, all.server, 'account');
  await page.getByRole('button', { name: 'Create key' }).click();
  await checkAxe(page, 'new key');
  await closed(page);
  await view(page, all.server, 'administration/users');
  await page.getByRole('button', { name: 'Actions for admin' }).click();
  await page.getByRole('menuitem', { name: 'Effective rules' }).click();
  await dialogOf(page).getByRole('button', { name: 'Check' }).click();
  await page.locator('.decides').waitFor();
  await checkAxe(page, 'abilities');
  await closed(page);
  await page.getByRole('button', { name: 'Actions for admin' }).click();
  await page.getByRole('menuitem', { name: 'Stored rules' }).click();
  await dialogOf(page).getByLabel('Rules (JSON)').waitFor();
  await checkAxe(page, 'stored rules');
  await closed(page);
  await page.getByRole('button', { name: 'Budget of admin' }).click();
  await checkAxe(page, 'budget');
  await closed(page);
  await view(page, all.server, 'administration/groups');
  await page.getByRole('button', { name: 'Members of Writers' }).click();
  await checkAxe(page, 'members');
  await view(page, all.server, 'administration/tools');
  await page.getByRole('button', { name: 'Post a tool' }).click();
  await page.getByLabel('Definition (YAML)').fill('name: x\n');
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await checkAxe(page, 'mistakes of a tool');
  await page.getByRole('button', { name: 'Versions of translator' }).click();
  await dialogOf(page).locator('summary').first().click();
  await checkAxe(page, 'versions');
  await closed(page);
}

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing on any view (${colorScheme})`, async () => {
    const page = await openPage(all.browser, all.server, { colorScheme, bypassCSP: true });
    await page.goto(all.server.address);
    await page.getByLabel('API key').waitFor();
    await checkAxe(page, 'sign-in');
    await signIn(page, all.server);
    await checkChat(page);
    for (const path of VIEWS) {
      await view(page, all.server, path);
      await page.locator('main h1').waitFor();
      await checkAxe(page, path || 'new session');
    }
    await checkAdministration(page);
    await page.setViewportSize({ width: 320, height: 640 });
    for (const path of ['', 'usage', 'account', 'administration/users']) {
      await view(page, all.server, path);
      await checkAxe(page, `${path || 'new session'} at 320 px`);
    }
    await page.getByRole('button', { name: 'Menu' }).click();
    await checkAxe(page, 'drawer');
  });
}

const focused = (page) => page.evaluate(() => document.activeElement.getAttribute('aria-label') || document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent.trim());

async function tabTo(page, name) {
  for (let step = 0; step < 80; step += 1) {
    if ((await focused(page)).startsWith(name)) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`${name} is not reached, but ${await focused(page)}`);
}

/** Waits until an element has the focus: menus and views move it after they are rendered. */
async function focusOn(page, name) {
  for (let attempt = 0; attempt < 200 && (await focused(page)) !== name; attempt += 1) await page.waitForTimeout(50);
  assert.equal(await focused(page), name);
}

test('the keyboard is enough for a conversation', async () => {
  const page = await openPage(all.browser, all.server);
  await page.goto(all.server.address);
  await page.getByLabel('API key').and(page.locator(':focus')).waitFor();
  await page.keyboard.type(all.server.key);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'New session' }).waitFor();
  await settled(page);
  await tabTo(page, 'New session');
  await page.keyboard.press('Enter');
  await tabTo(page, 'Translator');
  await page.keyboard.press('Space');
  await tabTo(page, 'Message');
  await page.keyboard.type('One line');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('another');
  await page.keyboard.press('Enter');
  await page.locator('.theirs .price').waitFor();
  assert.equal(await page.locator('.mine .plain').textContent(), 'One line\nanother');
  await focusOn(page, 'Message');
  await page.getByRole('button', { name: 'Session actions' }).focus();
  await page.keyboard.press('Enter');
  await focusOn(page, 'Rename');
  await page.keyboard.press('ArrowDown');
  await focusOn(page, 'Forks and origin');
  await page.keyboard.press('Escape');
  await focusOn(page, 'Session actions');
  await page.keyboard.press('Enter');
  await focusOn(page, 'Rename');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await focusOn(page, 'Session actions');
  // Another answer, a fork with a title, and back in the origin.
  await tabTo(page, 'Regenerate');
  await page.keyboard.press('Enter');
  await page.locator('.theirs').nth(1).waitFor();
  await idle(page, 2);
  await settled(page);
  await page.getByRole('region', { name: 'Messages' }).focus();
  await tabTo(page, 'Fork');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await tabTo(page, 'Title');
  await page.keyboard.type('By keyboard');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'By keyboard' }).waitFor();
});

test('the keyboard stops an answer, and reaches usage, account and administration', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await converse(page, 'slow', 'Go on');
  await page.waitForFunction(() => (document.querySelector('.theirs .bubble')?.textContent.length ?? 0) > 20);
  await tabTo(page, 'Stop');
  await page.keyboard.press('Enter');
  await page.locator('.outcome').getByText('Stopped.').waitFor();
  await tabTo(page, 'Usage');
  await page.keyboard.press('Enter');
  await page.getByRole('table', { name: 'By tool' }).waitFor();
  await tabTo(page, 'Download CSV');
  const download = page.waitForEvent('download');
  await page.keyboard.press('Enter');
  await download;
  await tabTo(page, 'Model');
  await page.keyboard.press('Enter');
  await page.locator('th[aria-sort]').first().waitFor();
  await tabTo(page, 'Administration');
  await page.keyboard.press('Enter');
  await page.getByRole('navigation', { name: 'Sections' }).waitFor();
  await settled(page);
  await tabTo(page, 'Actions for admin');
  await page.keyboard.press('Enter');
  await focusOn(page, 'Edit');
  await page.keyboard.press('End');
  await page.keyboard.press('Escape');
  await focusOn(page, 'Actions for admin');
});

test('everything fits 320 px, and the menu opens as a drawer', async () => {
  const page = await openPage(all.browser, all.server, { viewport: { width: 320, height: 640 } });
  await page.goto(all.server.address);
  await page.getByLabel('API key').fill(all.server.key);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('link', { name: 'Usage' }).click();
  await page.getByRole('heading', { name: 'Usage' }).waitFor();
  for (const path of [...VIEWS, session.split('#/')[1]]) {
    await view(page, all.server, path);
    const wide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll('.page, .transcript, .new-scroll, .chat-head, .composer')].filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => `${element.className} ${element.scrollWidth}`));
    assert.deepEqual(wide, [], path);
  }
  await page.getByRole('button', { name: 'Send' }).waitFor();
  assert.deepEqual(page.problems, []);
});

test('live regions say what happened, not the answer', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await page.evaluate(() => {
    globalThis.said = [];
    new MutationObserver(() => globalThis.said.push(document.querySelector('[role=status]').textContent)).observe(document.querySelector('[role=status]'), { childList: true, characterData: true, subtree: true });
  });
  await converse(page, 'general-assistant', 'Speak');
  await idle(page);
  await page.locator('.theirs .price').waitFor();
  await page.waitForFunction(() => globalThis.said.includes('The answer is complete'));
  assert.equal(await page.locator('.messages [aria-live], .messages[role=log]').count(), 0);
  assert.deepEqual((await page.evaluate(() => globalThis.said)).filter((text) => /Speak/.test(text)), []);
});

test('nothing moves for viewers who prefer reduced motion', async () => {
  const page = await openPage(all.browser, all.server, { reducedMotion: 'reduce', viewport: { width: 600, height: 700 } });
  await page.goto(all.server.address);
  await page.getByLabel('API key').fill(all.server.key);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Menu' }).click();
  const seconds = (text) => Math.max(...text.split(',').map((each) => Number.parseFloat(each) * (each.trim().endsWith('ms') ? 0.001 : 1)));
  const durations = () => page.evaluate(() => [...document.querySelectorAll('*')].flatMap((element) => {
    const { transitionDuration, animationDuration } = getComputedStyle(element);
    return [transitionDuration, animationDuration];
  }));
  assert.ok((await durations()).every((each) => seconds(each) < 0.001));
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByLabel('Tool', { exact: true }).selectOption('slow');
  await page.getByLabel('Message', { exact: true }).fill('Go');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Stop' }).waitFor();
  assert.ok((await durations()).every((each) => seconds(each) < 0.001));
  await page.getByRole('button', { name: 'Stop' }).click();
  await idle(page);
  assert.deepEqual(page.problems, []);
});
