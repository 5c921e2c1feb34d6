// Client of the HTTP API: requests, errors, pages of lists.

import { credential } from './credential.js';

/** Error response of the server: a problem document, or a body that is none. */
export class ApiError extends Error {
  constructor(status, problem, headers) {
    super(problem.detail || problem.title || `HTTP ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = problem.code ?? null;
    this.problem = problem;
    this.retryAfter = problem.retry_after ?? (Number(headers?.get('retry-after')) || null);
  }
}

/** Failure to reach the server. */
export class NetworkError extends Error {
  constructor(cause) {
    super('the server cannot be reached', { cause });
    this.name = 'NetworkError';
  }
}

const listeners = new Set();

/** Registers a function that is called with each error response, and returns a function that removes it. */
export function onApiError(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function address(path, query) {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') params.set(name, value);
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

async function problemOf(response) {
  try {
    const body = await response.json();
    if (body && typeof body === 'object') return body;
  } catch {
    // A proxy in front may answer without a problem document.
  }
  return { title: response.statusText, status: response.status };
}

/**
 * Sends a request and returns the response; the listeners of errors are not called if it is `quiet`. Throws `ApiError` or `NetworkError`, and `AbortError` if `signal` aborts.
 */
export async function send(method, path, { query, body, text, type, headers, signal, accept, key, quiet } = {}) {
  const all = new Headers(headers);
  const bearer = key ?? credential.get();
  if (bearer) all.set('authorization', `Bearer ${bearer}`);
  all.set('accept', accept ?? 'application/json');
  let payload;
  if (text !== undefined) {
    payload = text;
    all.set('content-type', type);
  } else if (body !== undefined) {
    payload = JSON.stringify(body);
    all.set('content-type', 'application/json');
  }
  let response;
  try {
    response = await fetch(address(path, query), {
      method, headers: all, body: payload, signal, cache: 'no-store', credentials: 'omit', redirect: 'error',
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new NetworkError(error);
  }
  if (!response.ok) {
    const error = new ApiError(response.status, await problemOf(response), response.headers);
    if (!quiet) listeners.forEach((listener) => listener(error));
    throw error;
  }
  return response;
}

async function json(method, path, options) {
  const response = await send(method, path, options);
  if (response.status === 204) return null;
  try {
    return await response.json();
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new NetworkError(error);
  }
}

export const api = {
  get: (path, query, options) => json('GET', path, { ...options, query }),
  post: (path, body, options) => json('POST', path, { ...options, body }),
  put: (path, body) => json('PUT', path, { body }),
  patch: (path, body) => json('PATCH', path, { body }),
  delete: (path) => json('DELETE', path),
};

/** Path segment of an id, with everything encoded that a path cannot have. Dots alone, which would lead to another path, get a space that no id has. */
export const segment = (id) => encodeURIComponent(/^\.{1,2}$/.test(id) ? `${id} ` : id);

/** Returns all rows of a list, up to `limit`. */
export async function listAll(path, query, limit = 1000) {
  const rows = [];
  let cursor = null;
  do {
    const page = await api.get(path, { ...query, limit: 100, cursor });
    rows.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor && rows.length < limit);
  return rows;
}
