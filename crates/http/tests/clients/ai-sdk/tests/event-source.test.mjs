// One stream, read by Chromium's EventSource with a ticket and by two parsers from npm: equal events, also after a break.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EventSource as NodeEventSource } from 'eventsource';
import { createParser } from 'eventsource-parser';
import { launch, servePages } from '../support/browser.mjs';
import { startProxy, startServer, until } from '../support/server.mjs';

let browser, page, pages, server;
before(async () => {
  pages = await servePages({ events: 'window.ready = true;' });
  server = await startServer({ origin: pages.origin });
  await server.tool('slow', 'sim/slow?words=40&delay_ms=50');
  browser = await launch();
  page = await browser.newPage();
  await page.goto(`${pages.origin}/events`);
});
after(async () => {
  await browser?.close();
  for (const each of [server, pages]) await each?.close();
});

/** Starts a turn, and returns it with a ticket for its stream. */
async function start() {
  const session = await server.session('slow');
  const response = await fetch(`${server.url}/sessions/${session}/messages`, {
    method: 'POST', headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json', prefer: 'respond-async' }, body: JSON.stringify({ content: 'Hello' }),
  });
  const { turn } = await response.json();
  const { ticket } = await server.api('POST', `/sessions/${session}/stream-tickets`);
  return { session, turn: turn.id, path: `/turns/${turn.id}/stream?ticket=${ticket}` };
}

/** Reads with an `EventSource` until `[DONE]`; runs in Node and, as source, in the browser. */
const read = (EventSourceType, url, onCount) => new Promise((resolve) => {
  const source = new EventSourceType(url);
  const events = [];
  const take = (event) => {
    if (event.data === undefined) return;
    events.push([event.lastEventId, event.data]);
    onCount?.(events.length);
    if (event.data !== '[DONE]') return;
    source.close();
    resolve(events);
  };
  source.addEventListener('message', take);
  source.addEventListener('error', take);
});

async function parsed(url) {
  const events = [];
  const parser = createParser({ onEvent: ({ id, data }) => events.push([id, data]) });
  const response = await fetch(url);
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) parser.feed(chunk);
  return events;
}

/** Returns the text of events; a `start` from 0 discards what is there. */
function textOf(events) {
  let text = '';
  for (const [, data] of events.filter(([, each]) => each !== '[DONE]')) {
    const frame = JSON.parse(data);
    if (frame.type === 'start' && frame.messageMetadata.from === 0) text = '';
    if (frame.type === 'text-delta') text += frame.delta;
  }
  return text;
}

test('three parsers read equal events', async () => {
  const { session, turn, path } = await start();
  const url = server.url + path;
  const [live, other] = await Promise.all([page.evaluate(`(${read})(EventSource, ${JSON.stringify(url)})`), read(NodeEventSource, url)]);
  const answer = (await server.stored(session))[1].content;
  assert.equal(textOf(live), answer);
  assert.equal(textOf(other), answer);
  // After the end, all of them read the same stored stream.
  const again = (await server.api('POST', `/sessions/${session}/stream-tickets`)).ticket;
  const stored = `${server.url}/turns/${turn}/stream?ticket=${again}`;
  const [inChromium, byEventSource, byParser] = [await page.evaluate(`(${read})(EventSource, ${JSON.stringify(stored)})`), await read(NodeEventSource, stored), await parsed(stored)];
  assert.deepEqual(byEventSource, inChromium);
  assert.deepEqual(byParser, inChromium);
  assert.equal(inChromium.at(-1)[1], '[DONE]');
  assert.ok(inChromium.at(-1)[0].endsWith(':end'));
});

for (const [name, open] of [
  ['Chromium', (url) => page.evaluate(`(${read})(EventSource, ${JSON.stringify(url)})`)],
  ['eventsource', (url) => read(NodeEventSource, url)],
]) {
  test(`${name} continues a broken connection at the id of its last event`, async () => {
    const proxy = await startProxy(server.port);
    const { session, path } = await start();
    const reading = open(proxy.url + path);
    await until(() => (proxy.log[0]?.text.match(/text-delta/g) ?? []).length > 5, 'text');
    proxy.cut();
    proxy.open();
    const events = await reading;
    assert.equal(textOf(events), (await server.stored(session))[1].content);
    assert.ok(proxy.log.length >= 2 && proxy.log[1].headers['last-event-id'], 'it comes back with its cursor');
    assert.equal(new Set(events.filter(([, data]) => data.includes('"text-delta"')).map(([id]) => id)).size, events.filter(([, data]) => data.includes('"text-delta"')).length, 'no text is read twice');
    proxy.close();
  });
}
