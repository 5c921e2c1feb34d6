// Helper for pages that speak to Causerie: a transport for `useChat` of the AI SDK (majors 6 and 7), and functions for
// pages without a framework. A plain ES module without dependencies, for browsers and for Node.js 20 and later.

const JSON_TYPE = { 'content-type': 'application/json' };
/** Waits before the repetitions of a request whose connection broke, in milliseconds. */
const WAITS = [250, 500, 1000, 2000, 4000, 8000];
/** Age from which a message in the outbox is not sent any more: the server forgets idempotency keys after 24 hours. */
const MAX_AGE = 23 * 60 * 60 * 1000;

/** Refusal of the server (RFC 9457). */
export class CauserieError extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `the server answered ${status}`);
    Object.assign(this, { name: 'CauserieError', status, code: problem.code, turnId: problem.turn_id, problem });
  }
}

const wait = (time, signal) => new Promise((resolve, reject) => {
  setTimeout(resolve, time);
  signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
});

/** Sends a request with the credential. Throws a `CauserieError` for a refusal. */
async function request({ url = '', token, fetch = globalThis.fetch }, path, { method = 'GET', headers, body, signal } = {}) {
  const bearer = typeof token === 'function' ? await token() : token;
  const response = await fetch(url + path, { method, body, signal, headers: { ...(bearer ? { authorization: `Bearer ${bearer}` } : {}), ...headers } });
  if (response.ok) return response;
  throw new CauserieError(response.status, await response.json().catch(() => ({})));
}

/** Repeats a request that never got an answer, or whose server is busy; the caller has made it safe to repeat. */
async function repeated(send, signal) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const isTransient = error instanceof CauserieError ? [502, 503, 504].includes(error.status) : !signal?.aborted;
      if (!isTransient || attempt === WAITS.length) throw error;
      await wait(WAITS[attempt], signal);
    }
  }
}

const at = (cursor) => (cursor ? { 'last-event-id': cursor } : {});
/** Yields the events of a response as `{id, data}`. */
async function* events(response) {
  const [reader, decoder] = [response.body.getReader(), new TextDecoder()];
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop();
      for (const block of blocks) {
        const field = (name) => block.split('\n').filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2)).join('\n');
        if (field('data')) yield { id: field('id'), data: field('data') };
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** What was read of a turn. Joins the streams of several connections to one without repetitions. */
class Reading {
  ended = false; #delivered = new Set(); #open = null; #seen;

  constructor(cursor = null) {
    this.cursor = cursor;
    this.#seen = Number(cursor?.split(':').at(-1)) || 0;
  }

