// A conversation through the client of @hey-api/openapi-ts.

import assert from 'node:assert/strict';
import { client } from '../generated/hey-api/client.gen.js';
import * as api from '../generated/hey-api/index.js';
import type { Message, StreamFrame, Tool } from '../generated/hey-api/index.js';

// Streams also accept a ticket, which is another credential than the key.
client.setConfig({ baseUrl: process.env.CAUSERIE_URL ?? '', auth: ({ scheme }) => (scheme === 'bearer' ? process.env.CAUSERIE_KEY : undefined) });

// Administration: a group with a budget, and a key with scopes.
const group = (await api.createGroup({ body: { name: 'Readers' }, throwOnError: true })).data;
const budget = (await api.putGroupBudget({ path: { id: group.id }, body: { period: 'day', limit: '5.00' }, throwOnError: true })).data;
assert.equal(budget.left, '5');
const key = (await api.createApiKey({ body: { name: 'Typed', scopes: ['read:Session'] }, throwOnError: true })).data;
assert.equal((await api.getApiKey({ path: { id: key.id }, throwOnError: true })).data.name, 'Typed');
await api.revokeApiKey({ path: { id: key.id }, throwOnError: true });

// A conversation, whose stream has typed frames.
const tools: Tool[] = (await api.listTools({ throwOnError: true })).data.data;
assert.ok(tools.some(({ slug }) => slug === 'general-assistant'));
const session = (await api.createSession({ body: { tool: 'general-assistant' }, throwOnError: true })).data;
const sent = await api.sendMessage({ path: { id: session.id }, body: { content: 'Hello' }, headers: { Prefer: 'respond-async' }, throwOnError: true });
assert.ok('turn' in sent.data && sent.data.turn);
const { stream } = await api.streamTurn({ path: { id: sent.data.turn.id }, sseMaxRetryAttempts: 1 });
const kinds = new Set<StreamFrame['type']>();
let text = '';
for await (const frame of stream) {
  // The last event of the stream is no frame.
  if (!frame || typeof frame === 'string') break;
  kinds.add(frame.type);
  if (frame.type === 'text-delta') text += frame.delta;
}
assert.match(text, /You said: Hello/);
for (const kind of ['start', 'text-start', 'text-delta', 'text-end', 'data-usage', 'finish'] as const) assert.ok(kinds.has(kind), kind);

const stored = (await api.listMessages({ path: { id: session.id }, query: { limit: 10 }, throwOnError: true })).data.data;
const answer: Message | undefined = stored.find(({ role }) => role === 'assistant');
assert.equal(answer?.content, text);
const quote = (await api.quote({ path: { id: session.id }, body: { content: 'Hello' }, throwOnError: true })).data;
assert.equal(quote.refusal, null);
const fork = (await api.forkSession({ path: { id: session.id }, body: { from_seq: answer.seq }, throwOnError: true })).data;
assert.equal(fork.parent_session_id, session.id);

// Errors have a type for each status.
const { error, response } = await api.getTurn({ path: { id: crypto.randomUUID() } });
assert.equal(response?.status, 404);
assert.equal(error?.code, 'not_found');
await api.deleteGroup({ path: { id: group.id }, throwOnError: true });
console.log('done');
