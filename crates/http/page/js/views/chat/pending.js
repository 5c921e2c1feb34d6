// First messages of sessions that were just created: the chat view sends them when it opens.

export const pendingSends = new Map();
