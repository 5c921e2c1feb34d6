// Screenshots of every view, dark and light, wide and narrow, with four weeks of work in the store.
//
//   CAUSERIE_BINARY=… node screenshots.mjs FOLDER

import { mkdirSync } from 'node:fs';
import { launch, openPage, settled, signIn, view } from './support/browser.mjs';
import { startServer } from './support/server.mjs';
import { startUpstream } from './support/upstream.mjs';

const folder = process.argv[2] ?? 'screenshots';
mkdirSync(folder, { recursive: true });

const DAY_MS = 86_400_000;
/** Days before today with the number of messages on each. */
const DAYS = [[27, 4], [26, 7], [25, 5], [22, 8], [21, 6], [20, 9], [19, 4], [15, 7], [14, 10], [13, 8], [12, 5], [8, 9], [7, 6], [6, 11], [5, 7], [2, 5], [1, 8], [0, 4]];
const QUESTIONS = [
  ['writing-coach', 'Is this paragraph too long?'], ['translator', 'Translate “Feierabend” into French, with the feeling of it'], ['code-reviewer', 'Why is this loop quadratic?'],
  ['socratic-tutor', 'Why is the sky blue?'], ['release-notes', 'Summarize these commits for our users'], ['general-assistant', 'How do I thank a reviewer in one sentence?'],
];
const DRAFT = `Please compare these notes with the pseudocode above.\n\n${'Binary insertion sort searches the place of the next element by bisection, so that it compares less, but it moves as many elements as before. '.repeat(12)}`;
const STORY = 'Tell me a story about a list';
const SORTING = 'How does insertion sort work, and when would I use it?';
const ANSWERS = [
  [SORTING, {
    reasoning: 'The question has two halves. A short example in Python, then a table of the cases, then when it is the right choice.',
    text: 'Insertion sort keeps the front of the list *sorted* and moves each next element back to where it belongs, like a hand of cards. That takes $O(n^2)$ comparisons in the worst case, and hardly any if the list is almost sorted.\n\n```python\ndef insertion_sort(items):\n    for i in range(1, len(items)):\n        j = i\n        while j > 0 and items[j - 1] > items[j]:\n            items[j - 1], items[j] = items[j], items[j - 1]\n            j -= 1\n```\n\n| case | comparisons |\n| --- | ---: |\n| already sorted | n − 1 |\n| reversed | n(n − 1)/2 |\n\nUse it for short lists, and where new elements arrive one at a time. See [a comparison of sorts](https://example.org/sorting).',
  }],
  [STORY, { text: 'Once there was a list that nobody had sorted. It lay in a drawer, between a map and a bill, and each day somebody put a name at its end.\n\nOne evening a child took it out, looked at the first two names, and asked which of them came first. Nobody knew, so the child began to move them, one at a time, back to where they belonged.', delay: 60, held: true }],
  ['in which year', { refused: true }],
  ['And if two elements are equal?', { text: 'They keep their order: the loop stops at the first element that is **not greater**, so an equal one is never passed. A sort with this property is called *stable*.' }],
];

const upstream = await startUpstream(ANSWERS);
/** Environment of a day. The clock of the program is set by a hook that only builds for tests have. */
const environment = (days) => ({ AI_API_KEY: 'example', AI_GATEWAY_URL: upstream.address, AI_DEFAULT_MODEL: 'anthropic/claude-sonnet-4.5', CAUSERIE_CLOCK_AHEAD_MS: String(-days * DAY_MS) });
const server = await startServer({ environment: environment(DAYS[0][0]) });
const { api } = server;

