// Reader of event streams (`text/event-stream`).

/** Parser of an event stream that arrives in pieces. */
export class EventParser {
  constructor() {
    this.rest = '';
    this.reset();
    this.retry = null;
  }

  reset() {
    this.id = null;
    this.event = null;
    this.data = null;
  }

  /** Returns the events that `text` completes: `{id, event, data}`. */
  push(text) {
    const events = [];
    const all = this.rest + text;
    let start = 0;
    for (;;) {
      const end = all.indexOf('\n', start);
      if (end < 0) break;
      const line = all.charCodeAt(end - 1) === 13 && end > start ? all.slice(start, end - 1) : all.slice(start, end);
      start = end + 1;
      this.line(line, events);
    }
    this.rest = all.slice(start);
    return events;
  }

  line(line, events) {
    if (line === '') {
      if (this.data !== null) events.push({ id: this.id, event: this.event, data: this.data });
      this.reset();
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1);
    if (field === 'data') this.data = this.data === null ? value : `${this.data}\n${value}`;
    else if (field === 'id') this.id = value;
    else if (field === 'event') this.event = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
  }
}

/** Yields the events of a response, in groups as they arrive. */
export async function* eventsOf(response, parser = new EventParser()) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = parser.push(value);
      if (events.length > 0) yield events;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
