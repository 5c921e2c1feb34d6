// First messages of sessions that were just created, by the id of the session: `{content, attachments, send}`. The chat
// view sends them when it opens, or leaves them in the message box if `send` is false. One that no session of its tool can
// take comes back under the name `new`, with its `refusal`.

export const pendingSends = new Map();
