// A streaming answer: it grows without flicker, in several tabs, and leaves the reader where they are.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answers, converse, idle, openPage, openTab, setUp, signIn } from '../support/browser.mjs';
import { startUpstream } from '../support/upstream.mjs';

const PARAGRAPHS = Array.from({ length: 30 }, (_, index) => `Paragraph ${index} with *some* words, and \`code\`.`);
const TEXT = `# Title\n\n${PARAGRAPHS.slice(0, 3).join('\n\n')}\n\n\`\`\`js\nlet first = 1;\nlet second = 2;\n\`\`\`\n\n| a | b |\n| - | - |\n| 1 | 2 |\n| 3 | 4 |\n\n- one\n- two\n- three\n\n${PARAGRAPHS.slice(3).join('\n\n')}`;

/** Answers that go on until a test lets them end. */
const held = { growing: { text: TEXT, delay: 20, held: true }, tabs: { text: 'For two tabs: ', held: true } };

let all;
let upstream;
before(async () => {
  upstream = await startUpstream([['Slowly', held.growing], ['Two tabs', held.tabs]]);
  all = await setUp({ environment: { AI_API_KEY: 'example', AI_GATEWAY_URL: upstream.address, AI_DEFAULT_MODEL: 'openai/gpt-5-mini' } });
});
after(async () => {
  await all.close();
  await upstream.close();
});

const length = (page, wanted) => page.waitForFunction((least) => (document.querySelector('.theirs:last-child .bubble')?.textContent.length ?? 0) > least, wanted);

test('finished blocks stay the same elements while the answer grows, and the answer never shrinks', async () => {
  const page = await openPage(all.browser, all.server, { viewport: { width: 1000, height: 500 } });
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'Slowly, please');
  await length(page, 60);
  await page.evaluate(() => {
    const prose = document.querySelector('.theirs .prose');
    globalThis.watched = { title: prose.querySelector('h3'), first: prose.querySelector('p'), removed: 0, shrunk: 0, longest: 0 };
    const { watched } = globalThis;
    new MutationObserver((records) => {
      for (const record of records) watched.removed += [...record.removedNodes].filter((node) => node === watched.title || node === watched.first).length;
      const now = prose.textContent.length;
      // The marks of a table disappear when its second line is complete; text does not.
      if (now < watched.longest - 25) watched.shrunk += 1;
      watched.longest = Math.max(watched.longest, now);
    }).observe(prose, { childList: true, subtree: true, characterData: true });
  });
  await length(page, 500);
  const { title, first, removed, shrunk } = await page.evaluate(() => ({ ...globalThis.watched, title: globalThis.watched.title === document.querySelector('.theirs h3') && globalThis.watched.title.isConnected, first: globalThis.watched.first.isConnected }));
  assert.deepEqual({ title, first, removed, shrunk }, { title: true, first: true, removed: 0, shrunk: 0 });
  // The end stays in view, until the reader scrolls up.
  const distance = () => page.locator('.transcript').evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
  assert.ok((await distance()) < 80);
  await page.locator('.transcript').evaluate((element) => element.scrollTo(0, 0));
  await page.getByRole('button', { name: 'Go to the latest message' }).waitFor();
  await length(page, 900);
  assert.equal(await page.locator('.transcript').evaluate((element) => element.scrollTop), 0);
  await page.getByRole('button', { name: 'Go to the latest message' }).click();
  held.growing.held = false;
  await idle(page);
  assert.ok((await distance()) < 80);
  const shown = (await answers(page).first().innerText()).replaceAll(/\s+/g, ' ');
  for (const paragraph of PARAGRAPHS) assert.ok(shown.includes(paragraph.replaceAll(/[*`]/g, '')), paragraph);
  assert.deepEqual(page.problems, []);
});

test('another tab of the same browser joins, and stays in step', async () => {
  const page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
  await converse(page, 'general-assistant', 'Two tabs');
  await length(page, 40);
  const tab = await openTab(page, all.server);
  await signIn(tab, all.server);
  await tab.goto(page.url());
  await tab.getByRole('button', { name: 'Stop' }).waitFor();
  await length(tab, 40);
  held.tabs.held = false;
  await Promise.all([idle(page), idle(tab)]);
  assert.equal(await answers(tab).first().innerText(), await answers(page).first().innerText());
  // A message of one tab appears in the other at once.
  await tab.getByLabel('Message', { exact: true }).fill('From the other tab');
  await tab.keyboard.press('Enter');
  await page.locator('.mine').getByText('From the other tab').waitFor();
  await idle(page, 2);
  assert.deepEqual([...page.problems, ...tab.problems], []);
});
