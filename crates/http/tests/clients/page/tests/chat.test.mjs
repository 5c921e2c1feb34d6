// A conversation: sending, Markdown, reasoning, stopping, failing, the price, the state of the session.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answers, converse, idle, openPage, setUp, settled, signIn } from '../support/browser.mjs';

let all;
let page;
before(async () => {
  all = await setUp();
  await all.server.tool('slow', 'sim/slow?words=5000&delay_ms=40');
  await all.server.tool('thinker', 'sim/reasoning');
  await all.server.tool('broken', 'sim/status?code=400');
  await all.server.tool('painter', 'sim/image?words=3');
  page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
});
after(() => all.close());

const message = () => page.getByLabel('Message', { exact: true });

test('an answer streams, is rendered, and has its price with its basis', async () => {
  await converse(page, 'general-assistant', 'Hello\n\n## Title\n\n```js\nlet a = 1;\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n$x_1 + x_2$');
  await idle(page);
  await page.locator('.theirs .price').getByText('reported').waitFor();
  const answer = answers(page).first();
  assert.equal(await answer.getByRole('heading', { name: 'Title' }).count(), 1);
  assert.equal(await answer.locator('pre code').textContent(), 'let a = 1;');
  assert.equal(await answer.getByRole('cell').count(), 2);
  assert.equal(await answer.locator('.math').textContent(), '$x_1 + x_2$');
  await answer.getByRole('button', { name: 'Copy' }).click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'let a = 1;');
  await page.locator('.totals').getByText('2 messages').waitFor();
  await page.getByText('answered by the simulator').waitFor();
  const [{ usage }] = (await all.server.api('GET', `/sessions/${page.url().split('/sessions/')[1]}/messages`)).data.slice(-1);
  await page.locator('.theirs .facts summary').click();
  await page.locator('.facts dl').getByText(`$${usage.cost}`, { exact: true }).waitFor();
  await page.locator('.facts dl').getByText('Reported by the provider with the answer').waitFor();
  await page.locator('.theirs .facts summary').click();
});

test('the details of an answer say what was sent', async () => {
  await page.locator('.theirs .facts summary').click();
  await page.getByText(/messages? sent/).waitFor();
});

test('an attachment by address is a link that is not loaded', async () => {
  await page.getByRole('button', { name: 'Attach by address' }).click();
  await page.getByLabel('Address', { exact: true }).fill('https://files.example.org/picture.png');
  await page.getByRole('button', { name: 'Attach', exact: true }).click();
  await page.getByLabel('Message', { exact: true }).fill('What is this?');
  await page.getByRole('button', { name: 'Send' }).click();
  const link = page.locator('.mine').last().getByRole('link', { name: 'picture.png' });
  await link.waitFor();
  assert.equal(await link.getAttribute('rel'), 'noopener noreferrer nofollow');
  await idle(page, 2);
});

test('Stop ends the answer and keeps its text', async () => {
  await converse(page, 'slow', 'Go on');
  await page.waitForFunction(() => (document.querySelector('.theirs .bubble')?.textContent.length ?? 0) > 30);
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.locator('.outcome').getByText('Stopped.').waitFor();
  await idle(page);
  assert.ok((await answers(page).first().textContent()).length > 30);
});

/** Clicks in the place of a button, as the click of this number in the same place. */
async function clickAgain(place, clickCount) {
  await page.mouse.move(place.x + place.width / 2, place.y + place.height / 2);
  await page.mouse.down({ clickCount });
  await page.mouse.up({ clickCount });
}

test('a double click on Send does not stop the answer, and one on Stop does not send the draft', async () => {
  await converse(page, 'slow', 'Go on');
  const stop = page.getByRole('button', { name: 'Stop' });
  const send = page.getByRole('button', { name: 'Send' });
  await stop.waitFor();
  await message().fill('Not finished');
  await clickAgain(await stop.boundingBox(), 1);
  await idle(page);
  await clickAgain(await send.boundingBox(), 2);
  await settled(page);
  assert.equal(await message().inputValue(), 'Not finished');
  assert.equal(await page.locator('.mine').count(), 1);
  await clickAgain(await send.boundingBox(), 1);
  await stop.waitFor();
  await clickAgain(await stop.boundingBox(), 2);
  await page.waitForFunction(() => ([...document.querySelectorAll('.theirs .bubble')].at(1)?.textContent.length ?? 0) > 30);
  assert.equal(await stop.isEnabled(), true);
  await stop.click();
  await idle(page, 2);
});

