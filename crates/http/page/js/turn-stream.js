// Stream of one turn, across broken connections: each resume continues at the last frame that arrived.

import { ApiError, segment, send } from './api.js';
import { EventParser, eventsOf } from './sse.js';

const DELAYS_MS = [200, 500, 1000, 2000, 3000, 5000];
const RETRIED = new Set([408, 429, 502, 503, 504]);
const STREAM = 'text/event-stream';

/** Returns a function that sends a message; repeating it attaches to the same turn. */
export function openSend(path, body) {
  const headers = { 'idempotency-key': crypto.randomUUID() };
  return (signal) => send('POST', path, { body, headers, accept: STREAM, signal });
}

/** Returns a function that opens the stream of a turn from its start. */
export const openTurn = (turnId) => (signal) =>
  send('GET', `/turns/${segment(turnId)}/stream`, { accept: STREAM, signal });

const resume = (cursor, signal) =>
  send('GET', `/turns/${segment(cursor.split(':')[0])}/stream`, {
    accept: STREAM, headers: { 'last-event-id': cursor }, signal,
  });

/**
 * Reads a turn to its end.
 *
 * `onFrames` receives groups of frames; `onConnection` receives `true` or `false` as the connection comes and goes.
 * Throws `ApiError` if the server refuses, and `AbortError` if `signal` aborts.
 */
export async function readTurn({ open, onFrames, onConnection, signal }) {
  let cursor = null;
  let failures = 0;
  for (;;) {
    let retry = null;
    try {
      const response = await (cursor === null ? open(signal) : resume(cursor, signal));
      onConnection(true);
      if (response.status === 204) return;
      const parser = new EventParser();
      for await (const events of eventsOf(response, parser)) {
        failures = 0;
        const frames = [];
        let ended = false;
        for (const { id, data } of events) {
          if (id) cursor = id;
          if (data === '[DONE]') ended = true;
          else frames.push(JSON.parse(data));
        }
        // A failure of the stream keeps the position in its id: the turn itself may go on.
        const continues = ended && cursor !== null && !cursor.endsWith(':end');
        onFrames(continues ? frames.filter((frame) => frame.type !== 'error' && frame.type !== 'data-error') : frames);
        if (ended && !continues) return;
        if (ended) break;
      }
      retry = parser.retry;
    } catch (error) {
      if (error.name === 'AbortError' || signal.aborted) throw error;
      if (error instanceof ApiError && !RETRIED.has(error.status)) throw error;
      if (error instanceof ApiError && cursor === null && error.code !== 'store_unavailable') throw error;
      if (error instanceof ApiError && error.retryAfter) retry = error.retryAfter * 1000;
    }
    onConnection(false);
    await sleep(Math.min(retry ?? DELAYS_MS[Math.min(failures, DELAYS_MS.length - 1)], 10_000), signal);
    failures += 1;
  }
}

function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
