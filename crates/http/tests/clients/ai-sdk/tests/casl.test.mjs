// The real `@casl/ability` 6 and 7 in Chromium, fed by `/me/abilities`: they decide each operation as the server does.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { launch, servePages } from '../support/browser.mjs';
import { startServer } from '../support/server.mjs';

let browser, page, pages, server;
before(async () => {
  const script = `
    import * as casl6 from '@casl/ability-6';
    import * as casl7 from '@casl/ability-7';
    import { ability } from '../../../../js/index.js';
    const decide = async ({ createMongoAbility, subject }, options, questions) => {
      const able = await ability(createMongoAbility, options);
      return questions.map(({ action, type, object, field }) => able.can(action, object ? subject(type, { ...object }) : type, field));
    };
    window.decide = async (options, questions) => ({ 6: await decide(casl6, options, questions), 7: await decide(casl7, options, questions) });`;
  pages = await servePages({ casl: script });
  server = await startServer({ origin: pages.origin });
  await server.tool('echo', 'sim/echo');
  browser = await launch();
  page = await browser.newPage();
  await page.goto(`${pages.origin}/casl`);
  await page.waitForFunction(() => window.decide !== undefined);
});
after(async () => {
  await browser?.close();
  for (const each of [server, pages]) await each?.close();
});

const PRINCIPALS = ['other', 'outsider', 'groupAdmin', 'admin', 'owner'];
let count = 0;

/** Creates users and resources that no other request changes. */
async function resources() {
  count += 1;
  const number = count;
  const root = (method, path, body) => server.api(method, path, body);
  const group = await root('POST', '/groups', { name: 'ours' });
  const otherGroup = await root('POST', '/groups', { name: 'theirs' });
  const users = {}, tokens = { admin: server.key };
  for (const name of ['owner', 'groupAdmin', 'other', 'outsider']) {
    users[name] = await root('POST', '/users', { email: `${name}-${number}@example.org`, name });
    tokens[name] = (await root('POST', '/api-keys', { name, user_id: users[name].id })).key;
  }
  for (const [of, name, role] of [[group, 'owner', 'member'], [group, 'groupAdmin', 'admin'], [otherGroup, 'outsider', 'admin']]) {
    await root('POST', `/groups/${of.id}/members`, { user_id: users[name].id, role });
  }
  const own = (method, path, body) => server.api(method, path, body, { token: tokens.owner });
  const definition = (name) => ({ name, version: '1.0.0', type: 'chat', title: 'New', behavior: 'Be kind.' });
  const tool = await root('POST', `/tools?group_id=${group.id}`, definition(`of-group-${number}`));
  const key = (await own('POST', '/api-keys', { name: 'bound', group_id: group.id })).id;
  const session = await own('POST', '/sessions', { tool: 'echo', group_id: group.id });
  const notes = { filename: 'notes.txt', mime_type: 'text/plain', size: 3, storage_provider: 'local', storage_key: 'notes.txt' };
  const { message, turn } = await own('POST', `/sessions/${session.id}/messages`, { content: 'Hello', attachments: [notes] });
  const attachment = (await own('GET', `/sessions/${session.id}/attachments`)).data[0].id;
  const invited = `guest-${number}@example.org`;
  await root('POST', `/groups/${group.id}/members`, { email: invited });
  for (const name of Object.keys(users)) users[name] = await root('GET', `/users/${users[name].id}`);
  const model = (await root('GET', '/models?limit=100')).data.find(({ id }) => id === 'sim/text') ?? (await root('GET', '/models?limit=1')).data[0];
  return {
    number, users, tokens, group, otherGroup, tool, session, message, turn, attachment, invited, model, definition,
    key: await root('GET', `/api-keys/${key}`),
    budget: async (kind, id) => root('PUT', `/budgets/${kind}/${id}`, { period: 'day', limit: '5' }),
  };
}

