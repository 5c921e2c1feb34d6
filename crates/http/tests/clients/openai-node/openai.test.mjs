// The official Node package of OpenAI and a provider of the AI SDK, unmodified, against the built program.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { streamText } from 'ai';
import OpenAI from 'openai';
import { startProxy, startServer } from './server.mjs';

const HELLO = [{ role: 'user', content: 'Hello' }];
/** Connections are cut at this many places of a response, in its head and in its body. */
const PLACES = 100;
let server;
let client;

const clientOf = (port, options = {}) => new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: server.key, ...options });

before(async () => {
  server = await startServer();
  client = clientOf(server.port);
});
after(() => server.close());

test('an answer is whole and has its cost', async () => {
  const answer = await client.chat.completions.create({ model: 'sim/echo', messages: HELLO });
  assert.match(answer.choices[0].message.content, /Hello/);
  assert.ok(answer.usage.total_tokens > 0 && answer.usage.cost > 0);
});

test('a stream has usage only if it is asked for', async () => {
  for (const [options, expected] of [[{}, 0], [{ stream_options: { include_usage: true } }, 1]]) {
    const stream = await client.chat.completions.create({ model: 'sim/text?words=5', messages: HELLO, stream: true, ...options });
    let text = '';
    let usages = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usages += chunk.usage ? 1 : 0;
    }
    assert.equal(text.trim().split(/\s+/).length, 5);
    assert.equal(usages, expected);
  }
});

test('models are listed and found', async () => {
  const models = (await client.models.list()).data;
  const model = models.find(({ id }) => id.includes('/')).id;
  assert.equal((await client.models.retrieve(model)).id, model);
});

test('errors have their classes', async () => {
  const once = clientOf(server.port, { maxRetries: 0 });
  const create = (model, options = {}) => once.chat.completions.create({ model, messages: HELLO, ...options });
  await assert.rejects(create('sim/echo', { messages: [] }), (error) => error instanceof OpenAI.BadRequestError && error.param === 'messages');
  await assert.rejects(create('gpt-nobody-has'), OpenAI.NotFoundError);
  await assert.rejects(create('sim/rate-limited?retry_after=60'), OpenAI.RateLimitError);
  await assert.rejects(clientOf(server.port, { apiKey: 'none' }).models.list(), OpenAI.AuthenticationError);
});

test('a broken stream raises', async () => {
  const stream = await client.chat.completions.create({ model: 'sim/error-mid-stream', messages: HELLO, stream: true });
  await assert.rejects(async () => {
    for await (const chunk of stream) assert.ok(chunk);
  }, OpenAI.APIError);
});

test('the provider of the AI SDK streams text with usage', async () => {
  const provider = createOpenAICompatible({ name: 'causerie', baseURL: `http://127.0.0.1:${server.port}/v1`, apiKey: server.key, includeUsage: true });
  const result = streamText({ model: provider('sim/text?words=5'), messages: HELLO });
  assert.equal((await result.text).trim().split(/\s+/).length, 5);
  assert.ok((await result.usage).totalTokens > 0);
});

for (const stream of [false, true]) {
  test(`an answer that is cut anywhere is whole after a retry${stream ? ', streamed' : ''}`, async () => {
    const create = (of, model, headers = {}) => of.chat.completions.create({ model, messages: HELLO, stream }, { headers });
    const raw = await create(client, 'sim/text?words=8&key=measure').asResponse();
    const size = 20 + [...raw.headers].reduce((sum, [name, value]) => sum + name.length + value.length + 4, 0) + (await raw.arrayBuffer()).byteLength;
    const places = [1, 9, 13];
    for (let place = 20; place < size - 10; place += Math.max(1, Math.floor(size / PLACES))) places.push(place);
    const earlier = await server.requests();
    for (const [number, place] of places.entries()) {
      const proxy = await startProxy(server.port, place);
      const model = `sim/text?words=8&key=${stream ? 's' : 'w'}${number}`;
      const read = async () => {
        const answer = await create(clientOf(proxy.port), model, { 'idempotency-key': `${stream}-${number}` });
        if (!stream) return answer.choices[0].message.content;
        let text = '';
        let finish;
        for await (const chunk of answer) {
          text += chunk.choices[0]?.delta.content ?? '';
          finish = chunk.choices[0]?.finish_reason ?? finish;
        }
        if (finish !== 'stop') throw new Error('the stream was cut');
        return text;
      };
      // After the head, the application repeats the request with its key.
      const text = await read().catch(read);
      assert.equal(text.trim().split(/\s+/).length, 8, `cut at ${place}`);
      proxy.close();
    }
    assert.equal((await server.requests()) - earlier, places.length);
  });
}
