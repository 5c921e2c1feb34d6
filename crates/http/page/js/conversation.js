// Model of an open conversation: its messages, the running turn, and what other tabs and browsers add.

import { announce } from './announce.js';
import { ApiError, NetworkError, api, segment } from './api.js';
import { RenderPace } from './render-pace.js';
import { openSend, openTurn, readTurn } from './turn-stream.js';
import { unsent } from './unsent.js';
import { t } from './texts/index.js';

const POLL_MS = 3000;
const OLDER_LIMIT = 25;
const LOOKUPS_MS = [2000, 8000, 30_000];

/** Statuses of refusals that tell of a change of the session elsewhere. */
const REFRESHED = new Set([404, 409]);

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('causerie') : null;

export class Conversation {
  constructor(id, { onSession, onGone } = {}) {
    this.id = id;
    this.path = `/sessions/${segment(id)}`;
    this.session = null;
    this.messages = [];
    this.running = null;
    this.endedTurn = null;
    this.connected = true;
    this.hasOlder = false;
    this.error = null;
    this.stopping = false;
    this.isGone = false;
    this.onSession = onSession ?? (() => {});
    this.onGone = onGone ?? (() => {});
    this.listeners = new Set();
    this.disposed = new AbortController();
    this.pace = new RenderPace(() => this.listeners.forEach((listener) => listener()), () => this.running !== null);
    this.heard = async (event) => {
      if (event.data?.session !== this.id) return;
      await this.poll();
      if (!this.running) await this.refresh();
    };
    channel?.addEventListener('message', this.heard);
    this.seen = () => document.visibilityState === 'visible' && this.session && this.refresh();
    document.addEventListener('visibilitychange', this.seen);
    this.timer = setInterval(() => document.visibilityState === 'visible' && this.poll(), POLL_MS);
  }