const chatBody = (id) => ({ id, trigger: 'submit-message', messages: [{ id: 'msg-1', role: 'user', parts: [{ type: 'text', text: 'Hi' }] }] });
/** A message that a send would store in a session. */
const newMessage = ({ session }) => ({ role: 'user', session_id: session.id, user_id: session.user_id, group_id: session.group_id, session_state: session.state });
const limit = { period: 'day', limit: '5' };

/** For each operation: its path, its body, and the object about which CASL is asked, if it is about one. */
const ROWS = {
  'GET /api-keys': (c) => ['/api-keys'],
  'POST /api-keys': (c) => ['/api-keys', { name: 'n', user_id: c.users.owner.id, group_id: c.group.id }, { ...c.key, id: undefined }],
  'GET /api-keys/{id}': (c) => [`/api-keys/${c.key.id}`, undefined, c.key],
  'DELETE /api-keys/{id}': (c) => [`/api-keys/${c.key.id}`, undefined, c.key],
  'POST /api/chat': (c) => ['/api/chat', chatBody(c.session.id), newMessage(c)],
  'GET /api/chat/{session_id}/stream': (c) => [`/api/chat/${c.session.id}/stream`, undefined, c.message],
  'DELETE /attachments/{id}': (c) => [`/attachments/${c.attachment}`, undefined, c.session],
  'GET /audit/events': (c) => ['/audit/events'],
  'GET /audit/sessions': (c) => ['/audit/sessions'],
  'GET /groups': (c) => ['/groups'],
  'POST /groups': (c) => ['/groups', { name: 'New' }],
  'GET /groups/{id}': (c) => [`/groups/${c.group.id}`, undefined, c.group],
  'DELETE /groups/{id}': (c) => [`/groups/${c.otherGroup.id}`, undefined, c.otherGroup],
  'PATCH /groups/{id}': (c) => [`/groups/${c.group.id}`, { name: 'Renamed' }, c.group],
  'GET /groups/{id}/invitations': (c) => [`/groups/${c.group.id}/invitations`, undefined, c.group],
  'DELETE /groups/{id}/invitations/{email}': (c) => [`/groups/${c.group.id}/invitations/${c.invited}`, undefined, c.group],
  'GET /groups/{id}/members': (c) => [`/groups/${c.group.id}/members`, undefined, c.group],
  'POST /groups/{id}/members': (c) => [`/groups/${c.group.id}/members`, { email: 'x@example.org' }, c.group],
  'DELETE /groups/{id}/members/{user_id}': (c) => [`/groups/${c.group.id}/members/${c.users.owner.id}`, undefined, c.group],
  'PATCH /groups/{id}/members/{user_id}': (c) => [`/groups/${c.group.id}/members/${c.users.owner.id}`, { role: 'admin' }, c.group],
  'GET /groups/{id}/rules': (c) => [`/groups/${c.group.id}/rules`, undefined, c.group],
  'PUT /groups/{id}/rules': (c) => [`/groups/${c.group.id}/rules`, { rules: [] }, c.group],
  'GET /models': (c) => ['/models'],
  'POST /models/sync': (c) => ['/models/sync'],
  'PATCH /models/{id}': (c) => [`/models/${c.model.id}`, { enabled: true }, c.model],
  'GET /sessions': (c) => ['/sessions'],
  'POST /sessions': (c) => ['/sessions', { tool: 'echo', group_id: c.group.id }, (self) => ({ ...c.session, user_id: self })],
  'GET /sessions/{id}': (c) => [`/sessions/${c.session.id}`, undefined, c.session],
  'DELETE /sessions/{id}': (c) => [`/sessions/${c.session.id}`, undefined, c.session],
  'PATCH /sessions/{id}': (c) => [`/sessions/${c.session.id}`, { title: 'Mine' }, c.session],
  'GET /sessions/{id}/attachments': (c) => [`/sessions/${c.session.id}/attachments`, undefined, c.message],
  'POST /sessions/{id}/cancel': (c) => [`/sessions/${c.session.id}/cancel`, undefined, c.session],
  'PATCH /sessions/{id}/complete': (c) => [`/sessions/${c.session.id}/complete`, undefined, c.session],
  'GET /sessions/{id}/forks': (c) => [`/sessions/${c.session.id}/forks`, undefined, c.session],
  'POST /sessions/{id}/forks': (c) => [`/sessions/${c.session.id}/forks`, { from_seq: 2 }, c.session],
  'GET /sessions/{id}/lineage': (c) => [`/sessions/${c.session.id}/lineage`, undefined, c.session],
  'GET /sessions/{id}/messages': (c) => [`/sessions/${c.session.id}/messages`, undefined, c.message],
  'POST /sessions/{id}/messages': (c) => [`/sessions/${c.session.id}/messages`, { content: 'Hi' }, newMessage(c)],
  'PATCH /sessions/{id}/pause': (c) => [`/sessions/${c.session.id}/pause`, undefined, c.session],
  'POST /sessions/{id}/quote': (c) => [`/sessions/${c.session.id}/quote`, { content: 'Hi' }, newMessage(c)],
  'POST /sessions/{id}/regenerate': (c) => [`/sessions/${c.session.id}/regenerate`, undefined, newMessage(c)],
  'PATCH /sessions/{id}/resume': (c) => [`/sessions/${c.session.id}/resume`, undefined, c.session],
  'GET /sessions/{id}/stream': (c) => [`/sessions/${c.session.id}/stream`, undefined, c.message],
  'POST /sessions/{id}/stream-tickets': (c) => [`/sessions/${c.session.id}/stream-tickets`, undefined, c.session],
  'GET /tools': (c) => ['/tools'],
  'POST /tools': (c) => [`/tools?group_id=${c.group.id}`, c.definition(`new-${c.number}`)],
  'GET /tools/{slug}': (c) => [`/tools/${c.tool.slug}`, undefined, c.tool],
  'DELETE /tools/{slug}': (c) => [`/tools/${c.tool.slug}`, undefined, c.tool],
  'GET /tools/{slug}/versions': (c) => [`/tools/${c.tool.slug}/versions`, undefined, c.tool],
  'GET /turns/{id}': (c) => [`/turns/${c.turn.id}`, undefined, c.message],
  'GET /turns/{id}/context': (c) => [`/turns/${c.turn.id}/context`, undefined, c.message],
  'GET /turns/{id}/stream': (c) => [`/turns/${c.turn.id}/stream`, undefined, c.message],
  'GET /usage': (c) => ['/usage'],
  'GET /usage/records': (c) => ['/usage/records'],
  'GET /users': (c) => ['/users'],
  'POST /users': (c) => ['/users', { email: `new-${c.number}@example.org`, name: 'New' }],
  'GET /users/{id}': (c) => [`/users/${c.users.owner.id}`, undefined, c.users.owner],
  'DELETE /users/{id}': (c) => [`/users/${c.users.owner.id}`, undefined, c.users.owner],
  'PATCH /users/{id}': (c) => [`/users/${c.users.owner.id}`, { name: 'Ada' }, c.users.owner, 'name'],
  'GET /users/{id}/abilities': (c) => [`/users/${c.users.owner.id}/abilities`, undefined, c.users.owner],
  'GET /users/{id}/rules': (c) => [`/users/${c.users.owner.id}/rules`, undefined, c.users.owner],
  'PUT /users/{id}/rules': (c) => [`/users/${c.users.owner.id}/rules`, { rules: [] }, c.users.owner],
  'GET /v1/models': (c) => ['/v1/models'],
  'GET /v1/models/{id}': (c) => [`/v1/models/${c.model.id}`, undefined, c.model],
  'POST /v1/chat/completions': (c) => ['/v1/chat/completions', { model: c.model.id, messages: [{ role: 'user', content: 'Hi' }] }, c.model],
};
for (const [kind, of] of [['user', (c) => c.users.owner], ['group', (c) => c.group], ['api_key', (c) => c.key]]) {
  const path = (c) => `/budgets/${kind}/${of(c).id}`;
  // What is read or deleted must exist, or an absence looks like a refusal.
  for (const method of ['GET', 'DELETE']) {
    ROWS[`${method} /budgets/${kind}/{id}`] = async (c) => {
      await c.budget(kind, of(c).id);
      return [path(c), undefined, of(c)];
    };
  }
  ROWS[`PUT /budgets/${kind}/{id}`] = (c) => [path(c), limit, of(c)];
}
/** Operations of a user on its own membership, which is more than a right: an invitation must exist. */
const OWN_MEMBERSHIP = ['POST /groups/{id}/members/me', 'DELETE /groups/{id}/members/me'];

