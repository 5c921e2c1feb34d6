// View of Markdown: each token becomes an element of a fixed set. HTML in the text is shown as the text it is.

import { Component, html, useEffect, useRef, useState } from '../html.js';
import { announce } from '../announce.js';
import { t } from '../texts/index.js';
import { Blocks } from './lexer.js';
import { linkTarget } from './links.js';

const ENTITIES = { __proto__: null, amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\u00a0', hellip: '…', mdash: '—', ndash: '–', copy: '©', times: '×', rarr: '→', larr: '←', middot: '·', euro: '€' };

function decoded(text) {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (whole, decimal, hex, name) => {
    if (name) return ENTITIES[name] ?? whole;
    const code = decimal ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? String.fromCodePoint(code) : whole;
  });
}

/** Link that states its host wherever its own text does not. */
export function Link({ href, children, text }) {
  const target = linkTarget(href);
  if (!target) return html`<span class="refused-link">${children}</span>`;
  const plain = text === target.href || text === target.href.replace(/\/$/, '') || text === target.host;
  const link = html`<a href=${target.href} target="_blank" rel="noopener noreferrer nofollow"><bdi>${children}</bdi></a>`;
  if (plain) return link;
  // Characters around the link that turn the direction of the text move neither the host nor its letters.
  return html`<bdi dir="ltr">${link} <bdi class="link-host" dir="ltr">(${target.host})</bdi></bdi>`;
}

const inline = (tokens) => (tokens ?? []).map(inlineToken);

function inlineToken(token) {
  switch (token.type) {
    case 'strong': return html`<strong>${inline(token.tokens)}</strong>`;
    case 'em': return html`<em>${inline(token.tokens)}</em>`;
    case 'del': return html`<del>${inline(token.tokens)}</del>`;
    case 'codespan': return html`<code>${token.text}</code>`;
    case 'math': return html`<span class="math">${token.text}</span>`;
    case 'br': return html`<br />`;
    case 'link': return html`<${Link} href=${token.href} text=${token.text}>${inline(token.tokens)}<//>`;
    case 'image': return html`<${Link} href=${token.href} text="">${t.markdown.image(decoded(token.text))}<//>`;
    case 'escape': return token.text;
    case 'text': return token.tokens ? inline(token.tokens) : decoded(token.text);
    default: return token.raw;
  }
}

function CodeBlock({ language, text }) {
  return html`<figure class="code">
    <figcaption><span>${language || t.markdown.code}</span><${CopyButton} text=${text} /></figcaption>
    <pre tabindex="0"><code>${text}</code></pre>
  </figure>`;
}

/** Button that copies a text and says so for two seconds. */
export function CopyButton({ text, label = t.actions.copy, className = 'quiet small' }) {
  const [copied, setCopied] = useState(false);
  const timer = useRef(null);
  useEffect(() => () => clearTimeout(timer.current), []);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === 'function' ? text() : text);
    } catch {
      announce(t.actions.copyFailed);
      return;
    }
    setCopied(true);
    announce(t.actions.copied);
    timer.current = setTimeout(() => setCopied(false), 2000);
  };
  return html`<button type="button" class=${className} aria-label=${label} onClick=${copy}>${copied ? t.actions.copied : label}</button>`;
}

function ListItem({ item }) {
  const content = item.tokens.map((token) => (token.type === 'checkbox' ? null : token.type === 'text' ? inline(token.tokens ?? [token]) : blockToken(token)));
  return html`<li class=${item.task ? 'task' : null}>${item.task ? html`<span role="img" aria-label=${item.checked ? t.markdown.done : t.markdown.open}>${item.checked ? '☑ ' : '☐ '}</span>` : null}${content}</li>`;
}

function blockToken(token) {
  switch (token.type) {
    case 'space': case 'def': return null;
    case 'paragraph': return html`<p>${inline(token.tokens)}</p>`;
    case 'text': return html`<p>${inline(token.tokens ?? [token])}</p>`;
    case 'heading': return html`<${`h${Math.min(token.depth + 2, 6)}`}>${inline(token.tokens)}<//>`;
    case 'code': return html`<${CodeBlock} language=${(token.lang ?? '').split(/\s/)[0]} text=${token.text} />`;
    case 'blockquote': return html`<blockquote>${token.tokens.map(blockToken)}</blockquote>`;
    case 'hr': return html`<hr />`;
    case 'list': return token.ordered
      ? html`<ol start=${token.start || 1}>${token.items.map((item) => html`<${ListItem} item=${item} />`)}</ol>`
      : html`<ul>${token.items.map((item) => html`<${ListItem} item=${item} />`)}</ul>`;
    case 'table': return html`<div class="table-frame" tabindex="0" role="group" aria-label=${t.markdown.table}><table>
        <thead><tr>${token.header.map((cell) => html`<th scope="col" class=${cell.align && `align-${cell.align}`}>${inline(cell.tokens)}</th>`)}</tr></thead>
        <tbody>${token.rows.map((row) => html`<tr>${row.map((cell) => html`<td class=${cell.align && `align-${cell.align}`}>${inline(cell.tokens)}</td>`)}</tr>`)}</tbody>
      </table></div>`;
    default: return html`<p>${token.raw}</p>`;
  }
}

class Block extends Component {
  shouldComponentUpdate(next) {
    return next.block !== this.props.block && next.block.raw !== this.props.block.raw;
  }

  render({ block }) {
    if (block.continued) return html`<p class="continued">${inline(block.token.tokens)}</p>`;
    return blockToken(block.token);
  }
}

/** Markdown text. While `live`, only the blocks at its end are rendered again. */
export class Markdown extends Component {
  blocks = new Blocks();

  shouldComponentUpdate(next) {
    return next.text !== this.props.text || next.live !== this.props.live;
  }

  render({ text, live }) {
    const blocks = this.blocks.update(text, !live);
    return html`<div class="prose">${blocks.map((block, index) => html`<${Block} key=${index} block=${block} />`)}</div>`;
  }
}
