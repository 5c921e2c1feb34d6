// Accessibility: axe on each view in both color schemes, the keyboard alone, 320 px.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { checkAxe, converse, idle, openPage, setUp, signIn } from '../support/browser.mjs';

let all;
let session;
before(async () => {
  all = await setUp();
  const group = await all.server.api('POST', '/groups', { name: 'Writers' });
  const { user } = await all.server.api('GET', '/me');
  await all.server.api('POST', `/groups/${group.id}/members`, { user_id: user.id });
});
after(() => all.close());

const VIEWS = ['', 'usage', 'account', ...['users', 'groups', 'keys', 'models', 'tools', 'audit'].map((name) => `administration/${name}`)];
const TEXT = '## Title\n\nA [link](https://example.org/a) and `code`.\n\n```js\nlet a = 1;\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |';

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing on any view (${colorScheme})`, async () => {
    const page = await openPage(all.browser, all.server, { colorScheme, bypassCSP: true });
    await page.goto(all.server.address);
    await page.getByLabel('API key').waitFor();
    await checkAxe(page, 'sign-in');
    await signIn(page, all.server);
    await converse(page, 'general-assistant', TEXT);
    await page.locator('.theirs .price').waitFor();
    session = page.url();
    await checkAxe(page, 'chat');
    await page.getByRole('button', { name: 'Session actions' }).click();
    await checkAxe(page, 'menu');
    await page.getByRole('menuitem', { name: 'Rename' }).click();
    await checkAxe(page, 'dialog');
    await page.keyboard.press('Escape');
    for (const view of VIEWS) {
      await page.goto(`${all.server.address}/#/${view}`);
      await page.locator('main h1').waitFor();
      await page.waitForLoadState('networkidle');
      await checkAxe(page, view || 'new session');
    }
    await page.goto(`${all.server.address}/#/administration/users`);
    await page.getByRole('button', { name: 'Actions for admin' }).click();
    await page.getByRole('menuitem', { name: 'Effective rules' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Check' }).click();
    await page.locator('.decides').waitFor();
    await checkAxe(page, 'abilities');
    await page.keyboard.press('Escape');
    await page.setViewportSize({ width: 320, height: 640 });
    for (const view of ['', 'usage', 'administration/users']) {
      await page.goto(`${all.server.address}/#/${view}`);
      await page.waitForLoadState('networkidle');
      await checkAxe(page, `${view || 'new session'} at 320 px`);
    }
  });
}

test('the keyboard is enough for a conversation', async () => {
  const page = await openPage(all.browser, all.server);
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim());
  const tabTo = async (name) => {
    for (let step = 0; step < 60; step += 1) {
      if ((await focused()).startsWith(name)) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`${name} is not reached, but ${await focused()}`);
  };
  /** Waits until an element has the focus: menus and views move it after they are rendered. */
  const focusOn = async (name) => {
    for (let attempt = 0; attempt < 100 && (await focused()) !== name; attempt += 1) await page.waitForTimeout(50);
    assert.equal(await focused(), name);
  };
  await page.goto(all.server.address);
  await page.getByLabel('API key').and(page.locator(':focus')).waitFor();
  await page.keyboard.type(all.server.key);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'New session' }).waitFor();
  await tabTo('New session');
  await page.keyboard.press('Enter');
  await tabTo('Translator');
  await page.keyboard.press('Space');
  await tabTo('Message');
  await page.keyboard.type('One line');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('another');
  await page.keyboard.press('Enter');
  await page.locator('.theirs .price').waitFor();
  assert.equal(await page.locator('.mine .plain').textContent(), 'One line\nanother');
  await focusOn('Message');
  await page.getByRole('button', { name: 'Session actions' }).focus();
  await page.keyboard.press('Enter');
  await focusOn('Rename');
  await page.keyboard.press('ArrowDown');
  await focusOn('Forks and origin');
  await page.keyboard.press('Escape');
  await focusOn('Session actions');
  await page.keyboard.press('Enter');
  await focusOn('Rename');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
});

test('everything fits 320 px, and the menu opens as a drawer', async () => {
  const page = await openPage(all.browser, all.server, { viewport: { width: 320, height: 640 } });
  await page.goto(all.server.address);
  await page.getByLabel('API key').fill(all.server.key);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Menu' }).click();
  await page.getByRole('link', { name: 'Usage' }).click();
  await page.getByRole('heading', { name: 'Usage' }).waitFor();
  for (const view of [...VIEWS.map((each) => `${all.server.address}/#/${each}`), session]) {
    await page.goto(view);
    await page.waitForLoadState('networkidle');
    const wide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll('.page, .transcript, .new-scroll')].filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => `${element.className} ${element.scrollWidth}`));
    assert.deepEqual(wide, [], view);
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
