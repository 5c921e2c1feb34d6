// Parts of the page that need no browser: money, event streams, links, Markdown blocks.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { PAGE } from '../support/files.mjs';

globalThis.navigator ??= { languages: ['en-US'] };

const load = (name) => import(join(PAGE, 'js', name));

test('money is shown without floating point', async () => {
  const { dollars, perMillion } = await load('money.js');
  const cases = { '0': '$0.00', '0.00014075': '$0.00014', '0.000000000001': '$0.0000000000010', '12.5': '$12.50', '1234567.891': '$1,234,567.89', '0.999': '$1.00', '-0.004': '−$0.0040', '9007199254740993.25': '$9,007,199,254,740,993.25' };
  for (const [amount, shown] of Object.entries(cases)) assert.equal(dollars(amount), shown, amount);
  assert.equal(dollars(null), '–');
  // Prices are exact.
  const prices = { '0.000003': '$3.00', '0.00000125': '$1.25', '0.000000125': '$0.125', '0.00000003': '$0.03', '0.000000041666': '$0.041666', 0: '$0.00' };
  for (const [price, shown] of Object.entries(prices)) assert.equal(perMillion(price), shown, price);
});

test('an event stream is read the same however it is cut', async () => {
  const { EventParser } = await load('sse.js');
  const text = ': keep-alive\n\nid: a:1\ndata: {"x":"é"}\n\nretry: 500\r\nevent: error\r\ndata: one\r\ndata:two\r\n\r\ndata: [DONE]\n\n';
  const whole = new EventParser().push(text);
  assert.deepEqual(whole.map((event) => event.data), ['{"x":"é"}', 'one\ntwo', '[DONE]']);
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parser = new EventParser();
    assert.deepEqual([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))], whole, `cut at ${cut}`);
  }
});

test('only web and mail addresses become links', async () => {
  const { isStoredImage, linkTarget } = await load('markdown/links.js');
  for (const href of ['javascript:alert(1)', ' java\nscript:alert(1)', 'data:text/html,x', 'vbscript:x', 'file:///etc', 'blob:https://x', '/admin', 'https://a@b.example', 'https://']) assert.equal(linkTarget(href), null, href);
  assert.equal(linkTarget('https://bücher.example/').host, 'xn--bcher-kva.example');
  assert.equal(isStoredImage('data:image/png;base64,iVBORw0KGgo='), true);
  for (const url of ['data:image/svg+xml;base64,AAAA', 'https://x.example/a.png', 'data:text/html;base64,AAAA', 'data:image/png,x']) assert.equal(isStoredImage(url), false, url);
});

test('blocks that are read in pieces equal those of the whole text', async () => {
  const { Blocks } = await load('markdown/lexer.js');
  const text = '# T\n\nOne *two*\nthree.\n\n- a\n- b\n\n  more\n\n1. x\n\n```js\nlet a;\n\nlet b;\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |\n\n> q\n\nTitle\n===\n\nlast\n'.repeat(4);
  const shape = (blocks) => blocks.map(({ token }) => `${token.type}:${token.raw.trim()}`).filter((each) => !each.startsWith('space:'));
  const expected = shape(new Blocks().update(text, true));
  const blocks = new Blocks();
  for (let end = 1; end < text.length; end += 3) blocks.update(text.slice(0, end), false);
  assert.deepEqual(shape(blocks.update(text, true)), expected);
});