test('a key that is held down on Stop does not send the draft', async () => {
  await converse(page, 'slow', 'Go on');
  const stop = page.getByRole('button', { name: 'Stop' });
  await stop.waitFor();
  await message().fill('Not finished');
  await stop.focus();
  await page.keyboard.down('Enter');
  await idle(page);
  await message().and(page.locator(':focus')).waitFor();
  await page.keyboard.down('Enter');
  await page.keyboard.up('Enter');
  await settled(page);
  assert.equal(await message().inputValue(), 'Not finished');
  assert.equal(await page.locator('.mine').count(), 1);
});

test('a new title stays as it is typed while an answer is written', async () => {
  await converse(page, 'slow', 'Go on');
  await page.getByRole('button', { name: 'Session actions' }).click();
  await page.getByRole('menuitem', { name: 'Rename' }).click();
  const title = page.getByRole('dialog').getByLabel('Title');
  await title.fill('A title that is not');
  const read = page.waitForResponse((response) => /\/sessions\/[^/]+$/.test(response.url()));
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await (await read).finished();
  const length = () => answers(page).first().evaluate((element) => element.textContent.length);
  const before = await length();
  await page.waitForFunction((known) => document.querySelector('.theirs .bubble').textContent.length > known + 30, before);
  assert.equal(await title.inputValue(), 'A title that is not');
  // A refusal is told once, in the dialog.
  await page.route(/\/sessions\/[^/]+$/, (route) => (route.request().method() === 'PATCH' ? route.abort() : route.fallback()));
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('dialog').getByRole('alert').waitFor();
  assert.equal(await title.inputValue(), 'A title that is not');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await page.getByRole('alert').count(), 0);
  await page.unroute(/\/sessions\/[^/]+$/);
  await page.getByRole('button', { name: 'Stop' }).click();
  await idle(page);
});

test('a double click on Regenerate asks for one answer', async () => {
  await converse(page, 'general-assistant', 'Twice');
  await idle(page);
  const requests = [];
  const note = (request) => request.url().endsWith('/regenerate') && requests.push(request.url());
  page.on('request', note);
  await page.getByRole('button', { name: 'Regenerate' }).evaluate((button) => {
    globalThis.most = 0;
    const rows = document.querySelector('.messages');
    new MutationObserver(() => {
      globalThis.most = Math.max(globalThis.most, rows.querySelectorAll('.theirs').length);
    }).observe(rows, { childList: true });
    button.click();
    button.click();
  });
  await page.locator('.theirs').nth(1).waitFor();
  await idle(page, 2);
  await settled(page);
  page.off('request', note);
  assert.equal(await page.evaluate(() => globalThis.most), 2);
  assert.equal(requests.length, 1);
  assert.equal(await page.locator('.theirs').count(), 2);
  assert.equal(await page.getByRole('alert').count(), 0);
});

test('the tools have their titles and descriptions, and a click chooses one', async () => {
  await page.getByRole('button', { name: 'New session' }).click();
  const card = page.locator('.card').filter({ hasText: 'Translator' });
  await card.getByText('Translates texts faithfully').waitFor();
  await card.click();
  assert.equal(await card.getAttribute('aria-pressed'), 'true');
  assert.equal(await page.getByLabel('Tool', { exact: true }).inputValue(), 'translator');
});

test('reasoning is folded', async () => {
  await converse(page, 'thinker', 'Think');
  await idle(page);
  const reasoning = page.locator('.reasoning');
  await reasoning.waitFor();
  assert.equal(await reasoning.evaluate((element) => element.open), false);
  await reasoning.locator('summary').click();
  await reasoning.locator('.prose').waitFor();
});

test('a generated image is shown, since it is stored in the message', async () => {
  await converse(page, 'painter', 'Draw');
  await idle(page);
  const image = page.getByRole('img', { name: 'Generated image' });
  await image.waitFor();
  assert.match(await image.getAttribute('src'), /^data:image\/png;base64,/);
  await page.waitForFunction(() => document.querySelector('.image img').naturalWidth > 0);
});

