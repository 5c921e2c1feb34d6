// What `useChat` does, in Node, by the class that it consists of: both majors, with the default transport and with that of the helper.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { messages } from '../../../../js/index.js';
import { eachMajor, textOf } from '../support/majors.mjs';
import { startProxy, startServer, until } from '../support/server.mjs';

let server;
before(async () => {
  server = await startServer();
  for (const [name, model] of [
    ['echo', 'sim/echo'], ['slow', 'sim/slow?words=60&delay_ms=50'], ['endless', 'sim/slow?words=5000&delay_ms=50'], ['reasoning', 'sim/reasoning'], ['failing', 'sim/status?code=400'],
    ['artist', 'sim/image?images=1&bytes=300000&words=2'], ['cut', 'sim/cut-mid-stream'],
  ]) await server.tool(name, model);
});
after(() => server.close());

const kinds = (message) => message.parts.map((part) => part.type).filter((type) => type !== 'step-start' && !type.startsWith('data-'));
/** Returns the text that crossed a connection. */
const deltasIn = ({ text }) => [...text.matchAll(/"text-delta","id":"\d+","delta":"([^"]*)"/g)].map(([, delta]) => delta).join('');
const options = () => ({ url: server.url, token: server.key });

eachMajor((major, { byDefault, withHelper }) => {
  for (const [name, open] of [['default transport', (more) => byDefault({ ...server, ...more })], ['helper', (more) => withHelper({ ...server, ...more })]]) {
    describe(`${major}, ${name}`, () => {
      const start = async (tool, more) => open(more)({ id: await server.session(tool) });

      test('a send is streamed, with usage in the metadata', async () => {
        const chat = await start('echo');
        await chat.sendMessage({ text: 'Hello' });
        assert.deepEqual(chat.errors, []);
        const [question, answer] = await server.stored(chat.id);
        assert.equal(textOf(chat.lastMessage), answer.content);
        assert.equal(chat.lastMessage.id, answer.id);
        assert.equal(question.meta.ui_message_id, chat.messages[0].id);
        assert.equal(chat.lastMessage.metadata.status, 'completed');
        assert.ok(chat.lastMessage.metadata.usage.input_tokens > 0);
        assert.equal(chat.lastMessage.metadata.seq, 2);
        await chat.sendMessage({ text: 'And now?' });
        assert.equal((await server.stored(chat.id)).length, 4);
      });

      test('reasoning and generated images are parts', async () => {
        const chat = await start('reasoning');
        await chat.sendMessage({ text: 'Why?' });
        assert.deepEqual(kinds(chat.lastMessage), ['reasoning', 'text']);
        const artist = await start('artist');
        await artist.sendMessage({ text: 'A cat' });
        assert.deepEqual(kinds(artist.lastMessage), ['text', 'file']);
        assert.match(artist.lastMessage.parts.at(-1).url ?? artist.lastMessage.parts.find((part) => part.type === 'file').url, /^data:image\/png/);
        for (let count = 0; count < 10; count += 1) await artist.sendMessage({ text: `Again ${count}` });
        assert.deepEqual(artist.errors, []);
        assert.equal((await server.stored(artist.id)).length, 22);
      });

      test('files of https are attachments, data URLs are refused by name', async () => {
        const chat = await start('echo');
        await chat.sendMessage({ text: 'Look', files: [{ type: 'file', mediaType: 'image/png', url: 'https://files.example/cat.png', filename: 'cat.png' }] });
        const [question] = await server.stored(chat.id);
        assert.deepEqual(question.attachments.map(({ filename, size, storage_key }) => [filename, size, storage_key]), [['cat.png', null, 'https://files.example/cat.png']]);
        await chat.sendMessage({ text: 'Look', files: [{ type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,AAAA' }] });
        assert.equal(chat.status, 'error');
        const problem = name === 'helper' ? chat.error.problem : JSON.parse(chat.error.message);
        assert.match(problem.errors[0].detail, /data: URL/);
        assert.match(problem.errors[0].pointer, /^\/messages\/\d+\/parts\/\d+\/url$/);
      });

      test('a failure is an error with a sentence, and the next send works', async () => {
        const chat = await start('failing');
        await chat.sendMessage({ text: 'Hello' });
        assert.equal(chat.status, 'error');
        assert.match(chat.error.message, /\w+ \w+/);
        await chat.sendMessage({ text: 'Hello again' });
        assert.equal((await server.stored(chat.id)).length, 4);
        const broken = await start('cut');
        await broken.sendMessage({ text: 'Hello' });
        assert.equal(broken.status, 'error', 'a truncated answer does not look like an end');
      });

      test('a second send while a turn runs is refused', async () => {
        const chat = await start('endless');
        const other = open()({ id: chat.id });
        const sent = chat.sendMessage({ text: 'Hello' });
        await until(() => chat.status === 'streaming', 'streaming');
        await other.sendMessage({ text: 'Me too' });
        assert.equal(other.status, 'error');
        assert.match(other.error.message, /turn .* of the session is running/);
        await server.api('POST', `/sessions/${chat.id}/cancel`);
        await sent;
      });

      test('another answer replaces the last one', async () => {
        const chat = await start('echo');
        await chat.sendMessage({ text: 'Hello' });
        const first = chat.lastMessage.id;
        await chat.regenerate();
        assert.equal(chat.messages.length, 2);
        assert.notEqual(chat.lastMessage.id, first);
        await chat.regenerate({ messageId: chat.lastMessage.id });
        assert.deepEqual((await server.stored(chat.id)).map((message) => message.superseded_by), [null, 3, 4, null]);
        await chat.sendMessage({ text: 'More' });
        await chat.regenerate({ messageId: chat.messages[1].id });
        assert.match(chat.error.message, /fork/);
      });

      test('an edit is refused with a sentence that names forks', async () => {
        const chat = await start('echo');
        await chat.sendMessage({ text: 'Hello' });
        await chat.sendMessage({ text: 'Edited', messageId: chat.messages[0].id });
        assert.match(chat.error.message, /fork/);
        assert.equal((await server.stored(chat.id)).length, 2);
      });

      test('a tool in the body creates the session under the id of the chat', async () => {
        const chat = open({ body: { tool: 'echo' }, tool: 'echo' })();
        await chat.sendMessage({ text: 'Hello' });
        assert.deepEqual(chat.errors, []);
        assert.equal((await server.api('GET', `/sessions/${chat.id}`)).tool, 'echo');
        const without = open()();
        await without.sendMessage({ text: 'Hello' });
        assert.match(without.error.message, /`tool`/);
      });

      test('a page that reloads in mid-answer shows the whole answer', async () => {
        const chat = await start('slow');
        const sent = chat.sendMessage({ text: 'Hello' });
        await until(() => chat.lastMessage?.role === 'assistant' && textOf(chat.lastMessage).length > 20, 'text');
        const reloaded = open()({ id: chat.id, messages: await messages(chat.id, options()) });
        assert.deepEqual(reloaded.messages.map(({ id, role }) => [id, role]), [[chat.messages[0].id, 'user']]);
        await reloaded.resumeStream();
        await sent;
        const [, answer] = await server.stored(chat.id);
        for (const each of [chat, reloaded]) {
          assert.equal(textOf(each.lastMessage), answer.content);
          assert.equal(each.lastMessage.id, answer.id);
          assert.equal(each.messages.length, 2);
        }
        // A tab that comes back after the turn ended.
        await reloaded.resumeStream();
        assert.deepEqual([reloaded.status, reloaded.errors], ['ready', []]);
        const later = open()({ id: chat.id, messages: await messages(chat.id, options()) });
        await later.resumeStream();
        assert.deepEqual(later.messages.map(({ id }) => id), chat.messages.map(({ id }) => id));
        assert.equal(textOf(later.lastMessage), answer.content);
        assert.equal(later.lastMessage.metadata.usage.cost, answer.usage.cost);
      });
    });
  }

  describe(`${major}, lost requests`, () => {
    for (const moment of ['before', 'after']) {
      test(`a message that was lost ${moment} it arrived is answered by another try, and stored once`, async () => {
        const proxy = await startProxy(server.port);
        const chat = byDefault({ url: proxy.url, key: server.key })({ id: await server.session('echo') });
        proxy.lose('POST', '/api/chat', moment);
        await chat.sendMessage({ text: 'Hello' });
        assert.equal(chat.status, 'error');
        if (moment === 'after') await until(async () => (await server.stored(chat.id)).at(-1)?.status === 'completed', 'the end');
        await chat.regenerate();
        assert.equal(chat.status, 'ready');
        const stored = await server.stored(chat.id);
        assert.deepEqual(stored.map(({ role, superseded_by }) => [role, superseded_by]), moment === 'before' ? [['user', null], ['assistant', null]] : [['user', null], ['assistant', 3], ['assistant', null]]);
        assert.equal(textOf(chat.lastMessage), stored.at(-1).content);
        proxy.close();
      });

      test(`with the helper a message that was lost ${moment} it arrived is sent once, unnoticed`, async () => {
        const proxy = await startProxy(server.port);
        const chat = withHelper({ url: proxy.url, key: server.key })({ id: await server.session('echo') });
        const before = await server.requests();
        proxy.lose('POST', '/api/chat', moment);
        await chat.sendMessage({ text: 'Hello' });
        proxy.lose('POST', '/api/chat', moment);
        await chat.regenerate();
        assert.deepEqual(chat.errors, []);
        assert.deepEqual((await server.stored(chat.id)).map(({ superseded_by }) => superseded_by), [null, 3, null]);
        assert.equal(await server.requests(), before + 2);
        proxy.close();
      });
    }
  });

  describe(`${major}, helper`, () => {
    test('a stop stops the turn, and the next message waits for it', async () => {
      const chat = withHelper(server)({ id: await server.session('endless') });
      const sent = chat.sendMessage({ text: 'Hello' });
      await until(() => chat.status === 'streaming', 'streaming');
      await chat.stop();
      await sent;
      const again = chat.sendMessage({ text: 'Another' });
      await until(() => chat.status === 'streaming', 'streaming');
      assert.deepEqual((await server.stored(chat.id)).map(({ status }) => status), ['completed', 'cancelled', 'completed', 'pending']);
      await chat.stop();
      await again;
      assert.deepEqual(chat.errors, []);
    });

    test('a network that is cut and comes back costs no replay', async () => {
      const proxy = await startProxy(server.port);
      const chat = withHelper({ url: proxy.url, key: server.key })({ id: await server.session('slow') });
      const sent = chat.sendMessage({ text: 'Hello' });
      for (let cuts = 1; cuts <= 3; cuts += 1) {
        await until(() => chat.lastMessage?.role === 'assistant' && textOf(chat.lastMessage).length > cuts * 40, 'text');
        proxy.cut();
        await new Promise((resolve) => setTimeout(resolve, 100));
        proxy.open();
      }
      await sent;
      const [, answer] = await server.stored(chat.id);
      assert.equal(textOf(chat.lastMessage), answer.content);
      assert.deepEqual(kinds(chat.lastMessage), ['text']);
      assert.deepEqual([chat.status, chat.errors], ['ready', []]);
      const streams = proxy.log.filter(({ path }) => path.startsWith('/api/chat'));
      assert.ok(streams.length >= 4);
      const crossed = streams.reduce((sum, entry) => sum + deltasIn(entry).length, 0);
      assert.ok(crossed <= answer.content.length + 30, 'the text crosses the network once');
      proxy.close();
    });

    test('a stream that was given up is resumed without a replay, also after the turn ended', async () => {
      const proxy = await startProxy(server.port);
      const chat = withHelper({ url: proxy.url, key: server.key })({ id: await server.session('slow') });
      const sent = chat.sendMessage({ text: 'Hello' });
      await until(() => chat.lastMessage?.role === 'assistant' && textOf(chat.lastMessage).length > 60, 'text');
      proxy.cut();
      await sent;
      assert.equal(chat.status, 'error');
      await until(async () => (await server.stored(chat.id)).at(-1).status === 'completed', 'the end');
      proxy.open();
      await chat.resumeStream();
      const [, answer] = await server.stored(chat.id);
      assert.equal(textOf(chat.lastMessage), answer.content);
      assert.deepEqual([chat.status, kinds(chat.lastMessage)], ['ready', ['text']]);
      assert.equal(chat.lastMessage.metadata.status, 'completed');
      assert.ok(deltasIn(proxy.log.at(-1)).length < answer.content.length - 40, 'what was read is not sent again');
      proxy.close();
    });

    test('only the last message crosses the network', async () => {
      const proxy = await startProxy(server.port);
      const chat = withHelper({ url: proxy.url, key: server.key })({ id: await server.session('artist') });
      await chat.sendMessage({ text: 'A cat' });
      await chat.sendMessage({ text: 'Another' });
      assert.ok(proxy.log.at(-1).sent < 1000, `${proxy.log.at(-1).sent} bytes`);
      proxy.close();
    });
  });
});