test('overlong paragraphs are shown in pieces, which do not change while the text grows', async () => {
  const { Blocks } = await load('markdown/lexer.js');
  const sentence = 'Words follow words, and *some* of them are [links](https://example.org/a) in a long sentence. ';
  const plain = 'word '.repeat(3000);
  for (const text of [sentence.repeat(120), plain, `# Title\n\n${plain}\n\n- one\n- two\n\n${sentence.repeat(60)}`]) {
    const whole = new Blocks().update(text, true);
    assert.equal(whole.map(({ raw }) => raw).join(''), text);
    assert.ok(whole.filter(({ continued }) => continued).length > 2);
    assert.ok(whole.every(({ raw }) => raw.length < 5000), whole.map(({ raw }) => raw.length).join());
    const blocks = new Blocks();
    for (let end = 1; end < text.length; end += 97) blocks.update(text.slice(0, end), false);
    const shape = (each) => each.map(({ raw, token, continued }) => `${token.type} ${Boolean(continued)} ${raw}`);
    assert.deepEqual(shape(blocks.update(text, true)), shape(whole));
    // Links and emphasis are not cut.
    assert.ok(whole.flatMap(({ token }) => token.tokens ?? []).every((inline) => inline.type !== 'text' || !/\*some|\[links/.test(inline.raw)));
  }
});

test('a page of sessions that was requested earlier loses no session that changed meanwhile', async () => {
  const { SessionList } = await load('session-list.js');
  const session = (id, at, state = 'active') => ({ id, state, title: id, last_activity_at: at, active_turn_id: null });
  const answers = [];
  globalThis.sessionStorage = { getItem: () => null };
  globalThis.fetch = () => new Promise((resolve) => {
    answers.push((data) => resolve(new Response(JSON.stringify({ data, next_cursor: null }), { headers: { 'content-type': 'application/json' } })));
  });
  const list = new SessionList();
  const loaded = list.load();
  list.take(session('new', '2026-01-03'));
  list.take(session('b', '2026-01-04', 'paused'));
  list.remove('c');
  answers[0]([session('c', '2026-01-02'), session('b', '2026-01-01'), session('a', '2026-01-01')]);
  await loaded;
  assert.deepEqual(list.rows.map(({ id, state }) => `${id} ${state}`), ['b paused', 'new active', 'a active']);
});

test('a list that is read again loses deleted sessions, and keeps older ones', async () => {
  const { SessionList } = await load('session-list.js');
  const session = (id, at) => ({ id, state: 'active', title: id, last_activity_at: at, active_turn_id: null });
  const list = new SessionList();
  const ids = () => list.rows.map(({ id }) => id).join('');
  list.merge({ data: [session('e', '5'), session('d', '4')], next_cursor: 'x' }, null);
  list.merge({ data: [session('c', '3'), session('b', '2')], next_cursor: 'y' }, 'x');
  list.merge({ data: [session('f', '6'), session('d', '4')], next_cursor: 'z' }, null);
  assert.equal(ids(), 'fdcb');
  // An old session is opened before its page is loaded.
  list.take(session('9', '0'));
  list.merge({ data: [session('a', '1')], next_cursor: 'y' }, 'y');
  assert.equal(ids(), 'fdcba9');
  assert.equal(list.cursor, 'y');
  list.merge({ data: [session('d', '4')], next_cursor: null }, null);
  assert.equal(ids(), 'd');
  assert.equal(list.cursor, null);
});

test('a range of the address is one that exists, or the default one', async () => {
  const { isTooLong, rangeOf } = await load('views/usage/ranges.js');
  const name = (query) => rangeOf(new URLSearchParams(query)).name;
  const others = ['range=constructor', 'range=__proto__', 'range=custom', 'range=custom&from=abc&to=def', 'range=custom&from=2026-02-30&to=2026-03-01', 'range=custom&from=2026-03-02&to=2026-03-01', 'range=custom&from=12026-01-01&to=12026-01-02'];
  for (const query of ['', ...others]) assert.equal(name(query), 'days30', query);
  assert.equal(name('range=week'), 'week');
  assert.deepEqual(rangeOf(new URLSearchParams('range=custom&from=2026-03-01&to=2026-03-01')), { name: 'custom', from: '2026-03-01', to: '2026-03-01' });
  assert.equal(isTooLong({ from: '2025-01-01', to: '2026-02-04' }), false);
  assert.equal(isTooLong({ from: '2025-01-01', to: '2026-02-05' }), true);
});

test('an id in a path leads to no other path', async () => {
  const { segment } = await load('api.js');
  const base = 'https://example.org/sessions/';
  for (const id of ['..', '.', '../models', '%2e%2e', 'a/b', 'a?b#c']) assert.ok(new URL(base + segment(id)).href.startsWith(base) && new URL(base + segment(id)).href.length > base.length, id);
  assert.equal(segment('openai/gpt-5'), 'openai%2Fgpt-5');
});

test('a problem says the same once, and one is not many', async () => {
  const { sentenceOf } = await load('components/problem.js');
  const { t } = await load('texts/index.js');
  const sentence = (problem) => sentenceOf({ code: problem.code, problem });
  assert.equal(sentence({ title: 'Another user has this name', detail: 'another user has this name' }), 'Another user has this name');
  assert.equal(sentence({ title: 'Too large', detail: 'at most 5 bytes' }), 'Too large: at most 5 bytes');
  assert.equal(sentence({ title: 'Odd', code: 'constructor' }), 'Odd');
  assert.equal(t.facts.contextCounts('1', '0', '1'), '1 message sent, 0 left out, about 1 token');
  assert.equal(t.facts.contextCounts('2', '0', '1,001'), '2 messages sent, 0 left out, about 1,001 tokens');
});
