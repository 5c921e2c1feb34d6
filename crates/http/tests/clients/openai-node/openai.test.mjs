// The official Node package of OpenAI and a provider of the AI SDK, unmodified, against the built program: the current
// major versions on Node.js 22, the previous ones on Node.js 20.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { z } from 'zod';
import { startProxy, startServer } from '../support/server.mjs';

const isPrevious = Number(process.versions.node.split('.')[0]) < 22;
const { default: OpenAI } = await import(isPrevious ? 'openai-previous' : 'openai');
const { zodResponseFormat } = await import(`${isPrevious ? 'openai-previous' : 'openai'}/helpers/zod`);
const { createOpenAICompatible } = await import(isPrevious ? 'openai-compatible-previous' : '@ai-sdk/openai-compatible');
const { generateObject, generateText, stepCountIs, streamText, tool, ...ai } = await import(isPrevious ? 'ai-previous' : 'ai');

const HELLO = [{ role: 'user', content: 'Hello' }];
const WEATHER = [{ role: 'user', content: 'How is the weather in Paris?' }];
/** Connections are cut at this many places of a response, in its head and in its body. */
const PLACES = 110;
/** Requests that are cut at the same time; each of them waits for the retry of the package. */
const WORKERS = 16;
let server;
let client;
let provider;

const clientOf = (port, options = {}) => new OpenAI({ baseURL: `http://127.0.0.1:${port}/v1`, apiKey: server.key, ...options });

before(async () => {
  server = await startServer();
  client = clientOf(server.port);
  provider = createOpenAICompatible({ name: 'causerie', baseURL: `${server.address}/v1`, apiKey: server.key, includeUsage: true, supportsStructuredOutputs: true });
});
after(() => server.close());

test('the programs of the documentation run', { skip: isPrevious }, async () => {
  assert.match(await server.run('openai.example.mjs'), /You said: Hello/);
  assert.match(await server.run('ai-sdk.example.mjs'), /You said: Hello[^]*\n?\d+\n$/);
});

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

test('function calls are whole, and run by the package', async () => {
  const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
  const runner = client.chat.completions.runTools({
    model: 'sim/assistant',
    messages: WEATHER,
    tools: [{ type: 'function', function: { name: 'weather', description: 'The weather', parameters, parse: JSON.parse, function: ({ city }) => `rain in ${city}` } }],
    stream: true,
  });
  assert.match(await runner.finalContent(), /rain in Paris/);
});

test('an answer has the schema of the request', async () => {
  const person = z.object({ name: z.string(), age: z.number().int() });
  const answer = await client.chat.completions.parse({
    model: 'sim/assistant',
    messages: [{ role: 'user', content: 'This is Grace, 36 years old.' }],
    response_format: zodResponseFormat(person, 'person'),
  });
  assert.deepEqual(answer.choices[0].message.parsed, { name: 'Grace', age: 36 });
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
  for (const model of ['sim/error-mid-stream', 'sim/cut-mid-stream']) {
    const stream = await client.chat.completions.create({ model, messages: HELLO, stream: true });
    await assert.rejects(async () => {
      for await (const chunk of stream) assert.ok(chunk);
    }, OpenAI.APIError);
  }
});

test('the provider of the AI SDK streams text with usage', async () => {
  const result = streamText({ model: provider('sim/text?words=5'), messages: HELLO });
  assert.equal((await result.text).trim().split(/\s+/).length, 5);
  assert.ok((await result.usage).totalTokens > 0);
});

test('the provider of the AI SDK generates an object', async () => {
  const schema = z.object({ name: z.string(), age: z.number().int(), pets: z.array(z.enum(['dog', 'cat'])) });
  const { object } = await generateObject({ model: provider('sim/assistant'), schema, prompt: 'This is Grace, 36 years old, with a cat.' });
  assert.deepEqual(object, { name: 'Grace', age: 36, pets: ['cat'] });
});

test('the provider of the AI SDK calls tools', async () => {
  const tools = { weather: tool({ description: 'The weather', inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `rain in ${city}` }) };
  const options = { model: provider('sim/assistant'), messages: WEATHER, tools, stopWhen: (stepCountIs ?? ai.isStepCount)(3) };
  const whole = await generateText(options);
  assert.match(whole.text, /rain in Paris/);
  assert.equal(whole.steps.length, 2);
  const streamed = streamText(options);
  assert.match(await streamed.text, /rain in Paris/);
  assert.equal((await streamed.steps).length, 2);
});

test('the provider of the AI SDK reports an error of a stream', async () => {
  const parts = [];
  for await (const part of streamText({ model: provider('sim/error-mid-stream'), messages: HELLO, maxRetries: 0, onError: () => {} }).fullStream) parts.push(part.type);
  assert.ok(parts.includes('error'), parts.join());
});

/** Returns the text of an answer; fails if it is not whole. */
async function read(of, model, stream, headers = {}) {
  const answer = await of.chat.completions.create({ model, messages: HELLO, stream }, { headers });
  if (!stream) return answer.choices[0].message.content;
  let text = '';
  let finish;
  for await (const chunk of answer) {
    text += chunk.choices[0]?.delta.content ?? '';
    finish = chunk.choices[0]?.finish_reason ?? finish;
  }
  assert.equal(finish, 'stop', 'the stream ended as if it were whole');
  return text;
}

/** Returns the size of the head of a response, and the places to cut at. */
async function places(stream) {
  const proxy = await startProxy(server.port);
  await read(clientOf(proxy.port), 'sim/text?words=8&times=1&key=measured', stream);
  proxy.close();
  const response = proxy.received();
  const head = response.indexOf('\r\n\r\n') + 4;
  const found = new Set([1, 9, 13, head - 1, head, head + 1]);
  for (let place = 20; place < response.length - 6; place += Math.max(1, Math.floor((response.length - 26) / PLACES))) found.add(place);
  assert.ok(found.size >= 100);
  return { head, places: [...found].sort((a, b) => a - b) };
}

for (const stream of [false, true]) {
  test(`an answer that is cut anywhere is whole after a retry${stream ? ', streamed' : ''}`, async () => {
    const { head, places: all } = await places(stream);
    const earlier = await server.requests();
    const at = async (place) => {
      const proxy = await startProxy(server.port, place);
      // The simulator answers the id once with these words, and another request with an echo.
      const model = `sim/text?words=8&times=1&key=${stream ? 'stream' : 'whole'}-${place}`;
      const of = clientOf(proxy.port);
      try {
        // Inside the head the package repeats by itself; after it the application repeats with its key.
        const headers = { 'idempotency-key': `${stream}-${place}` };
        const text = place < head ? await read(of, model, stream) : await read(of, model, stream, headers).catch(() => read(of, model, stream, headers));
        assert.equal(text.trim().split(/\s+/).length, 8, text);
      } catch (error) {
        throw new Error(`cut at ${place}, the head has ${head}`, { cause: error });
      } finally {
        proxy.close();
      }
    };
    const rest = [...all];
    const work = async () => {
      for (let place = rest.shift(); place !== undefined; place = rest.shift()) await at(place);
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
    assert.equal((await server.requests()) - earlier, all.length);
  });

  test(`the application sees that an answer is cut after its head${stream ? ', streamed' : ''}`, async () => {
    const { head } = await places(stream);
    const proxy = await startProxy(server.port, head + 50);
    await assert.rejects(read(clientOf(proxy.port), 'sim/text?words=8&key=seen', stream), (error) => !(error instanceof assert.AssertionError));
    proxy.close();
  });
}
