// aimock as the upstream of the built program, with failures at random: every request that it counts has a row in the
// ledger.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LLMock } from '@copilotkit/aimock';
import { startServer } from '../support/server.mjs';

const MODEL = 'openai/gpt-5-mini';
const REQUESTS = 120;
const WORKERS = 12;
const ANSWER = 'The café opens at noon, and the café closes at midnight.';
const USAGE = { prompt_tokens: 10, completion_tokens: 12, total_tokens: 22, cost: 0.00125 };
let mock;
let server;

before(async () => {
  mock = new LLMock({ port: 0, logLevel: 'silent' });
  mock.on({ model: MODEL, userMessage: 'cut' }, { content: ANSWER, usage: USAGE }, { truncateAfterChunks: 2, chunkSize: 5 });
  mock.on({ model: MODEL, userMessage: 'hello' }, { content: ANSWER, usage: USAGE }, { chunkSize: 5 });
  await mock.start();
  // A request on a connection that the upstream closes as idle at that moment has a row, and is not counted.
  mock.serverInstance.server.keepAliveTimeout = 0;
  server = await startServer({ AI_GATEWAY_URL: `${mock.url}/api/v1`, AI_API_KEY: 'mock', AI_MAX_RETRIES: '2' });
});
after(async () => {
  await server.close();
  await mock.stop();
});

/** Returns the number of chat requests in the journal of aimock. */
async function counted() {
  const entries = await (await fetch(`${mock.url}/__aimock/journal?limit=0`)).json().catch(() => []);
  assert.ok(Array.isArray(entries));
  return mock.journal.getAll().filter(({ path }) => path === '/api/v1/chat/completions').length;
}

/** Returns the rows of the ledger. */
async function rows() {
  const all = [];
  for (let path = '/usage/records?limit=100'; path; ) {
    const page = await server.get(path);
    all.push(...page.data);
    path = page.next_cursor ? `/usage/records?limit=100&cursor=${encodeURIComponent(page.next_cursor)}` : null;
  }
  return all;
}

/** Asks once, and returns whether the answer was whole. */
async function ask(text, stream) {
  const response = await fetch(`${server.address}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, messages: [{ role: 'user', content: text }], stream }),
  });
  const body = await response.text();
  if (!response.ok) {
    assert.equal(typeof JSON.parse(body).error.code, 'string', body);
    return false;
  }
  if (!stream) {
    assert.equal(JSON.parse(body).choices[0].message.content, ANSWER);
    return true;
  }
  const events = body.split('\n\n').filter((event) => event.startsWith('data: ')).map((event) => event.slice(6));
  if (events.at(-1) !== '[DONE]') {
    assert.equal(typeof JSON.parse(events.at(-1)).error.code, 'string', body);
    return false;
  }
  const chunks = events.slice(0, -1).map((event) => JSON.parse(event));
  assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join(''), ANSWER);
  return true;
}

test('each request that the upstream counts has one row, whatever fails', async () => {
  mock.setChaos({ dropRate: 0.1, malformedRate: 0.1, disconnectRate: 0.1, rateLimitRate: 0.05 });
  let next = 0;
  let whole = 0;
  const work = async () => {
    while (next < REQUESTS) {
      const number = next++;
      if (await ask(number % 5 === 0 ? `cut ${number}` : `hello ${number}`, number % 2 === 0)) whole += 1;
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, work));
  mock.clearChaos();
  const ledger = await rows();
  // The breaker of the model can refuse a repetition: it has a row, and the upstream is not asked.
  const asked = ledger.filter(({ error_code: code }) => code !== 'upstream_busy');
  const completed = ledger.filter(({ outcome }) => outcome === 'completed');
  console.log(`${await counted()} upstream requests, ${asked.length} of ${ledger.length} rows asked, ${whole} whole answers of ${REQUESTS}`);
  const outcomes = ledger.map(({ outcome, error_code: code }) => `${outcome} ${code ?? ''}`).sort().join();
  assert.equal(asked.length, await counted(), outcomes);
  assert.ok(ledger.length > REQUESTS, 'attempts were repeated');
  assert.equal(completed.length, whole);
  for (const { cost } of completed) assert.equal(Number(cost), USAGE.cost);
  assert.equal((await server.get('/usage')).total.requests, ledger.length);
});
