// Markdown to tokens. Tokens become view nodes in `view.js`; no text of a message is ever parsed as HTML.

import { Marked } from '../../vendor/marked.mjs';

// TeX between delimiters stays text: without this rule, `_` and `\(` in it would be taken for Markdown.
const MATH = /^(?:\$\$[^$]{1,2000}?\$\$|\\\[[\s\S]{1,2000}?\\\]|\\\([^\n]{1,500}?\\\)|\$(?=[^\s$\d])[^$\n]{1,200}?(?<=[^\s$])\$(?!\d))/;

const marked = new Marked({
  gfm: true,
  extensions: [{
    name: 'math',
    level: 'inline',
    start: (source) => source.search(/\$|\\[([]/),
    tokenizer(source) {
      const match = MATH.exec(source);
      return match ? { type: 'math', raw: match[0], text: match[0] } : undefined;
    },
  }],
});

const lex = (text) => marked.lexer(text);

/**
 * Blocks of a text that grows at its end.
 *
 * Each update lexes only the text after the last block that can no longer change, so the work does not grow with the
 * length of the answer.
 */
export class Blocks {
  constructor() {
    this.clear();
  }

  clear() {
    this.closed = [];
    this.length = 0;
  }

  /** Returns the blocks of `text`: `{raw, token}`. Blocks that did not change are the same objects. */
  update(text, complete) {
    const source = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
    if (source.length < this.length) this.clear();
    const tail = source.slice(this.length);
    const tokens = lex(tail);
    const blocks = tokens.map((token) => ({ raw: token.raw, token }));
    if (complete) return [...this.closed, ...blocks];
    // The last block with content can still change, and the one before it may be continued by it.
    const sound = tokens.reduce((sum, token) => sum + token.raw.length, 0) === tail.length;
    const open = blocks.length > 3 && sound ? blocks.length - 3 : 0;
    for (const block of blocks.slice(0, open)) {
      this.closed.push(block);
      this.length += block.raw.length;
    }
    return [...this.closed, ...blocks.slice(open)];
  }
}
