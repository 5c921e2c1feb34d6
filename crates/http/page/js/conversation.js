// Model of an open conversation: its messages, the running turn, and what other tabs and browsers add.

import { announce } from './announce.js';
import { ApiError, api, segment } from './api.js';
import { openSend, openTurn, readTurn } from './turn-stream.js';
import { t } from './texts/index.js';

const POLL_MS = 3000;
const OLDER_LIMIT = 50;
const LOOKUPS_MS = [2000, 8000, 30_000];

/** Work of a frame above which renderings are spaced, and the longest pause between them. */
const RENDER_MS = 5;
const RENDER_PAUSE_MS = 1500;

function afterFrame(task) {
  const { port1, port2 } = new MessageChannel();
  port2.onmessage = () => {
    port2.close();
    task();
  };
  port1.postMessage(null);
}

const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel('causerie') : null;

export class Conversation {
  constructor(id, { onSession } = {}) {
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
    this.onSession = onSession ?? (() => {});
    this.listeners = new Set();
    this.disposed = new AbortController();
    this.frame = null;
    this.lastRender = 0;
    this.renderCost = 0;
    this.heard = (event) => event.data?.session === this.id && this.poll();
    channel?.addEventListener('message', this.heard);
    this.timer = setInterval(() => document.visibilityState === 'visible' && this.poll(), POLL_MS);
  }

  dispose() {
    this.disposed.abort(new DOMException('closed', 'AbortError'));
    clearInterval(this.timer);
    channel?.removeEventListener('message', this.heard);
    if (this.frame !== null) cancelAnimationFrame(this.frame);
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Renders at the next animation frame. Expensive renderings are spaced, so that input stays smooth. */
  changed() {
    if (this.frame !== null || this.disposed.signal.aborted) return;
    const tick = (now) => {
      if (this.renderCost > RENDER_MS && this.running && now - this.lastRender < Math.min(this.renderCost * 30, RENDER_PAUSE_MS)) {
        this.frame = requestAnimationFrame(tick);
        return;
      }
      this.frame = null;
      this.lastRender = now;
      this.listeners.forEach((listener) => listener());
      // The next task runs after the view is rendered, laid out and painted.
      const start = performance.now();
      afterFrame(() => {
        this.renderCost = performance.now() - start;
      });
    };
    this.frame = requestAnimationFrame(tick);
  }

  async load() {
    try {
      const detail = await api.get(this.path, null, { signal: this.disposed.signal });
      this.take(detail);
      this.hasOlder = this.messages.length > 0 && this.messages[0].seq > 1;
      if (detail.active_turn_id) this.attach(detail.active_turn_id);
    } catch (error) {
      if (error.name !== 'AbortError') this.error = error;
    }
    this.changed();
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
    if (this.running || !this.session || this.polling) return;
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
    } catch {
      // The next poll tries again.
    } finally {
      this.polling = false;
    }
  }

  async refresh() {
    try {
      const detail = await api.get(this.path, null, { signal: this.disposed.signal });
      this.take(detail);
      // Another tab or browser may have begun the next turn. A turn whose end could not be stored still looks active.
      const active = detail.active_turn_id;
      if (active && active !== this.endedTurn && !this.running) this.attach(active);
      this.changed();
    } catch {
      // The totals stay as they are until the next refresh.
    }
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
    const seq = (this.messages.at(-1)?.seq ?? 0) + 1;
    const user = {
      id: `local-${seq}`, key: `local-${crypto.randomUUID()}`, role: 'user', seq, status: 'completed', content, version: 0,
      parts: [{ type: 'text', text: content }], attachments: attachments ?? [], meta: {}, usage: null,
      created_at: new Date().toISOString(),
    };
    const body = attachments?.length ? { content, attachments } : { content };
    return this.begin(openSend(`${this.path}/messages`, body), [user]);
  }

  /** Asks for another answer to the last message. */
  regenerate() {
    this.error = null;
    return this.begin(openSend(`${this.path}/regenerate`, {}), []).then((error) => {
      this.error = error;
      this.changed();
      return error;
    });
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
    this.running = { answer, user, started: false, accepted, accept };
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
        }
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
    channel?.postMessage({ session: this.id });
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
          if (user) channel?.postMessage({ session: this.id });
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

  async stop() {
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
      await new Promise((resolve) => setTimeout(resolve, delay));
      if (this.disposed.signal.aborted) return;
      await this.refresh();
    }
  }

  /** Changes the state or the title, and returns the error if the server refuses. */
  async change(path, body) {
    try {
      const session = await api.patch(`${this.path}${path}`, body);
      this.session = { ...this.session, ...session };
      this.onSession(this.session);
      this.changed();
      return null;
    } catch (error) {
      this.error = error;
      this.changed();
      return error;
    }
  }
}

function append(answer, type, delta) {
  const last = answer.parts.at(-1);
  if (last?.type === type) last.text += delta;
  else answer.parts.push({ type, text: delta });
}
