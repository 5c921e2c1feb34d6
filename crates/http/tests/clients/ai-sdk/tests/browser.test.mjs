// `useChat` in React in headless Chromium, both majors, on a page of another origin.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { launch, servePages } from '../support/browser.mjs';
import { startProxy, startServer, until } from '../support/server.mjs';

let browser, pages, proxy, server;
before(async () => {
  const script = (major) => `
    import { useChat } from '@ai-sdk/react-${major}';
    import { DefaultChatTransport } from 'ai-${major}';
    import { show } from './chat.jsx';
    show({ useChat, DefaultChatTransport });`;
  pages = await servePages({ 6: script(6), 7: script(7) });
  server = await startServer({ origin: pages.origin });
  proxy = await startProxy(server.port);
  browser = await launch();
  for (const [name, model] of [
    ['echo', 'sim/echo'], ['slow', 'sim/slow?words=60&delay_ms=50'], ['endless', 'sim/slow?words=5000&delay_ms=50'], ['reasoning', 'sim/reasoning'], ['failing', 'sim/status?code=400'],
    ['artist', 'sim/image?images=1&words=2'],
  ]) await server.tool(name, model);
});
after(async () => {
  await browser?.close();
  for (const each of [proxy, server, pages]) await each?.close();
});

for (const major of ['6', '7']) {
  for (const transport of ['default', 'helper']) {
    describe(`ai ${major} in Chromium, ${transport} transport`, () => {
      /** Opens the page of a session in a tab of its own. */
      async function open(tool, { session, ...more } = {}) {
        const id = session ?? (await server.session(tool));
        const page = await browser.newPage();
        const problems = [];
        page.on('pageerror', (error) => problems.push(error.message));
        const query = new URLSearchParams({ url: proxy.url, direct: server.url, token: server.key, session: id, transport, ...(tool ? { tool } : {}), ...more });
        await page.goto(`${pages.origin}/${major}?${query}`);
        await page.getByLabel('Message').waitFor();
        const texts = (role) => page.locator(`li.${role}`).evaluateAll((items) => items.map((item) => [...item.querySelectorAll('.text')].map((text) => text.textContent).join('')));
        return {
          page, id, problems, texts,
          send: async (text) => {
            await page.getByLabel('Message').fill(text);
            await page.getByRole('button', { name: 'Send' }).click();
          },
          click: (name) => page.getByRole('button', { name }).click(),
          status: (wanted) => page.locator(`output[data-status="${wanted}"]`).waitFor({ state: 'attached' }),
          ended: (end) => page.locator(`li.assistant[data-end="${end}"]`).last().waitFor({ state: 'attached' }),
          error: () => page.locator('output').textContent(),
          until: (length) => until(async () => ((await texts('assistant')).at(-1) ?? '').length > length, 'text'),
        };
      }
      const answerOf = async (id) => (await server.stored(id)).findLast(({ role }) => role === 'assistant').content;

      test('send, stream, usage, and another answer', async () => {
        const chat = await open('echo');
        await chat.send('Hello');
        await chat.ended('completed');
        assert.deepEqual(await chat.texts('assistant'), [await answerOf(chat.id)]);
        const [, stored] = await server.stored(chat.id);
        const shown = chat.page.locator('li.assistant');
        assert.deepEqual([await shown.getAttribute('data-id'), await shown.getAttribute('data-cost')], [stored.id, stored.usage.cost]);
        await chat.click('Regenerate');
        await until(async () => (await server.stored(chat.id)).at(-1).seq === 3 && (await shown.getAttribute('data-id')) !== stored.id, 'another answer');
        await chat.ended('completed');
        assert.equal((await chat.texts('assistant')).length, 1);
        assert.deepEqual(chat.problems, []);
        await chat.page.close();
      });

      test('reasoning, images and files are shown', async () => {
        const chat = await open('reasoning', { file: 'https://files.example/cat.png' });
        await chat.send('Why?');
        await chat.ended('completed');
        assert.ok((await chat.page.locator('li.assistant .reasoning').textContent()).length > 0);
        assert.equal((await server.stored(chat.id))[0].attachments[0].storage_key, 'https://files.example/cat.png');
        await chat.page.close();
        const artist = await open('artist');
        await artist.send('A cat');
        await artist.ended('completed');
        assert.match(await artist.page.locator('li.assistant img').getAttribute('src'), /^data:image\/png/);
        await artist.page.close();
      });

      test('a failure and a refusal are shown as sentences', async () => {
        const failing = await open('failing');
        await failing.send('Hello');
        await failing.status('error');
        assert.match(await failing.error(), /\w+ \w+/);
        await failing.page.close();
        // Two tabs of one session: the second one has the message of before, and sends in spite of the running turn.
        const one = await open('endless');
        const other = await open('endless', { session: one.id });
        await one.send('Hello');
        await one.status('streaming');
        await other.send('Me too');
        await other.status('error');
        assert.match(await other.error(), /turn .* of the session is running/);
        await server.api('POST', `/sessions/${one.id}/cancel`);
        await one.page.close();
        await other.page.close();
      });

      test('a reload in mid-answer shows the whole answer, and a tab that comes back later, too', async () => {
        const chat = await open('slow');
        await chat.send('Hello');
        await chat.until(40);
        await chat.page.reload();
        await chat.until(40);
        await chat.ended('completed');
        const answer = await answerOf(chat.id);
        assert.deepEqual([await chat.texts('user'), await chat.texts('assistant')], [['Hello'], [answer]]);
        await chat.page.reload();
        await chat.ended('completed');
        await chat.status('ready');
        assert.deepEqual([await chat.texts('user'), await chat.texts('assistant')], [['Hello'], [answer]]);
        assert.equal((await server.stored(chat.id))[1].status, 'completed');
        assert.deepEqual(chat.problems, []);
        await chat.page.close();
      });

      test('a network that is cut and comes back', async () => {
        const chat = await open('slow');
        await chat.send('Hello');
        await chat.until(40);
        proxy.cut();
        if (transport === 'default') {
          await chat.status('error');
          proxy.open();
          // `useChat` of major 6 does not reset the message when it resumes a stream that broke.
          await (major === '6' ? chat.page.reload() : chat.click('Resume'));
        } else {
          await new Promise((resolve) => setTimeout(resolve, 200));
          proxy.open();
        }
        await chat.ended('completed');
        assert.deepEqual(await chat.texts('assistant'), [await answerOf(chat.id)]);
        await chat.page.close();
      });

      if (transport === 'helper') {
        test('a stream that was given up is resumed, and the text is there once', async () => {
          const chat = await open('slow');
          await chat.send('Hello');
          await chat.until(40);
          proxy.cut();
          await chat.status('error');
          proxy.open();
          await chat.click('Resume');
          await chat.ended('completed');
          await chat.status('ready');
          assert.deepEqual(await chat.texts('assistant'), [await answerOf(chat.id)]);
          await chat.page.close();
        });
      }

      test('a stop', async () => {
        const chat = await open('endless');
        await chat.send('Hello');
        await chat.until(20);
        await chat.click('Stop');
        await chat.status('ready');
        if (transport === 'default') await server.api('POST', `/sessions/${chat.id}/cancel`);
        await until(async () => (await server.stored(chat.id))[1].status === 'cancelled', 'the cancellation');
        await chat.page.close();
      });

      test('a tool creates the session of a new chat', async () => {
        const chat = await open('echo', { session: crypto.randomUUID() });
        await chat.send('Hello');
        await chat.ended('completed');
        assert.equal((await server.stored(chat.id)).length, 2);
        await chat.page.close();
      });
    });
  }
}