  dispose() {
    this.disposed.abort(new DOMException('closed', 'AbortError'));
    clearInterval(this.timer);
    channel?.removeEventListener('message', this.heard);
    document.removeEventListener('visibilitychange', this.seen);
    this.pace.cancel();
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed() {
    if (!this.disposed.signal.aborted) this.pace.request();
  }

  /** Reads the session, again and again while the server cannot be reached. */
  async load() {
    while (!this.disposed.signal.aborted) {
      try {
        const detail = await api.get(this.path, null, { signal: this.disposed.signal });
        this.error = null;
        this.take(detail);
        this.hasOlder = this.messages.length > 0 && this.messages[0].seq > 1;
        if (detail.active_turn_id) this.attach(detail.active_turn_id);
        this.changed();
        return;
      } catch (error) {
        if (error.name === 'AbortError') return;
        this.error = error;
        this.changed();
        if (error.status === 404) this.onGone();
        if (!(error instanceof NetworkError) && !(error.status > 500)) return;
      }
      await pause(POLL_MS);
    }
  }

  /** Tells other tabs that the session changed. */
  tellOthers() {
    channel?.postMessage({ session: this.id });
  }

  /** Takes the state of the session and its latest messages from the server. */
  take(detail) {
    const { messages, ...session } = detail;
    this.session = session;
    messages.forEach((message) => this.merge(message));
    this.onSession(session);
  }

  merge(message) {
    const known = this.messages.find((each) => each.id === message.id);
    if (!known) {
      // The ids of a message that is being sent, and of its answer, arrive with the stream.
      if (this.running && !this.running.started && message.seq >= (this.running.user ?? this.running.answer).seq) return;
      this.messages.push({ ...message, key: message.id, version: 0, live: false });
      this.messages.sort((a, b) => a.seq - b.seq);
      if (message.role === 'assistant' && message.status === 'failed') this.explain(message.id, message.turn_id);
      return;
    }
    // The stream is ahead of the store while a turn runs.
    if (known.live) return;
    const { failure, context } = known;
    Object.assign(known, message, { failure, context, version: known.version + 1 });
  }

  async loadOlder() {
    if (!this.hasOlder || this.loadingOlder) return;
    this.loadingOlder = true;
    try {
      const page = await api.get(`${this.path}/messages`, { before_seq: this.messages[0].seq, limit: OLDER_LIMIT });
      page.data.forEach((message) => this.merge(message));
      this.hasOlder = page.data.length > 0 && this.messages[0].seq > 1;
    } catch {
      this.hasOlder = true;
    } finally {
      this.loadingOlder = false;
    }
    this.changed();
  }

  /** Looks for messages that another tab or browser sent. */
  async poll() {
    if (this.running || !this.session || this.polling || this.isGone) return;
    this.polling = true;
    try {
      const after = this.messages.at(-1)?.seq ?? 0;
      const page = await api.get(`${this.path}/messages`, { after_seq: after, limit: 100 }, { signal: this.disposed.signal });
      if (this.running || page.data.length === 0) return;
      page.data.forEach((message) => this.merge(message));
      const pending = page.data.find((message) => message.status === 'pending' && message.turn_id);
      if (pending) this.attach(pending.turn_id);
      else await this.refresh();
      this.changed();
    } catch (error) {
      // The next poll tries again.
      if (error.status === 404) this.leave();
    } finally {
      this.polling = false;
    }
  }

  async refresh() {
    if (this.isGone) return;
    try {
      const detail = await api.get(this.path, null, { signal: this.disposed.signal });
      this.take(detail);
      // Another tab or browser may have begun the next turn. A turn whose end could not be stored still looks active.
      const active = detail.active_turn_id;
      if (active && active !== this.endedTurn && !this.running) this.attach(active);
      this.changed();
    } catch (error) {
      // The totals stay as they are until the next refresh.
      if (error.status === 404) this.leave();
    }
  }

  /** Ends the conversation of a session that was deleted elsewhere: what is shown stays to be read. */
  leave() {
    this.isGone = true;
    this.onGone();
    this.changed();
  }

  /** Returns a message of an earlier visit that the server has not taken, as `{content, attachments}`, or null. */
  takeUnsent() {
    const message = unsent.take(this.id);
    return message?.content === this.messages.findLast((each) => each.role === 'user')?.content ? null : message;
  }

  /** Reads the failure and the context of a turn. */
  async explain(messageId, turnId) {
    if (!turnId) return null;
    const turn = await api.get(`/turns/${segment(turnId)}`).catch(() => null);
    const message = this.messages.find((each) => each.id === messageId);
    if (turn && message) {
      message.failure = turn.failure;
      message.context = turn.context;
      message.version += 1;
      this.changed();
    }
    return turn;
  }

  /** Sends a message. Returns an `ApiError` if the server refused it before its stream began. */
  async submit(content, attachments) {
    if (this.running) return new ApiError(409, { code: 'turn_in_progress' });
    const seq = (this.messages.at(-1)?.seq ?? 0) + 1;
    const user = {
      id: `local-${seq}`, key: `local-${crypto.randomUUID()}`, role: 'user', seq, status: 'completed', content, version: 0,
      parts: [{ type: 'text', text: content }], attachments: attachments ?? [], meta: {}, usage: null,
      created_at: new Date().toISOString(),
    };
    const body = attachments?.length ? { content, attachments } : { content };
    unsent.keep(this.id, content, attachments);
    const error = await this.begin(openSend(`${this.path}/messages`, body), [user]);
    if (error) unsent.drop(this.id);
    return error;
  }

  /** Asks for another answer to the last message, unless one is being written. */
  async regenerate() {
    if (this.running) return;
    this.error = await this.begin(openSend(`${this.path}/regenerate`, {}), []);
    this.changed();
  }

  /** Resolves when the running turn has begun, with null. */
  accepted() {
    return this.running?.accepted ?? Promise.resolve(null);
  }

  begin(open, optimistic) {
    const seq = (this.messages.at(-1)?.seq ?? 0) + optimistic.length + 1;
    const answer = this.placeholder(`local-${seq}`, seq);
    this.messages.push(...optimistic, answer);
    return this.read(open, answer, optimistic[0]);
  }

  placeholder(id, seq) {
    return {
      id, key: `answer-${crypto.randomUUID()}`, role: 'assistant', seq, status: 'pending', content: '', parts: [], attachments: [],
      meta: {}, usage: null, created_at: new Date().toISOString(), version: 0, live: true,
    };
  }

  /** Follows a turn that runs already. */
  attach(turnId) {
    if (this.running) return;
    let answer = this.messages.find((each) => each.turn_id === turnId && each.role === 'assistant');
    if (!answer) {
      const seq = (this.messages.at(-1)?.seq ?? 0) + 1;
      answer = this.placeholder(`local-${seq}`, seq);
      this.messages.push(answer);
    }
    answer.live = true;
    this.read(openTurn(turnId), answer, null);
  }

  async read(open, answer, user) {
    const abort = new AbortController();
    const dispose = () => abort.abort(new DOMException('closed', 'AbortError'));
    this.disposed.signal.addEventListener('abort', dispose, { once: true });
    const { promise: accepted, resolve: accept } = Promise.withResolvers();
    this.running = { answer, user, started: false, accepted, accept, abort };
    this.error = null;
    this.changed();
    try {
      await readTurn({
        open,
        signal: abort.signal,
        onFrames: (frames) => {
          frames.forEach((frame) => this.apply(frame));
          answer.version += 1;
          this.changed();
        },
        onConnection: (connected) => {
          if (this.connected !== connected) {
            this.connected = connected;
            announce(connected ? t.chat.reconnected : t.chat.reconnecting);
            this.changed();
          }
        },
      });
    } catch (error) {
      if (error.name === 'AbortError') return null;
      if (!this.running.started) {
        this.messages = this.messages.filter((each) => each !== answer && each !== user);
        this.end(answer);
        if (error instanceof ApiError && error.code === 'turn_in_progress' && error.problem.turn_id) {
          await this.refresh();
          this.attach(error.problem.turn_id);
        } else if (error instanceof ApiError && REFRESHED.has(error.status)) await this.refresh();
        return error;
      }
      answer.status = 'failed';
      answer.failure = { code: error.code, detail: error.message };
    } finally {
      this.disposed.signal.removeEventListener('abort', dispose);
    }
    this.end(answer);
    announce(t.chat.ended[answer.status] ?? t.chat.ended.completed);
    await this.refresh();
    this.tellOthers();
    this.lookUp(answer);
    return null;
  }

  end(answer) {
    answer.live = false;
    answer.version += 1;
    this.endedTurn = answer.turn_id ?? this.endedTurn;
    this.running = null;
    this.connected = true;
    this.stopping = false;
    this.changed();
  }

  apply(frame) {
    const { answer, user } = this.running;
    switch (frame.type) {
      case 'start': {
        const { messageMetadata: meta } = frame;
        if (meta.from === 0) {
          answer.parts = [];
          answer.status = 'pending';
        }
        answer.id = frame.messageId;
        answer.seq = meta.seq;
        answer.turn_id = meta.turn_id;
        answer.meta = { ...answer.meta, model: meta.model, answered_by: meta.answered_by };
        if (user) {
          user.id = meta.user_message_id;
          user.seq = meta.seq - 1;
          user.turn_id = meta.turn_id;
        }
        if (!this.running.started) {
          this.running.started = true;
          this.running.accept(null);
          if (user) {
            unsent.drop(this.id);
            this.tellOthers();
          }
          this.refresh();
        }
        break;
      }
      case 'text-delta': append(answer, 'text', frame.delta); break;
      case 'reasoning-delta': append(answer, 'reasoning', frame.delta); break;
      case 'file': answer.parts.push({ type: 'file', url: frame.url, media_type: frame.mediaType }); break;
      case 'data-context': answer.context = frame.data; break;
      case 'data-usage': answer.usage = frame.data; break;
      case 'data-error': answer.failure = { ...frame.data }; break;
      case 'error':
        answer.status = 'failed';
        answer.failure = { ...answer.failure, detail: frame.errorText };
        break;
      case 'abort': answer.status = 'cancelled'; break;
      case 'finish':
        answer.status = frame.messageMetadata?.status ?? 'completed';
        answer.meta = { ...answer.meta, finish_reason: frame.finishReason };
        break;
      default: break;
    }
  }

  /** Stops the answer. A message that has not reached the server is taken back. */
  async stop() {
    if (!this.running?.started && !this.connected) {
      this.running?.abort.abort(new NetworkError());
      return;
    }
    if (this.stopping) return;
    this.stopping = true;
    this.changed();
    try {
      await api.post(`${this.path}/cancel`);
    } catch (error) {
      this.stopping = false;
      this.error = error;
      this.changed();
    }
  }

  /** Reads a provisional cost again until it is final. */
  async lookUp(answer) {
    for (const delay of LOOKUPS_MS) {
      if (answer.usage && answer.usage.basis !== 'pending') return;
      await pause(delay);
      if (this.disposed.signal.aborted) return;
      await this.refresh();
    }
  }

  /** Changes the state or the title. Throws the error if the server refuses. */
  async change(path, body) {
    const session = await api.patch(`${this.path}${path}`, body);
    this.session = { ...this.session, ...session };
    this.onSession(this.session);
    this.changed();
    this.tellOthers();
  }

  /** Changes the state, and shows in the conversation if the server refuses. */
  async changeState(path) {
    this.error = null;
    await this.change(path).catch((error) => {
      this.error = error;
    });
    this.changed();
  }
}

function append(answer, type, delta) {
  const last = answer.parts.at(-1);
  if (last?.type === type) last.text += delta;
  else answer.parts.push({ type, text: delta });
}