async function fill() {
  const group = await api('POST', '/groups', { name: 'Editorial' });
  const { user } = await api('GET', '/me');
  await api('PATCH', `/users/${user.id}`, { name: 'Ada' });
  await api('POST', `/groups/${group.id}/members`, { user_id: user.id, role: 'admin' });
  await api('POST', '/tools', 'name: release-notes\nversion: 1.2.0\ntype: chat\ntitle: Release notes\ndescription: Turns commits into notes that users understand.\nbehavior: Write release notes.\nmodel: openai/gpt-5-mini\n', { type: 'application/yaml' });
  const keys = [[undefined, undefined]];
  for (const name of ['Grace', 'Linus', 'Margaret']) {
    const other = await api('POST', '/users', { name, email: `${name.toLowerCase()}@example.org` });
    await api('POST', `/groups/${group.id}/members`, { user_id: other.id });
    const { key } = await api('POST', '/api-keys', { name: 'laptop', user_id: other.id });
    keys.push([key, name === 'Grace' ? group.id : undefined]);
  }
  await api('POST', '/api-keys', { name: 'backup script', scopes: ['read:Usage'] });
  await api('PUT', `/budgets/user/${user.id}`, { period: 'month', limit: '5.00' });
  await api('PUT', `/budgets/group/${group.id}`, { period: 'month', limit: '20.00' });
  let count = 0;
  for (const [days, messages] of DAYS) {
    await server.kill('SIGTERM');
    await server.restart(environment(days));
    for (let index = 0; index < messages; index += 1) {
      const [bearer, group_id] = keys[count % keys.length];
      const [tool, content] = QUESTIONS[(count * 5 + days) % QUESTIONS.length];
      count += 1;
      const session = await api('POST', '/sessions', { tool, group_id }, { bearer });
      await api('POST', `/sessions/${session.id}/messages`, { content }, { bearer });
    }
  }
  const session = await api('POST', '/sessions', { tool: 'general-assistant', title: 'Insertion sort' });
  await api('POST', `/sessions/${session.id}/messages`, { content: SORTING });
  await api('POST', `/sessions/${session.id}/messages`, { content: 'And if two elements are equal?' });
  await api('POST', `/sessions/${session.id}/forks`, { from_seq: 2, title: 'Insertion sort, in Rust' });
  const short = await api('POST', '/sessions', { tool: 'general-assistant', title: 'How does insertion sort work?' });
  await api('POST', `/sessions/${short.id}/messages`, { content: SORTING });
  const failed = await api('POST', '/sessions', { tool: 'general-assistant', title: 'What does this diagram show?' });
  await api('POST', `/sessions/${failed.id}/messages`, { content: 'What does this diagram show?', attachments: [{ filename: 'diagram.png', mime_type: 'image/png', size: 48_213, storage_provider: 'url', storage_key: 'https://files.example.org/diagram.png' }] });
  await fetch(`${server.address}/sessions/${failed.id}/messages`, { method: 'POST', headers: { authorization: `Bearer ${server.key}`, 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify({ content: 'And in which year was it drawn?' }) });
  const paused = await api('POST', '/sessions', { tool: 'general-assistant', title: 'Sorting, again' });
  await api('POST', `/sessions/${paused.id}/messages`, { content: SORTING });
  await api('PATCH', `/sessions/${paused.id}/pause`);
  const stranger = await api('POST', '/users', { name: 'Niels', email: 'niels@example.org' });
  const { key } = await api('POST', '/api-keys', { name: 'laptop', user_id: stranger.id });
  await api('POST', `/groups/${group.id}/members`, { email: 'niels@example.org' });
  await api('POST', `/groups/${group.id}/members`, { email: 'emmy@example.org', role: 'admin' });
  return { long: session.id, short: short.id, failed: failed.id, paused: paused.id, newcomer: key };
}

const browser = await launch();
const SIZES = { wide: { width: 1280, height: 860 }, narrow: { width: 375, height: 760 } };
const SECTIONS = ['users', 'groups', 'keys', 'models', 'tools', 'audit'];
const views = (sessions) => ({ new: '', chat: `sessions/${sessions.short}`, 'chat-end': `sessions/${sessions.long}`, usage: 'usage', account: 'account', ...Object.fromEntries(SECTIONS.map((name) => [name, `administration/${name}`])) });

const press = (name) => (page) => page.getByRole('button', { name }).click();
const choose = (menu, item) => async (page) => {
  await press(menu)(page);
  await page.getByRole('menuitem', { name: item }).click();
};

/** Dialogs: their view, and the steps that open them. */
const dialogs = (sessions) => ({
  'user-new': ['administration/users', press('New user')],
  'user-edit': ['administration/users', choose('Actions for Grace', 'Edit')],
  'user-rules': ['administration/users', choose('Actions for Grace', 'Stored rules')],
  'user-delete': ['administration/users', choose('Actions for Grace', 'Delete')],
  'group-new': ['administration/groups', press('New group')],
  'group-edit': ['administration/groups', choose('Actions for Editorial', 'Edit')],
  'group-rules': ['administration/groups', choose('Actions for Editorial', 'Stored rules')],
  'group-budget': ['administration/groups', press('Budget of Editorial')],
  'group-delete': ['administration/groups', choose('Actions for Editorial', 'Delete')],
  'key-revoke': ['administration/keys', press('Revoke backup script')],
  'key-new': ['account', press('Create key')],
  'tool-versions': ['administration/tools', async (page) => {
    await press('Versions of release-notes')(page);
    await page.getByRole('dialog').locator('summary').click();
  }],
  'tool-disable': ['administration/tools', press('Disable release-notes')],
  attach: [`sessions/${sessions.long}`, press('Attach by address')],
  fork: [`sessions/${sessions.long}`, (page) => page.getByRole('button', { name: 'Fork' }).last().click()],
  rename: [`sessions/${sessions.long}`, choose('Session actions', 'Rename')],
  'session-delete': [`sessions/${sessions.long}`, choose('Session actions', 'Delete session')],
});

/** Opens parts of a view and takes a picture of each. */
async function details(page, sessions, shoot, size) {
  for (const [name, [path, open]] of Object.entries(dialogs(sessions))) {
    await view(page, server, path);
    await open(page);
    await page.getByRole('dialog').waitFor();
    await shoot(name);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
  await view(page, server, 'administration/users');
  await page.getByRole('button', { name: 'Actions for Grace' }).click();
  await shoot('menu');
  await page.getByRole('menuitem', { name: 'Effective rules' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Action').selectOption('update');
  await dialog.getByLabel('Id or fields').fill(sessions.long);
  await dialog.getByRole('button', { name: 'Check' }).click();
  await dialog.locator('.decides').waitFor();
  await shoot('abilities');
  await page.keyboard.press('Escape');
  await view(page, server, 'administration/groups');
  await page.getByRole('button', { name: 'Members of Editorial' }).click();
  await page.getByRole('table', { name: 'Members' }).waitFor();
  await page.getByRole('table', { name: 'Members' }).scrollIntoViewIfNeeded();
  await shoot('members');
  await view(page, server, 'administration/tools');
  await page.getByRole('button', { name: 'Post a tool' }).click();
  await page.getByLabel('Definition (YAML)').fill('name: haiku\nversion: 1.0.0\ntype: chat\ntitle: Haiku\nbehaviour: Answer in haiku.\n');
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await shoot('tool-errors');
  await view(page, server, `sessions/${sessions.long}`);
  await page.locator('.theirs .facts summary').last().click();
  await page.getByText(/messages? sent/).waitFor();
  await page.locator('.transcript').evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await shoot('chat-details');
  await page.getByRole('button', { name: 'What was sent' }).click();
  await page.getByRole('dialog').locator('.attempts').waitFor();
  await shoot('context');
  await page.getByRole('dialog').evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await shoot('context-end');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Cost of the session' }).click();
  await page.getByRole('dialog').locator('.figures').waitFor();
  await shoot('cost');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Session actions' }).click();
  await page.getByRole('menuitem', { name: 'Forks and origin' }).click();
  await page.getByRole('dialog').locator('.lineage').waitFor();
  await shoot('lineage');
  await page.keyboard.press('Escape');
  await page.getByLabel('Message', { exact: true }).fill(DRAFT);
  await page.locator('.quote').waitFor();
  await shoot('quote');
  await page.getByLabel('Message', { exact: true }).fill('');
  await view(page, server, `sessions/${sessions.failed}`);
  await shoot('chat-failed');
  await view(page, server, `sessions/${sessions.paused}`);
  await page.locator('.reasoning summary').click();
  await page.locator('.transcript').evaluate((element) => element.scrollTo(0, 0));
  await shoot('chat-paused');
  await shootRunning(page);
  await view(page, server, 'usage');
  await page.locator('.page').evaluate((element) => element.scrollTo(0, 620));
  await shoot('usage-tables');
  await view(page, server, 'usage?range=custom&from=2025-01-01&to=2025-01-31');
  await shoot('usage-empty');
  if (size === 'narrow') {
    await view(page, server, '');
    await page.getByRole('button', { name: 'Menu' }).click();
    await shoot('drawer');
  }
}

/** Takes the picture of an answer that is being written, and stops it. */
async function shootRunning(page) {
  const session = await api('POST', '/sessions', { tool: 'writing-coach', title: 'A list that nobody had sorted' });
  await page.goto(`${server.address}/#/sessions/${session.id}`);
  await page.getByLabel('Message', { exact: true }).fill(STORY);
  await page.keyboard.press('Enter');
  await page.mouse.move(0, 0);
  await page.waitForFunction(() => (document.querySelector('.theirs .bubble')?.textContent.length ?? 0) > 200);
  await page.screenshot({ path: `${folder}/chat-running-${page.variant}.png` });
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Send' }).waitFor();
  await api('DELETE', `/sessions/${session.id}`);
}

/** Takes the pictures of all views in a color scheme and a size. */
async function shootAll(sessions, colorScheme, size) {
  const page = await openPage(browser, server, { colorScheme, viewport: SIZES[size], deviceScaleFactor: Number(process.env.SCALE ?? 1) });
  page.variant = `${colorScheme}-${size}`;
  const shoot = async (name) => {
    await page.mouse.move(0, 0);
    await settled(page);
    await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${size}.png` });
  };
  await page.goto(server.address);
  await page.getByLabel('API key').waitFor();
  await shoot('sign-in');
  await page.getByLabel('API key').fill('csr_wrong');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  await shoot('sign-in-refused');
  await signIn(page, server, server.key, { menu: size === 'narrow' });
  for (const [name, path] of Object.entries(views(sessions))) {
    await view(page, server, path);
    if (name === 'chat') await page.locator('.transcript').evaluate((element) => element.scrollTo(0, 0));
    await shoot(name);
  }
  await details(page, sessions, shoot, size);
  await page.context().close();
  await shootNewcomer(sessions, colorScheme, size);
}

/** Takes the pictures of what somebody sees who has done nothing yet, and administers nothing. */
async function shootNewcomer(sessions, colorScheme, size) {
  const page = await openPage(browser, server, { colorScheme, viewport: SIZES[size], deviceScaleFactor: Number(process.env.SCALE ?? 1) });
  await signIn(page, server, sessions.newcomer, { menu: size === 'narrow' });
  for (const [name, path] of Object.entries({ new: '', usage: 'usage', account: 'account' })) {
    await view(page, server, path);
    await page.mouse.move(0, 0);
    await settled(page);
    await page.screenshot({ path: `${folder}/newcomer-${name}-${colorScheme}-${size}.png` });
  }
  await page.context().close();
}

try {
  const sessions = await fill();
  for (const colorScheme of ['light', 'dark']) for (const size of Object.keys(SIZES)) await shootAll(sessions, colorScheme, size);
} finally {
  await browser.close();
  await server.close();
  await upstream.close();
}
