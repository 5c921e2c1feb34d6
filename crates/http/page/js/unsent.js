// Messages that the server has not taken yet, by their session: kept for a reload of this tab, or another view of it.

const STORAGE = 'causerie.unsent.';

export const unsent = {
  keep(session, content, attachments) {
    try {
      sessionStorage.setItem(STORAGE + session, JSON.stringify({ content, attachments: attachments ?? [] }));
    } catch {
      // The message is larger than the storage; it does not outlive the view.
    }
  },
  drop: (session) => sessionStorage.removeItem(STORAGE + session),
  /** Returns `{content, attachments}` and forgets it, or null if there is none. */
  take(session) {
    const text = sessionStorage.getItem(STORAGE + session);
    sessionStorage.removeItem(STORAGE + session);
    return text === null ? null : JSON.parse(text);
  },
};
