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

/** Length from which a paragraph is shown in pieces, since browsers lay out a whole paragraph for each word. */
const PIECE = 1500;
const SENTENCE_END = /[.!?…] (?=\p{L})/gu;
const SPACE = / (?=\p{L})/gu;

/** Returns the position after the first match at or after `from`, or -1 if there is none before `to`. */
function after(pattern, text, from, to = Infinity) {
  pattern.lastIndex = Math.max(0, from);
  const match = pattern.exec(text);
  const position = match === null ? -1 : match.index + match[0].length;
  return position <= to ? position : -1;
}

/**
 * Splits an overlong paragraph after a sentence, or else after a word, never within a link or an emphasis. Where it is
 * split depends on the text before the place only, so that pieces do not change while the text grows.
 */
function pieces(token) {
  const whole = { raw: token.raw, token };
  if (token.type !== 'paragraph' || token.raw.length <= 2 * PIECE) return [whole];
  const blocks = [];
  let tokens = [];
  let size = 0;
  let left = token.raw.length;
  const close = (length) => {
    const raw = token.raw.slice(token.raw.length - left, token.raw.length - left + length);
    blocks.push({ raw, token: { type: 'paragraph', raw, tokens }, continued: blocks.length > 0 });
    left -= length;
    tokens = [];
    size = 0;
  };
  const add = (inline) => {
    tokens.push(inline);
    size += inline.raw.length;
  };
  for (const inline of token.tokens) {
    if (inline.type !== 'text' || inline.tokens) {
      add(inline);
      continue;
    }
    let text = inline.raw;
    while (left > 2 * PIECE) {
      let end = after(SENTENCE_END, text, PIECE - size, 2 * PIECE - size);
      if (end < 0) end = after(SPACE, text, 2 * PIECE - size);
      if (end < 0) break;
      add({ type: 'text', raw: text.slice(0, end), text: text.slice(0, end) });
      text = text.slice(end);
      close(size);
    }
    if (text) add({ type: 'text', raw: text, text });
  }
  close(left);
  return blocks;
}

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

  /** Returns the blocks of `text`: `{raw, token, continued}`; a block that is `continued` belongs to the paragraph before it. Blocks that did not change are the same objects. */
  update(text, complete) {
    const source = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
    if (source.length < this.length) this.clear();
    const tail = source.slice(this.length);
    const blocks = lex(tail).flatMap(pieces);
    // The rest of a paragraph whose beginning is closed.
    if (this.closed.at(-1)?.open && blocks[0]?.token.type === 'paragraph') blocks[0].continued = true;
    if (complete) return [...this.closed, ...blocks];
    // The last block with content can still change, and the one before it may be continued by it.
    const sound = blocks.reduce((sum, block) => sum + block.raw.length, 0) === tail.length;
    const open = blocks.length > 3 && sound ? blocks.length - 3 : 0;
    for (const [index, block] of blocks.slice(0, open).entries()) {
      block.open = Boolean(blocks[index + 1].continued);
      this.closed.push(block);
      this.length += block.raw.length;
    }
    return [...this.closed, ...blocks.slice(open)];
  }
}