  /** Returns the frames that are new in an event, each with the cursor after it. */
  take({ id, data }) {
    const position = Number(id.split(':').at(-1));
    const frames = data === '[DONE]' ? [] : this.#news(JSON.parse(data), position);
    const before = this.cursor ?? id;
    this.ended = data === '[DONE]' && id.endsWith(':end');
    if (!(position < this.#seen)) this.cursor = id;
    if (position > this.#seen) this.#seen = position;
    return frames.map((frame, index) => [frame, index + 1 < frames.length ? before : this.cursor]);
  }

  #news(frame, position) {
    const [, kind, step] = frame.type.match(/^(text|reasoning)-(start|delta|end)$/) ?? [];
    if (step === 'delta') {
      const characters = [...frame.delta];
      const known = Math.max(0, this.#seen - (position - characters.length));
      if (known >= characters.length) return [];
      return [...this.#enter(kind, frame.id), { ...frame, delta: characters.slice(known).join('') }];
    }
    if (step === 'start') return []; // A part starts with its first new delta: a resumed stream starts its part again.
    if (step === 'end') return position >= this.#seen && this.#open?.id === frame.id ? this.#leave() : [];
    if (frame.type === 'file' && position <= this.#seen) return [];
    if (['start', 'data-context'].includes(frame.type)) return this.#delivered.size < this.#delivered.add(frame.type).size ? [frame] : [];
    return [...this.#leave(), frame];
  }

  #enter(kind, id) {
    if (this.#open?.id === id) return [];
    const ended = this.#leave();
    this.#open = { kind, id };
    return [...ended, { type: `${kind}-start`, id }];
  }

  #leave() {
    const open = this.#open ? [{ type: `${this.#open.kind}-end`, id: this.#open.id }] : [];
    this.#open = null;
    return open;
  }
}

/** Yields the new frames of a stream, each with its cursor. A connection that breaks is replaced by one that continues at the cursor. */
async function* frames(first, resume, reading, signal) {
  let [response, failure] = [first, null];
  for (let attempt = 0; attempt <= WAITS.length; attempt += 1) {
    try {
      response ??= await resume(reading.cursor);
      if (response.status === 204) return;
      for await (const event of events(response)) {
        attempt = 0;
        yield* reading.take(event);
        if (event.data === '[DONE]') return;
      }
    } catch (error) {
      if (signal?.aborted || (error instanceof CauserieError && error.status < 500 && error.status !== 429)) throw error;
      failure = error;
    }
    response = null;
    await wait(WAITS[attempt] ?? 0, signal);
  }
  // `useChat` knows a broken connection by this word.
  throw failure instanceof CauserieError ? failure : new TypeError('network error: the stream ended early', { cause: failure });
}

/** Follows a turn from its start or after a cursor, and yields its frames until it ends. Reconnects by itself. */
export async function* follow(turn, { ticket, cursor = null, signal, ...options } = {}) {
  const reading = new Reading(cursor);
  const [query, connection] = ticket ? [`?ticket=${encodeURIComponent(ticket)}`, { ...options, token: undefined }] : ['', options];
  const resume = (after) => request(connection, `/turns/${turn}/stream${query}`, { signal, headers: at(after) });
  for await (const [frame, after] of frames(null, resume, reading, signal)) yield { ...frame, cursor: after };
}

/** Returns the stored conversation as UI messages, for the initial messages of `useChat`. Answers that are replaced or still being written are left out: `resume` brings the latter. */
export async function messages(session, options) {
  const found = [];
  for (let query = '?limit=100'; query;) {
    const page = await (await request(options, `/sessions/${session}/messages${query}`)).json();
    found.push(...page.data);
    query = page.next_cursor && `?limit=100&cursor=${encodeURIComponent(page.next_cursor)}`;
  }
  return found.filter((message) => message.superseded_by === null && message.status !== 'pending').map(uiMessage);
}
function uiMessage(message) {
  const { id, role, seq, status, parts, attachments, meta, usage, turn_id } = message;
  return {
    id: meta.ui_message_id ?? id, role,
    metadata: { session_id: message.session_id, turn_id, seq, status, ...(meta.model ? { model: meta.model } : {}), ...(usage ? { usage } : {}) },
    parts: [
      ...parts.map((part) => (part.type === 'file' ? { type: 'file', mediaType: part.media_type, url: part.url } : { type: part.type, text: part.text, state: 'done' })),
      ...attachments.filter((file) => file.storage_provider === 'url').map((file) => ({ type: 'file', mediaType: file.mime_type, url: file.storage_key, filename: file.filename })),
    ],
  };
}

/** Returns the abilities of the user as an ability of CASL: `createMongoAbility` of `@casl/ability` 6 or 7. */
export async function ability(createMongoAbility, options) {
  return createMongoAbility((await (await request(options, '/me/abilities')).json()).rules);
}

/** Returns a transport for `useChat`. `tool` creates the session of a chat whose id is new. */
export function createCauserieTransport({ tool, groupId, ...options } = {}) {
  // Of each chat: the turn that it reads (with the frames that a resume gets first), the cancellation under way, and the number of resumes.
  const [turns, cancelling, resumes] = [new Map(), new Map(), new Map()];
  let askedForReplay = 0;
  const resume = (chatId, signal) => (cursor) => request(options, `/api/chat/${chatId}/stream`, { signal, headers: at(cursor) });

  /** Cancels the turn when the page stops its stream. A resume that replaces another one aborts it, too: the turn continues. */
  const cancelOnStop = (chatId, signal) => signal?.addEventListener('abort', () => {
    const number = resumes.get(chatId);
    const cancel = () => (resumes.get(chatId) === number ? request(options, `/sessions/${chatId}/cancel`, { method: 'POST' }) : null);
    const done = wait(50).then(cancel).catch(() => {}).then(() => cancelling.delete(chatId));
    cancelling.set(chatId, done);
  }, { once: true });

  const stream = (chatId, turn, first, signal) => {
    const before = askedForReplay;
    const source = (async function* () {
      // Without the reset that `resumeStreamIsReplay` causes, `useChat` of major 6 goes on with the message that it has.
      if (!turn.isBroken || askedForReplay > before) yield* turn.frames.map((frame) => ({ ...frame }));
      turn.isBroken = false;
      for await (const [frame] of frames(first, resume(chatId, signal), turn.reading, signal)) {
        remember(turn.frames, frame);
        yield frame;
      }
    })();
    return new ReadableStream({
      async pull(controller) {
        try {
          const { done, value } = await source.next();
          if (done && turn.reading.ended) turns.delete(chatId);
          done ? controller.close() : controller.enqueue(value);
        } catch (error) {
          turn.isBroken = !signal?.aborted && error instanceof TypeError;
          controller.error(signal?.aborted ? new DOMException('stopped', 'AbortError') : error);
        }
      },
      cancel: () => { source.return(); },
    }, { highWaterMark: 0 });
  };

  return {
    /** A resumed stream begins with `start`, and replaces the message. */
    get resumeStreamIsReplay() { return (askedForReplay += 1) > 0; },

    async sendMessages({ chatId, messages: all, trigger, messageId, abortSignal: signal, headers, body }) {
      await cancelling.get(chatId);
      // The server has the history: only the message that is new, or that is answered again, is sent.
      const last = trigger === 'regenerate-message' ? all.findLast((message) => message.role === 'user') : all.at(-1);
      const sent = JSON.stringify({ tool, group_id: groupId, ...body, id: chatId, messages: last ? [last] : [], trigger, messageId });
      const key = trigger === 'regenerate-message' ? { 'idempotency-key': crypto.randomUUID() } : {};
      const post = { method: 'POST', signal, body: sent, headers: { ...JSON_TYPE, ...key, ...Object.fromEntries(new Headers(headers)) } };
      cancelOnStop(chatId, signal);
      const turn = { reading: new Reading(), frames: [] };
      turns.set(chatId, turn);
      return stream(chatId, turn, await repeated(() => request(options, '/api/chat', post), signal), signal);
    },

    async reconnectToStream({ chatId, abortSignal: signal }) {
      resumes.set(chatId, (resumes.get(chatId) ?? 0) + 1);
      const known = turns.get(chatId)?.isBroken ? turns.get(chatId) : null;
      const turn = known ?? { reading: new Reading(), frames: [] };
      try {
        const response = await repeated(() => resume(chatId, signal)(turn.reading.cursor), signal);
        if (response.status === 204 && !known) return null;
        cancelOnStop(chatId, signal);
        turns.set(chatId, turn);
        return stream(chatId, turn, response, signal);
      } catch (error) {
        // A chat whose session its first message creates has no stream yet.
        if (error.status === 404 && !known) return null;
        throw error;
      }
    },
  };
}

/** Adds a frame to the frames of a turn, with the deltas of a part as one. */
function remember(list, frame) {
  const last = list.at(-1);
  if (frame.delta && last?.type === frame.type && last.id === frame.id) last.delta += frame.delta;
  else if (!/error$/.test(frame.type)) list.push({ ...frame });
}

/** Returns the messages of a session that were written offline. They survive a reload, and are sent once and in order. */
export function outbox(session, { storage = globalThis.localStorage, now = Date.now, ...options } = {}) {
  const name = `causerie-outbox-${session}`;
  const read = () => JSON.parse(storage.getItem(name) ?? '[]');
  const write = (entries) => (entries.length ? storage.setItem(name, JSON.stringify(entries)) : storage.removeItem(name));
  const remove = (id) => write(read().filter((entry) => entry.id !== id));
  const isExpired = (entry) => now() - entry.at >= MAX_AGE;
  const exclusive = (work) => globalThis.navigator?.locks?.request(name, work) ?? work();
  const send = ({ id, content, attachments }) => request(options, `/sessions/${session}/messages`, {
    method: 'POST', headers: { ...JSON_TYPE, prefer: 'respond-async', 'idempotency-key': id },
    body: JSON.stringify({ content, attachments, meta: { ui_message_id: id } }),
  });
  return {
    /** Adds a message and returns its id. `flush` sends it. */
    add(content, attachments = [], id = crypto.randomUUID()) {
      write([...read(), { id, at: now(), content, attachments }]);
      return id;
    },
    waiting: () => read().filter((entry) => !isExpired(entry)),
    /** Messages older than 23 hours. They are never sent; `discard` removes them. */
    expired: () => read().filter(isExpired),
    discard: remove,
    /** Sends what waits, each message after the answer to the one before. Ends early, with `error`, without a network. */
    flush: () => exclusive(async () => {
      const result = { sent: [], refused: [] };
      for (let entry; (entry = read().find((each) => !isExpired(each)));) {
        try {
          result.sent.push({ ...entry, turn: (await (await send(entry)).json()).turn });
        } catch (error) {
          if (error.code === 'turn_in_progress') {
            for await (const _ of follow(error.turnId, options));
            continue;
          }
          if (!(error instanceof CauserieError) || error.status >= 500 || [401, 408, 429].includes(error.status)) return { ...result, error };
          result.refused.push({ ...entry, error });
        }
        remove(entry.id);
      }
      return result;
    }),
  };
}
