// List of one's sessions, shared by the views: page by page, newest activity first.

import { api } from './api.js';

/** Order of the list: the newest activity first. */
const byActivity = (a, b) => (a.last_activity_at === b.last_activity_at ? 0 : a.last_activity_at < b.last_activity_at ? 1 : -1);

export class SessionList {
  constructor() {
    this.listeners = new Set();
    this.filter = '';
    this.clear();
  }

  clear() {
    this.rows = [];
    this.cursor = null;
    this.loading = false;
    this.loaded = false;
    this.error = null;
    this.failed = null;
    this.generation = (this.generation ?? 0) + 1;
    this.changed();
  }

  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  changed() {
    this.listeners.forEach((listener) => listener());
  }

  async load(cursor = null) {
    if (this.loading) return;
    this.loading = true;
    // The page may be older than what changes until it arrives.
    this.meanwhile = [];
    const { generation } = this;
    try {
      const page = await api.get('/sessions', { limit: 30, cursor, state: this.filter });
      if (generation !== this.generation) return;
      this.merge(page, cursor);
      this.meanwhile.forEach((change) => change());
      this.loaded = true;
      this.error = null;
    } catch (error) {
      if (generation !== this.generation) return;
      this.error = error;
      this.failed = cursor;
    } finally {
      if (generation === this.generation) this.loading = false;
      this.changed();
    }
  }

  /** Reads the page again that could not be read. */
  retry() {
    this.load(this.failed);
  }

  /** Adds a page at the end. Without a cursor, it replaces the newest rows and keeps older ones that were loaded after them. */
  merge(page, cursor) {
    const ids = new Set((cursor ? this.rows : page.data).map((row) => row.id));
    if (cursor) {
      // An old session that is open has a place already, before the pages of newer ones are loaded.
      this.rows = [...this.rows, ...page.data.filter((row) => !ids.has(row.id))].sort(byActivity);
      this.cursor = page.next_cursor;
      return;
    }
    // A row that the page should have is gone: it was deleted elsewhere, or does not fit the filter any more.
    const end = page.next_cursor ? page.data.at(-1).last_activity_at : null;
    const older = end === null ? [] : this.rows.filter((row) => !ids.has(row.id) && row.last_activity_at <= end);
    this.rows = [...page.data, ...older];
    if (older.length === 0 || !this.cursor) this.cursor = page.next_cursor;
  }

  more() {
    if (this.cursor) this.load(this.cursor);
  }

  setFilter(state) {
    this.filter = state;
    this.clear();
    this.load();
  }

  /** Takes a new or changed session. */
  take(session) {
    if (this.loading) this.meanwhile.push(() => this.place(session));
    const known = this.rows.find((row) => row.id === session.id);
    if (known && known.title === session.title && known.state === session.state && known.last_activity_at === session.last_activity_at && known.active_turn_id === session.active_turn_id) return;
    this.place(session);
    this.changed();
  }

  /** Puts a session that fits the filter in its place. */
  place(session) {
    const others = this.rows.filter((row) => row.id !== session.id);
    const fits = !this.filter || this.filter === session.state;
    this.rows = (fits ? [...others, session] : others).sort(byActivity);
  }

  remove(id) {
    const drop = () => {
      this.rows = this.rows.filter((row) => row.id !== id);
    };
    if (this.loading) this.meanwhile.push(drop);
    drop();
    this.changed();
  }
}
