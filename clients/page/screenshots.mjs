// Screenshots of every view, dark and light, wide and narrow, with data that looks like work.
//
//   node screenshots.mjs FOLDER

import { mkdirSync } from 'node:fs';
import { launch, openPage, signIn } from './support/browser.mjs';
import { startServer } from './support/server.mjs';

const folder = process.argv[2] ?? 'screenshots';
mkdirSync(folder, { recursive: true });

const server = await startServer();
const { api } = server;
const ask = (session, content) => api('POST', `/sessions/${session.id}/messages`, { content });

async function fill() {
  const group = await api('POST', '/groups', { name: 'Editorial' });
  const { user } = await api('GET', '/me');
  await api('PATCH', `/users/${user.id}`, { name: 'Ada' });
  await api('POST', `/groups/${group.id}/members`, { user_id: user.id, role: 'admin' });
  for (const name of ['Grace', 'Linus', 'Margaret']) {
    const other = await api('POST', '/users', { name, email: `${name.toLowerCase()}@example.org` });
    await api('POST', `/groups/${group.id}/members`, { user_id: other.id });
    const { key } = await api('POST', '/api-keys', { name: 'laptop', user_id: other.id });
    const session = await api('POST', '/sessions', { tool: 'writing-coach' }, { bearer: key });
    await api('POST', `/sessions/${session.id}/messages`, { content: 'Is this paragraph too long?' }, { bearer: key });
  }
  await api('POST', '/api-keys', { name: 'backup script', scopes: ['read:Usage'] });
  await server.tool('reasoner', 'sim/reasoning', '');
  for (const [tool, text] of [['translator', 'Translate “Feierabend” into French, with the feeling of it'], ['code-reviewer', 'Why is this loop quadratic?'], ['socratic-tutor', 'Why is the sky blue?'], ['reasoner', 'How many primes are below 100?']]) {
    await ask(await api('POST', '/sessions', { tool }), text);
  }
  const session = await api('POST', '/sessions', { tool: 'general-assistant', title: 'Sorting, briefly' });
  await ask(session, 'Explain insertion sort.');
  await ask(session, '### Insertion sort\n\nIt keeps the front of the list *sorted* and inserts each next element where it belongs, which takes $O(n^2)$ comparisons in the worst case.\n\n```python\ndef insertion_sort(items):\n    for i in range(1, len(items)):\n        j = i\n        while j > 0 and items[j - 1] > items[j]:\n            items[j - 1], items[j] = items[j], items[j - 1]\n            j -= 1\n```\n\n| case | comparisons |\n| --- | ---: |\n| best | n − 1 |\n| worst | n(n − 1)/2 |\n\nSee [a comparison](https://example.org/sorting).');
  return session;
}

const session = await fill();
const browser = await launch();
const VIEWS = { new: '', chat: `sessions/${session.id}`, usage: 'usage', account: 'account', ...Object.fromEntries(['users', 'groups', 'keys', 'models', 'tools', 'audit'].map((name) => [name, `administration/${name}`])) };
for (const colorScheme of ['light', 'dark']) {
  for (const [size, viewport] of Object.entries({ wide: { width: 1280, height: 860 }, narrow: { width: 375, height: 760 } })) {
    const page = await openPage(browser, server, { colorScheme, viewport, deviceScaleFactor: Number(process.env.SCALE ?? 1) });
    const shoot = (name) => page.screenshot({ path: `${folder}/${name}-${colorScheme}-${size}.png` });
    await page.goto(server.address);
    await page.getByLabel('API key').waitFor();
    await shoot('sign-in');
    if (size === 'wide') await signIn(page, server);
    else {
      await page.getByLabel('API key').fill(server.key);
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Menu' }).click();
      await page.waitForTimeout(400);
      await shoot('drawer');
    }
    for (const [name, path] of Object.entries(VIEWS)) {
      await page.goto(`${server.address}/#/${path}`);
      await page.waitForTimeout(700);
      await shoot(name);
    }
    if (size === 'wide') {
      await page.goto(`${server.address}/#/account`);
      await page.getByRole('button', { name: 'Create key' }).click();
      await page.waitForTimeout(300);
      await shoot('dialog');
    }
    await page.context().close();
  }
}
await browser.close();
await server.close();