test('CASL 6 and 7 decide every operation of the API as the server does, for every principal', async () => {
  const document = await (await fetch(`${server.url}/openapi.json`)).json();
  const operations = Object.entries(document.paths).flatMap(([path, item]) => Object.entries(item)
    .filter(([, operation]) => operation['x-asks'])
    .map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, method: method.toUpperCase(), ...operation['x-asks'] })));
  const untested = operations.map(({ name }) => name).filter((name) => !ROWS[name] && !OWN_MEMBERSHIP.includes(name));
  assert.deepEqual(untested, [], 'each operation has a row');

  const rows = operations.filter(({ name }) => ROWS[name]);
  /** Returns the request of a row by a principal, and what CASL 6 and 7 decide about it. */
  const ask = async (c, principal, chosen) => {
    const self = principal === 'admin' ? admin : c.users[principal].id;
    const requests = [];
    for (const row of chosen) {
      const [path, body, about, field] = await ROWS[row.name](c);
      requests.push({ ...row, path, body, field, type: row.subject, object: typeof about === 'function' ? about(self) : about });
    }
    const decided = await page.evaluate(([options, questions]) => window.decide(options, questions), [{ url: server.url, token: c.tokens[principal] }, requests]);
    return requests.map((request, index) => ({ ...request, token: c.tokens[principal], decisions: { 6: decided[6][index], 7: decided[7][index] } }));
  };
  const admin = (await server.api('GET', '/me')).user.id;
  const shared = await resources();
  const mismatches = [];
  let cells = 0;
  for (const principal of PRINCIPALS) {
    for (let cell of await ask(shared, principal, rows)) {
      // What is allowed changes something, so it has resources of its own.
      if (cell.method !== 'GET' && cell.decisions[7]) [cell] = await ask(await resources(), principal, [cell]);
      const { name, method, path, body, token, decisions } = cell;
      if (name.startsWith('GET /budgets')) await ROWS[name](shared);
      const response = await fetch(server.url + path, {
        method, headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) }, body: body && JSON.stringify(body),
      });
      await response.body?.cancel();
      const allowed = ![401, 403, 404].includes(response.status);
      for (const [major, can] of Object.entries(decisions)) {
        cells += 1;
        if (can !== allowed) mismatches.push(`CASL ${major}: ${name} by ${principal}: ${can}, the server answers ${response.status}`);
      }
    }
  }
  assert.deepEqual(mismatches, []);
  console.log(`${cells} decisions on ${operations.length} operations`);
});

test('a user leaves its own group, and CASL says so', async () => {
  const c = await resources();
  const question = { action: 'update', type: 'User', object: c.users.owner };
  const decided = await page.evaluate(([options, asked]) => window.decide(options, [asked]), [{ url: server.url, token: c.tokens.owner }, question]);
  assert.deepEqual(decided, { 6: [true], 7: [true] });
  await server.api('DELETE', `/groups/${c.group.id}/members/me`, undefined, { token: c.tokens.owner });
});