test('a failed answer says why', async () => {
  await converse(page, 'broken', 'Hello');
  await page.locator('.outcome.failed').waitFor();
  await page.reload();
  await page.locator('.outcome.failed').waitFor();
});

test('a session is renamed, paused, resumed, completed and deleted', async () => {
  await converse(page, 'general-assistant', 'A session with a state');
  await idle(page);
  const choose = async (name) => {
    await page.getByRole('button', { name: 'Session actions' }).click();
    await page.getByRole('menuitem', { name }).click();
  };
  await choose('Rename');
  await page.getByRole('dialog').getByLabel('Title').fill('Renamed');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: 'Renamed' }).waitFor();
  await page.getByRole('link', { name: /Renamed/ }).waitFor();
  await choose('Pause');
  await page.getByText('This session is paused').waitFor();
  assert.equal(await page.getByLabel('Message', { exact: true }).isDisabled(), true);
  await choose('Resume');
  await page.getByLabel('Message', { exact: true }).and(page.locator(':enabled')).waitFor();
  await choose('Complete');
  await page.getByRole('dialog').getByRole('button', { name: 'Complete' }).click();
  await page.getByText('This session is completed.').waitFor();
  await choose('Delete session');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete session' }).click();
  await page.getByText('Choose a tool').waitFor();
  assert.equal(await page.getByRole('link', { name: /Renamed/ }).count(), 0);
  assert.deepEqual(page.problems, []);
});

test('a greeting is shown before and in the session', async () => {
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByLabel('Tool', { exact: true }).selectOption('socratic-tutor');
  await page.locator('.greeting').getByText('What would you like to understand').waitFor();
  await page.getByLabel('Message', { exact: true }).fill('Why is the sky blue?');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/sessions\//);
  await page.locator('.theirs').first().getByText('What would you like to understand').waitFor();
  await idle(page, 2);
  assert.equal(await page.locator('.message').count(), 3);
});

test('a long list of sessions loads as it scrolls', async () => {
  for (let index = 0; index < 70; index += 1) await all.server.api('POST', '/sessions', { tool: 'general-assistant', title: `Session ${index}` });
  await page.reload();
  const items = page.locator('.session-list li');
  await items.nth(29).waitFor();
  await page.locator('.session-list').evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await items.nth(59).waitFor();
  await page.locator('.session-list').evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await items.nth(69).waitFor();
  // Each session is listed once, the newest first.
  await page.locator('.session-list').evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await settled(page);
  const addresses = await items.locator('a').evaluateAll((links) => links.map((link) => link.getAttribute('href')));
  assert.equal(new Set(addresses).size, addresses.length);
  const titles = await items.locator('.session-title').allTextContents();
  assert.deepEqual(titles.slice(0, 70), Array.from({ length: 70 }, (_, index) => `Session ${69 - index}`));
  await page.getByLabel('Show sessions').selectOption('paused');
  await page.getByText('No session is in this state.').waitFor();
  await page.getByLabel('Show sessions').selectOption('');
  await items.nth(29).waitFor();
});

test('earlier messages load as one scrolls up', async () => {
  const { api } = all.server;
  const session = await api('POST', '/sessions', { tool: 'general-assistant', title: 'Many messages' });
  for (let index = 0; index < 65; index += 1) await api('POST', `/sessions/${session.id}/messages`, { content: `Number ${index}` });
  await page.goto(`${all.server.address}/#/sessions/${session.id}`);
  await page.locator('.mine').getByText('Number 64', { exact: true }).waitFor();
  assert.equal(await page.locator('.mine').getByText('Number 0', { exact: true }).count(), 0);
  await page.waitForFunction(() => {
    document.querySelector('.transcript').scrollTo(0, 0);
    return document.querySelectorAll('.message').length === 130;
  }, null, { polling: 100 });
  const numbers = await page.locator('.message').evaluateAll((messages) => messages.map((message) => Number(message.dataset.seq)));
  assert.deepEqual(numbers, Array.from({ length: 130 }, (_, index) => index + 1));
  assert.equal(await page.getByRole('button', { name: 'Earlier messages' }).count(), 0);
  assert.deepEqual(page.problems, []);
});
