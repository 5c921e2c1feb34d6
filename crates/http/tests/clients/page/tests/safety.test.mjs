// Texts of models, users, titles, file names and tools are never HTML of the page.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answers, converse, idle, openPage, setUp, signIn } from '../support/browser.mjs';

const ATTACKS = [
  '<script>globalThis.pwned = 1</script>',
  '<img src=x onerror="globalThis.pwned = 1">',
  '<svg onload="globalThis.pwned = 1"><animate onbegin="globalThis.pwned = 1" attributeName=x dur=1s></svg>',
  '<a href="javascript:globalThis.pwned = 1">here</a>',
  '[click](javascript:globalThis.pwned=1)',
  '[click](JaVaScRiPt&colon;globalThis.pwned=1)',
  '[click](data:text/html,<script>parent.pwned=1</script>)',
  '[click](vbscript:x)',
  '[https://bank.example](https://evil.example/login)',
  '[login](https://bank.example@evil.example/)',
  '![pixel](https://tracker.example/pixel.png)',
  '![svg](data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+)',
  '<style>* { display: none !important }</style>',
  '<div style="position:fixed;inset:0;background:url(https://tracker.example/x)">over</div>',
  '<iframe srcdoc="<script>parent.pwned = 1</script>"></iframe>',
  '<form action="https://evil.example"><input name=key></form>',
  '<math><mtext></form><form><mglyph><svg><mtext><style><path id="</style><img onerror=globalThis.pwned=1 src>">',
  '<base href="https://evil.example/"><meta http-equiv=refresh content="0;url=https://evil.example">',
];

let all;
let page;
before(async () => {
  all = await setUp();
  page = await openPage(all.browser, all.server);
  await signIn(page, all.server);
});
after(() => all.close());

const harmless = async () => {
  assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
  const found = await page.evaluate(() => ({
    elements: document.querySelectorAll('#app script, #app style, #app iframe, #app base, #app meta, #app object, #app embed, #app form[action], #app img').length,
    handlers: [...document.querySelectorAll('#app *')].filter((element) => [...element.attributes].some(({ name }) => name.startsWith('on') || name === 'style')).map((element) => element.outerHTML.slice(0, 80)),
    links: [...document.querySelectorAll('#app a[href]')].map((link) => link.getAttribute('href')).filter((href) => !/^(https?:\/\/|mailto:|#\/|#content)/.test(href)),
  }));
  // The chart and the menus set properties of their own elements through CSSOM, which shows as a style attribute.
  assert.deepEqual(found, { elements: 0, handlers: [], links: [] });
  assert.deepEqual(page.problems, []);
};

test('no attack in a message or an answer does anything', async () => {
  await converse(page, 'general-assistant', ATTACKS.join('\n\n'));
  await idle(page);
  await page.locator('.theirs .price').waitFor();
  await page.waitForTimeout(300);
  await harmless();
  await page.reload();
  await page.locator('.theirs .price').waitFor();
  await harmless();
});

test('a link says where it leads', async () => {
  const answer = answers(page).first();
  assert.match(await answer.textContent(), /https:\/\/bank\.example \(evil\.example\)/);
  assert.equal(await answer.locator('a[href*="@"]').count(), 0);
  await answer.locator('a[href="https://tracker.example/pixel.png"]').getByText('Image: pixel').waitFor();
});

test('refused links do not move the page', async () => {
  const before = page.url();
  for (const link of await answers(page).first().locator('.refused-link').all()) await link.click();
  assert.equal(page.url(), before);
  await harmless();
});

test('titles, file names and tools are texts', async () => {
  const attack = ATTACKS[1];
  await all.server.api('POST', '/sessions', { tool: 'general-assistant', title: attack });
  await all.server.api('POST', '/tools', { name: 'sly', version: '1.0.0', type: 'chat', title: attack, description: attack, behavior: 'x', greeting: `${attack} [x](javascript:pwned=1)` });
  const session = await all.server.api('POST', '/sessions', { tool: 'sly' });
  await all.server.api('POST', `/sessions/${session.id}/messages`, { content: attack, attachments: [{ filename: attack.replaceAll('/', '_'), mime_type: 'image/png', size: 1, storage_provider: 'url', storage_key: 'https://tracker.example/a.png' }] });
  await page.goto(`${all.server.address}/#/`);
  await page.reload();
  await page.locator('.card').filter({ hasText: 'onerror' }).click();
  await harmless();
  await page.goto(`${all.server.address}/#/sessions/${session.id}`);
  await page.locator('.attachments a').waitFor();
  await harmless();
  for (const view of ['usage', 'account', 'administration/tools', 'administration/audit']) {
    await page.goto(`${all.server.address}/#/${view}`);
    await page.waitForLoadState('networkidle');
    assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
  }
  assert.deepEqual(page.problems, []);
});
