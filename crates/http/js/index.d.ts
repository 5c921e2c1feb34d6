/** Address and credential of a server. */
export interface Connection {
  /** Address of the server, such as `https://causerie.example.org`; default: that of the page. */
  url?: string;
  /** API key or token, or a function that returns it for each request. */
  token?: string | (() => string | Promise<string>);
  /** Replaces the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/** Refusal of the server (RFC 9457). Its message is the sentence for people. */
export class CauserieError extends Error {
  constructor(status: number, problem: Record<string, unknown>);
  status: number;
  /** Stable code, such as `turn_in_progress`. */
  code?: string;
  /** Running turn, with the code `turn_in_progress`. */
  turnId?: string;
  /** The whole document. */
  problem: Record<string, unknown>;
}

/** Part of a UI message. */
export type Part =
  | { type: 'text' | 'reasoning'; text: string; state: 'done' }
  | { type: 'file'; mediaType: string; url: string; filename?: string };

/** Stored message in the form of the AI SDK. */
export interface StoredMessage {
  /** Id of the stream; for a message that a page has sent, the id that the page gave it. */
  id: string;
  role: 'user' | 'assistant' | 'system';
  metadata: { session_id: string; turn_id: string | null; seq: number; status: string; model?: string; usage?: Usage };
  parts: Part[];
}

/** Tokens and cost of an answer. */
export interface Usage {
  model: string;
  input_tokens: number | null;
  output_tokens: number | null;
  total_tokens: number | null;
  cached_tokens: number | null;
  cache_write_tokens: number | null;
  reasoning_tokens: number | null;
  /** US dollars, as text. */
  cost: string | null;
  basis: string;
  /** What the provider's cache saved in US dollars, as text; can be negative. */
  cache_saved: string | null;
  /** Why the provider's cache had no beginning of the request, although one was expected. */
  cache_miss: string | null;
  generation_id: string | null;
}

/** Frame of a stream. `cursor` is the position after it. */
export interface Frame {
  type: string;
  cursor: string;
  [member: string]: unknown;
}

/** Transport of `useChat`. It fits `ChatTransport` of the majors 6 and 7 for any type of message. */
export interface CauserieTransport {
  readonly resumeStreamIsReplay: true;
  sendMessages(options: {
    trigger: 'submit-message' | 'regenerate-message';
    chatId: string;
    messageId: string | undefined;
    messages: any[];
    abortSignal: AbortSignal | undefined;
    headers?: Record<string, string> | Headers;
    body?: object;
    metadata?: unknown;
  }): Promise<ReadableStream<any>>;
  reconnectToStream(options: {
    chatId: string;
    abortSignal?: AbortSignal;
    headers?: Record<string, string> | Headers;
    body?: object;
    metadata?: unknown;
  }): Promise<ReadableStream<any> | null>;
}

/** Message in the outbox. */
export interface OutboxEntry {
  id: string;
  /** Time at which it was written, in milliseconds since 1970. */
  at: number;
  content: string;
  attachments: object[];
}

export interface Outbox {
  /** Adds a message and returns its id. */
  add(content: string, attachments?: object[], id?: string): string;
  waiting(): OutboxEntry[];
  /** Messages older than 23 hours. They are never sent. */
  expired(): OutboxEntry[];
  discard(id: string): void;
  flush(): Promise<{
    sent: (OutboxEntry & { turn: { id: string } })[];
    refused: (OutboxEntry & { error: CauserieError })[];
    /** Reason for which messages still wait. */
    error?: Error;
  }>;
}

export function createCauserieTransport(options?: Connection & {
  /** Tool of the session that the first message of a new chat creates. */
  tool?: string;
  /** Group whose account pays for such a session. */
  groupId?: string;
}): CauserieTransport;

export function messages(session: string, options: Connection): Promise<StoredMessage[]>;

export function follow(turn: string, options?: Connection & {
  /** Ticket for the stream, in place of a token. */
  ticket?: string;
  /** Cursor of the last frame that was read. */
  cursor?: string | null;
  signal?: AbortSignal;
}): AsyncGenerator<Frame, void, void>;

export function outbox(session: string, options: Connection & {
  storage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  now?: () => number;
}): Outbox;

export function ability<Ability>(createMongoAbility: (rules: any[]) => Ability, options: Connection): Promise<Ability>;
