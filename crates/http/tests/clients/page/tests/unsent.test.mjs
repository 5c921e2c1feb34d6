// Messages that do not reach the server at once: none is lost, and none is sent twice.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { converse, idle, openPage, setUp, settled, signIn } from '../support/browser.mjs';

let all;
let page;
before(async () => {
  all = await setUp();
  page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'The first message');
  await idle(page);
  await settled(page);
});
after(() => all.close());

const message = () => page.getByLabel('Message', { exact: true });
const send = async (text) => {
  await message().fill(text);
  await page.keyboard.press('Enter');
};
const lost = () => page.locator('.composer-note').getByText('The connection is lost').waitFor();
const sent = () => page.locator('.mine .plain').allTextContents();
const stored = async () => (await all.server.api('GET', `/sessions/${page.url().split('/sessions/')[1]}/messages`)).data.filter(({ role }) => role === 'user').map(({ content }) => content);

test('a message that is sent while the server is down arrives once when it is back', async () => {
  await all.server.kill();
  await send('While the server is down');
  await lost();
  await all.server.restart();
  await idle(page, 2);
  await settled(page);
  assert.deepEqual(await sent(), ['The first message', 'While the server is down']);
  assert.deepEqual(await stored(), await sent());
});

test('Stop takes back a message that has not reached the server', async () => {
  await all.server.kill();
  await send('Taken back');
  await lost();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Send' }).waitFor();
  assert.equal(await message().inputValue(), 'Taken back');
  await page.getByRole('alert').getByText('The server cannot be reached.').waitFor();
  assert.equal(await page.locator('.message').count(), 4);
  await all.server.restart();
  await page.getByRole('button', { name: 'Send' }).click();
  await idle(page, 3);
  await settled(page);
  assert.equal(await page.getByRole('alert').count(), 0);
  assert.deepEqual(await stored(), ['The first message', 'While the server is down', 'Taken back']);
});

test('a message that has not reached the server is the draft after a reload', async () => {
  await page.getByRole('button', { name: 'Attach by address' }).click();
  await page.getByLabel('Address', { exact: true }).fill('https://files.example.org/100%25%zz.png');
  await page.getByRole('button', { name: 'Attach', exact: true }).click();
  await all.server.kill();
  await send('Before the reload');
  await lost();
  const address = page.url();
  await page.goto('about:blank');
  await all.server.restart();
  await page.goto(address);
  await page.locator('.message').nth(5).waitFor();
  await page.getByRole('button', { name: 'Remove 100%25%zz.png' }).waitFor();
  assert.equal(await message().inputValue(), 'Before the reload');
  await page.getByRole('button', { name: 'Send' }).click();
  await idle(page, 4);
  await page.reload();
  await page.locator('.message').nth(7).waitFor();
  await settled(page);
  assert.equal(await message().inputValue(), '');
  assert.equal((await stored()).at(-1), 'Before the reload');
});

test('a message that has not reached the server is the draft when its view is opened again', async () => {
  const address = page.url();
  // The module of a view is requested when the view is opened for the first time.
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByRole('heading', { name: 'Account' }).waitFor();
  await page.goto(address);
  await page.locator('.message').nth(7).waitFor();
  await settled(page);
  await all.server.kill();
  await send('Before another view');
  await lost();
  await message().fill('Written meanwhile');
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByRole('heading', { name: 'Account' }).waitFor();
  await page.goto(address);
  // The session is read again and again while the server cannot be reached.
  await page.getByRole('alert').getByText('The server cannot be reached.').first().waitFor();
  await all.server.restart();
  await page.locator('.message').nth(7).waitFor();
  await page.waitForFunction(() => document.querySelector('.composer textarea')?.value === 'Before another view\n\nWritten meanwhile');
  await message().fill('');
});

test('the first message of a session stays in the message box until the server has the session', async () => {
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByText('Choose a tool').waitFor();
  await settled(page);
  await all.server.kill();
  await send('Begin');
  await page.getByRole('main').getByRole('alert').getByText('The server cannot be reached.').waitFor();
  assert.equal(await message().inputValue(), 'Begin');
  await all.server.restart();
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/sessions\//);
  await idle(page);
  assert.deepEqual(await stored(), ['Begin']);
  await page.getByRole('button', { name: 'New session' }).click();
  assert.equal(await message().inputValue(), '');
});

