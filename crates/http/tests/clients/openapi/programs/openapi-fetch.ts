// A conversation through openapi-fetch, with the types of openapi-typescript.

import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';
import type { components, paths } from '../generated/openapi-typescript.js';

type Schemas = components['schemas'];

const baseUrl = process.env.CAUSERIE_URL ?? '';
const headers = { authorization: `Bearer ${process.env.CAUSERIE_KEY}`, accept: 'application/json' };
const client = createClient<paths>({ baseUrl, headers });

/** Returns the body of a successful response. */
function body<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  assert.ok(response.ok && data !== undefined, `${response.status} ${JSON.stringify(error)}`);
  return data;
}

/** Returns a code as a literal, which a switch must handle. */
function explain(code: Schemas['FailureCode'] | null): string {
  return code === 'upstream_busy' ? 'later' : (code ?? 'answered');
}

// A session, and the pages of a list.
const session: Schemas['Session'] = body(await client.POST('/sessions', { body: { tool: 'general-assistant', title: 'Typed' } }));
const path = { id: session.id };
const second = body(await client.POST('/sessions', { body: { tool: 'general-assistant' } }));
const page = body(await client.GET('/sessions', { params: { query: { limit: 1, state: 'active' } } }));
assert.equal(page.data[0]?.id, second.id);
assert.ok(page.next_cursor);
const next = body(await client.GET('/sessions', { params: { query: { limit: 1, state: 'active', cursor: page.next_cursor } } }));
assert.equal(next.data[0]?.title, 'Typed');

// A send in each of its three forms.
const whole = body(await client.POST('/sessions/{id}/messages', { params: { path, header: { 'Idempotency-Key': 'one' } }, body: { content: 'Hello' } }));
assert.ok('message' in whole);
const message: Schemas['Message'] = whole.message;
assert.match(message.content, /You said: Hello/);
assert.equal(explain(whole.turn.failure?.code ?? null), 'answered');
const later = body(await client.POST('/sessions/{id}/messages', { params: { path, header: { Prefer: 'respond-async' } }, body: { content: 'Again' } }));
assert.ok('turn' in later && later.turn);
const stream = await client.GET('/turns/{id}/stream', { params: { path: { id: later.turn.id } }, headers: { accept: 'text/event-stream' }, parseAs: 'text' });
assert.match(body(stream), /data: \[DONE\]\n\n$/);

// What happened: messages, cost, context and rights.
const messages = body(await client.GET('/sessions/{id}/messages', { params: { path, query: { limit: 100 } } }));
assert.deepEqual(messages.data.map(({ role }) => role), ['user', 'assistant', 'user', 'assistant']);
const usage = body(await client.GET('/usage', { params: { query: { group_by: 'model', session: session.id } } }));
assert.equal(usage.total.requests, 2);
const context = body(await client.GET('/turns/{id}/context', { params: { path: { id: whole.turn.id } } }));
assert.equal(context.attempts[0]?.outcome, 'completed');
assert.ok(body(await client.GET('/me/abilities')).rules.length > 0);

// An error is a problem with a code.
const { error } = await client.POST('/sessions/{id}/messages', { params: { path }, body: { content: '' } });
assert.equal(error?.code, 'invalid_body');
assert.equal(error.errors?.[0]?.pointer, '/content');
const missing = await client.GET('/sessions/{id}', { params: { path: { id: crypto.randomUUID() } } });
assert.equal(missing.error?.code, 'not_found');

// The chat completions.
const completion = body(await client.POST('/v1/chat/completions', { body: { model: 'sim/echo', messages: [{ role: 'user', content: 'Hello' }] } }));
assert.ok(completion);

const deleted = await client.DELETE('/sessions/{id}', { params: { path } });
assert.equal(deleted.response.status, 204);
console.log('done');
