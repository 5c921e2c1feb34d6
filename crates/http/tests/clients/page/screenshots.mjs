// Screenshots of every view, dark and light, wide and narrow, with four weeks of work in the store.
//
//   CAUSERIE_BINARY=… node screenshots.mjs FOLDER

import { mkdirSync } from 'node:fs';
import { launch, openPage, signIn } from './support/browser.mjs';
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
const SORTING = 'How does insertion sort work, and when would I use it?';
const ANSWERS = [
  [SORTING, {
    reasoning: 'The question has two halves. A short example in Python, then a table of the cases, then when it is the right choice.',
    text: 'Insertion sort keeps the front of the list *sorted* and moves each next element back to where it belongs, like a hand of cards. That takes $O(n^2)$ comparisons in the worst case, and hardly any if the list is almost sorted.\n\n```python\ndef insertion_sort(items):\n    for i in range(1, len(items)):\n        j = i\n        while j > 0 and items[j - 1] > items[j]:\n            items[j - 1], items[j] = items[j], items[j - 1]\n            j -= 1\n```\n\n| case | comparisons |\n| --- | ---: |\n| already sorted | n − 1 |\n| reversed | n(n − 1)/2 |\n\nUse it for short lists, and where new elements arrive one at a time. See [a comparison of sorts](https://example.org/sorting).',
  }],
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
  return { long: session.id, short: short.id };
}

const browser = await launch();
const SIZES = { wide: { width: 1280, height: 860 }, narrow: { width: 375, height: 760 } };
const SECTIONS = ['users', 'groups', 'keys', 'models', 'tools', 'audit'];
const views = (sessions) => ({ new: '', chat: `sessions/${sessions.short}`, 'chat-end': `sessions/${sessions.long}`, usage: 'usage', account: 'account', ...Object.fromEntries(SECTIONS.map((name) => [name, `administration/${name}`])) });

/** Waits until a view has its data. */
async function ready(page) {
  await page.waitForTimeout(300);
  await page.waitForFunction(() => document.querySelector('main') && !document.querySelector('main[aria-busy]') && !document.body.textContent.includes('Loading …'));
  await page.waitForTimeout(400);
}

/** Opens parts of a view and takes a picture of each. */
async function details(page, sessions, shoot, size) {
  await page.goto(`${server.address}/#/account`);
  await page.getByRole('button', { name: 'Create key' }).click();
  await page.waitForTimeout(300);
  await shoot('dialog');
  await page.keyboard.press('Escape');
  await page.goto(`${server.address}/#/administration/users`);
  await page.getByRole('button', { name: 'Actions for Grace' }).click();
  await page.waitForTimeout(300);
  await shoot('menu');
  await page.getByRole('menuitem', { name: 'Effective rules' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Action').selectOption('update');
  await dialog.getByLabel('Id or fields').fill(sessions.long);
  await dialog.getByRole('button', { name: 'Check' }).click();
  await dialog.locator('.decides').waitFor();
  await shoot('abilities');
  await page.keyboard.press('Escape');
  await page.goto(`${server.address}/#/administration/tools`);
  await page.getByRole('button', { name: 'Post a tool' }).click();
  await page.getByLabel('Definition (YAML)').fill('name: haiku\nversion: 1.0.0\ntype: chat\ntitle: Haiku\nbehaviour: Answer in haiku.\n');
  await page.getByRole('button', { name: 'Post', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await shoot('tool-errors');
  await page.goto(`${server.address}/#/sessions/${sessions.long}`);
  await page.locator('.theirs .facts summary').last().click();
  await page.getByText('messages sent').waitFor();
  await page.locator('.transcript').evaluate((element) => element.scrollTo(0, element.scrollHeight));
  await page.waitForTimeout(300);
  await shoot('chat-details');
  await page.goto(`${server.address}/#/usage`);
  await page.getByRole('table', { name: 'By group' }).waitFor();
  await page.locator('.page').evaluate((element) => element.scrollTo(0, 620));
  await page.waitForTimeout(500);
  await shoot('usage-tables');
  if (size === 'narrow') {
    await page.goto(`${server.address}/#/`);
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.waitForTimeout(400);
    await shoot('drawer');
  }
}

/** Takes the pictures of all views in a color scheme and a size. */
async function shootAll(sessions, colorScheme, size) {
  const page = await openPage(browser, server, { colorScheme, viewport: SIZES[size], deviceScaleFactor: Number(process.env.SCALE ?? 1) });
  const shoot = async (name) => {
    await page.mouse.move(0, 0);
    await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${size}.png` });
  };
  await page.goto(server.address);
  await page.getByLabel('API key').waitFor();
  await shoot('sign-in');
  await signIn(page, server, server.key, { menu: size === 'narrow' });
  for (const [name, path] of Object.entries(views(sessions))) {
    await page.goto(`${server.address}/#/${path}`);
    await ready(page);
    if (name === 'chat') await page.locator('.transcript').evaluate((element) => element.scrollTo(0, 0));
    await page.waitForTimeout(100);
    await shoot(name);
  }
  await details(page, sessions, shoot, size);
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