test('a message appears once, also if the state of the session arrives before its stream', async () => {
  await page.getByLabel('Tool', { exact: true }).selectOption('general-assistant');
  await send('One');
  await page.waitForURL(/#\/sessions\//);
  await idle(page);
  await settled(page);
  // The response of the send is held until a reading of the session, which began before it, has shown its message.
  let release;
  const held = new Promise((resolve) => {
    release = resolve;
  });
  await page.route(/\/messages$/, async (route) => {
    if (route.request().method() !== 'POST') return route.fallback();
    const response = await route.fetch();
    await held;
    return route.fulfill({ response });
  });
  await send('Two');
  await page.waitForFunction(() => document.querySelectorAll('.mine').length === 2);
  while ((await stored()).length < 2) await settledFrame();
  const read = page.waitForResponse((response) => /\/sessions\/[^/]+$/.test(response.url()));
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await (await read).finished();
  await settledFrame();
  assert.deepEqual(await sent(), ['One', 'Two']);
  release();
  await idle(page, 2);
  await settled(page);
  assert.deepEqual(await sent(), ['One', 'Two']);
  assert.equal(await page.locator('.message').count(), 4);
  await page.unroute(/\/messages$/);
  assert.deepEqual(page.problems, []);
});

test('tools that cannot be read are read again, and nothing is sent before', async () => {
  const tools = /\/tools\?/;
  await page.route(tools, (route) => route.abort());
  await page.getByRole('link', { name: 'Account' }).click();
  await page.getByRole('heading', { name: 'Account' }).waitFor();
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByRole('main').getByRole('alert').getByText('The server cannot be reached.').waitFor();
  await send('Before the tools');
  assert.equal(await page.getByRole('button', { name: 'Send' }).isDisabled(), true);
  assert.equal(await page.getByRole('alert').count(), 1);
  await page.unroute(tools);
  await page.getByRole('main').getByRole('button', { name: 'Try again' }).click();
  await page.locator('.card').first().waitFor();
  await page.getByRole('button', { name: 'Send' }).click();
  await page.waitForURL(/#\/sessions\//);
  await idle(page);
  assert.deepEqual(await sent(), ['Before the tools']);
});

test('a draft that has no place in the storage begins one session, and leaves no older draft', async () => {
  const long = 'A long draft, which is worth a quote. '.repeat(60);
  const stored = () => page.evaluate(() => Object.values({ ...sessionStorage }));
  await page.getByRole('button', { name: 'New session' }).click();
  await page.locator('.card').first().waitFor();
  await message().fill('An older draft');
  assert.ok((await stored()).includes('An older draft'));
  await page.evaluate(() => {
    for (let size = 2 ** 22; size > 0; size = Math.floor(size / 2)) {
      try {
        sessionStorage.setItem(`room-${size}`, 'x'.repeat(size));
      } catch {
        // The next piece is smaller.
      }
    }
  });
  await message().fill(long);
  assert.ok(!(await stored()).includes('An older draft'));
  const begun = [];
  page.on('request', (request) => request.method() === 'POST' && /\/sessions$/.test(request.url()) && begun.push(request.url()));
  await page.getByRole('button', { name: 'What will it cost?' }).click();
  await page.waitForURL(/#\/sessions\//);
  await page.locator('.quote').waitFor();
  assert.equal(await message().inputValue(), long);
  assert.equal(begun.length, 1);
  await page.getByRole('button', { name: 'Send' }).click();
  await idle(page);
  assert.deepEqual(await sent(), [long]);
  await page.evaluate(() => Object.keys(sessionStorage).filter((name) => name.startsWith('room-')).forEach((name) => sessionStorage.removeItem(name)));
  assert.deepEqual(page.problems, []);
});

/** Waits until what has arrived is shown. */
const settledFrame = () => page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(resolve)))));
