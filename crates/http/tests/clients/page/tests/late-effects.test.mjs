// A page whose animation frames and timers are late, as on a busy machine, and a user who is fast: what a view needs to be
// used comes with its rendering. `useEffect` of Preact waits for a frame, `useLayoutEffect` does not.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { converse, idle, openPage, setUp, signIn } from '../support/browser.mjs';

const LATE_MS = 1000;

let all;
before(async () => {
  all = await setUp();
});
after(() => all.close());

async function openLate(options) {
  const page = await openPage(all.browser, all.server, options);
  await page.addInitScript((late) => {
    const { requestAnimationFrame: frame, setTimeout: timer } = globalThis;
    globalThis.setTimeout = (task, delay = 0, ...values) => timer(task, delay + late, ...values);
    globalThis.requestAnimationFrame = (task) => frame(() => timer(task, late));
  }, LATE_MS);
  return page;
}

/** Waits until all effects of what is rendered now have run. */
const effects = (page) => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => setTimeout(() => setTimeout(resolve)))));

const focused = (page) => page.evaluate(() => document.activeElement.getAttribute('aria-label') || document.activeElement.labels?.[0]?.textContent || document.activeElement.textContent.trim());

const openDialog = async (page, actions, name) => {
  await page.getByRole('button', { name: actions }).click();
  await page.getByRole('menuitem', { name }).click();
  await page.getByRole('dialog').waitFor();
};

const escapeDialog = async (page) => {
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
};

test('a menu takes the keys that follow its click, and a dialog returns the focus to its menu', async () => {
  const page = await openLate();
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'Hello');
  const actions = page.getByRole('button', { name: 'Session actions' });
  await actions.click();
  assert.equal(await focused(page), 'Rename');
  // The message box takes the focus when the conversation opens, and not from a menu later.
  await effects(page);
  assert.equal(await focused(page), 'Rename');
  await page.keyboard.press('Escape');
  assert.deepEqual([await actions.getAttribute('aria-expanded'), await focused(page)], ['false', 'Session actions']);
  await openDialog(page, 'Session actions', 'Rename');
  assert.equal(await focused(page), 'Title');
  await escapeDialog(page);
  assert.equal(await focused(page), 'Session actions');
  assert.deepEqual(page.problems, []);
});

test('a dialog that replaces another one returns the focus to the menu of the first', async () => {
  const page = await openLate();
  await signIn(page, all.server);
  await page.goto(`${all.server.address}/#/administration/users`);
  await openDialog(page, 'Actions for admin', 'Stored rules');
  await page.getByRole('dialog').getByLabel('Rules (JSON)').waitFor();
  assert.equal(await focused(page), 'Rules (JSON)');
  await escapeDialog(page);
  assert.equal(await focused(page), 'Actions for admin');
  assert.deepEqual(page.problems, []);
});

test('the fields of the sign-in and of a new session have the focus at once', async () => {
  const page = await openLate();
  await page.goto(all.server.address);
  await page.getByLabel('API key').waitFor();
  assert.equal(await focused(page), 'API key');
  await page.keyboard.type(all.server.key);
  await page.keyboard.press('Enter');
  await page.locator('.new-view').waitFor();
  assert.equal(await focused(page), 'Message');
  await page.keyboard.type('A draft');
  assert.equal(await page.getByLabel('Message', { exact: true }).inputValue(), 'A draft');
  assert.deepEqual(page.problems, []);
});

test('the drawer that is opened right after the sign-in stays open, and every other view closes it', async () => {
  const page = await openLate({ viewport: { width: 320, height: 640 } });
  await signIn(page, all.server, all.server.key, { menu: true });
  const menu = page.getByRole('button', { name: 'Menu' });
  const state = async () => [await menu.getAttribute('aria-expanded'), await focused(page)];
  await menu.click();
  assert.deepEqual(await state(), ['true', 'New session']);
  await effects(page);
  assert.deepEqual(await state(), ['true', 'New session']);
  await page.keyboard.press('Escape');
  assert.deepEqual(await state(), ['false', 'Menu']);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Usage' }).click();
  await page.getByRole('heading', { name: 'Usage' }).waitFor();
  assert.deepEqual(await state(), ['false', 'Menu']);
  await page.keyboard.press('Enter');
  assert.deepEqual(await state(), ['true', 'New session']);
  await page.evaluate(() => history.back());
  await page.locator('.new-view').waitFor();
  assert.equal(await menu.getAttribute('aria-expanded'), 'false');
  assert.deepEqual(page.problems, []);
});

test('a mistake of a posted tool is selected when it is shown', async () => {
  const page = await openLate({ viewport: { width: 320, height: 640 } });
  await signIn(page, all.server, all.server.key, { menu: true });
  await page.goto(`${all.server.address}/#/administration/tools`);
  const sections = page.getByRole('navigation', { name: 'Sections' });
  await sections.waitFor();
  // The section that is shown is in view among those that do not fit.
  assert.ok(await sections.evaluate((element) => element.scrollLeft > 0));
  await page.getByRole('button', { name: 'Post a tool' }).click();
  const definition = page.getByLabel('Definition (YAML)');
  await definition.fill('name: haiku\nversion: 1.0.0\ntype: chat\ntitle: Haiku\ndescription: Writes haiku.\nbehaviour: oops\n');
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await page.getByRole('alert').getByText(/Line 6/).first().waitFor();
  assert.equal(await definition.evaluate((input) => input.value.slice(input.selectionStart, input.selectionEnd)), 'behaviour: oops');
  assert.deepEqual(page.problems, []);
});

test('the first message of a conversation that is left at once is sent', async () => {
  const page = await openLate();
  await signIn(page, all.server);
  // The view of conversations is loaded.
  await converse(page, 'general-assistant', 'Hello');
  await idle(page);
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByLabel('Message', { exact: true }).fill('And on');
  const left = page.evaluate(() => new Promise((resolve) => {
    const leave = () => {
      const id = /^#\/sessions\/(.+)$/.exec(location.hash)?.[1];
      if (!id) return;
      removeEventListener('hashchange', leave);
      // The page listened first: the view of the session is rendered.
      const rendered = document.querySelector('main.page[aria-busy]') !== null;
      location.hash = '#/account';
      resolve({ id, rendered });
    };
    addEventListener('hashchange', leave);
  }));
  const sent = page.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/messages'));
  await page.getByRole('button', { name: 'Send' }).click();
  const { id, rendered } = await left;
  assert.ok(rendered);
  const request = await sent;
  assert.ok(request.url().includes(`/sessions/${id}/`));
  assert.deepEqual(request.postDataJSON(), { content: 'And on' });
  await page.getByRole('heading', { name: 'Account' }).waitFor();
  assert.deepEqual(page.problems, []);
});

test('a chart is drawn with its tables, and sums of another range are busy until they arrive', async () => {
  const page = await openLate();
  await signIn(page, all.server);
  await page.goto(`${all.server.address}/#/usage`);
  await page.getByRole('table', { name: 'By model' }).waitFor();
  assert.equal(await page.locator('.chart canvas').count(), 1);
  let release;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  await page.route(/\/usage\?/, async (route) => {
    await released;
    await route.continue();
  });
  await page.getByLabel('Range').selectOption('week');
  assert.equal(await page.getByRole('main').getAttribute('aria-busy'), 'true');
  release();
  await page.locator('main:not([aria-busy])').waitFor();
  assert.deepEqual(page.problems, []);
});
