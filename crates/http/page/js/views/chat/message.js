// One message of a conversation: text, reasoning, files, cost, and what can be done with it.

import { Component, html, useState } from '../../html.js';
import { count, instant, moment, share } from '../../format.js';
import { dollars, units } from '../../money.js';
import { t } from '../../texts/index.js';
import { isStoredImage } from '../../markdown/links.js';
import { CopyButton, Link, Markdown } from '../../markdown/view.js';
import { Icon } from '../../components/icon.js';
import { ContextDialog } from './context.js';

function Reasoning({ text, live }) {
  return html`<details class="reasoning"><summary>${live ? t.chat.thinking : t.chat.reasoning}</summary><${Markdown} text=${text} live=${live} /></details>`;
}

function Part({ part, live }) {
  if (part.type === 'reasoning') return html`<${Reasoning} text=${part.text} live=${live} />`;
  if (part.type === 'file') {
    return isStoredImage(part.url)
      ? html`<figure class="image"><img src=${part.url} alt=${t.chat.generatedImage} /></figure>`
      : html`<p><${Link} href=${part.url} text="">${t.chat.file(part.media_type)}<//></p>`;
  }
  return html`<${Markdown} text=${part.text} live=${live} />`;
}

function Attachments({ files }) {
  if (!files?.length) return null;
  return html`<ul class="attachments" aria-label=${t.attach.list}>${files.map((file) => html`<li><${Icon} name="clip" />
    ${file.storage_provider === 'url' ? html`<${Link} href=${file.storage_key} text=${file.filename}>${file.filename}<//>` : html`<bdi>${file.filename}</bdi>`}
    <bdi class="fine"> ${file.mime_type}</bdi></li>`)}</ul>`;
}

/** Price of an answer with its basis. */
function Price({ usage }) {
  if (!usage) return null;
  const basis = t.basis[usage.basis] ?? usage.basis;
  return html`<span class=${`price basis-${usage.basis}`} title=${t.basisHelp[usage.basis]}>${usage.cost === null ? t.chat.noPrice : dollars(usage.cost)}<span class="basis"> ${basis}</span>${usage.cached_tokens > 0 && html` <span class="cached" title=${t.facts.cachedHelp}>${t.facts.cachedShare(share(usage.cached_tokens, usage.input_tokens))}</span>`}</span>`;
}

function Facts({ message, onExplain }) {
  const { usage, meta, context } = message;
  const [shown, setShown] = useState(false);
  const rows = [
    [t.facts.model, usage?.model ?? meta.model],
    [t.facts.time, instant(message.created_at)],
    usage && [t.facts.tokens, t.facts.tokenCounts(count(usage.input_tokens), count(usage.output_tokens))],
    usage?.cached_tokens > 0 && [t.facts.cached, `${count(usage.cached_tokens)} (${share(usage.cached_tokens, usage.input_tokens)})`],
    usage?.cache_write_tokens > 0 && [t.facts.written, count(usage.cache_write_tokens)],
    usage?.cache_miss && [t.facts.missed, t.cacheMisses[usage.cache_miss] ?? usage.cache_miss],
    units(usage?.cache_saved ?? '0') !== 0n && [t.facts.saved, dollars(usage.cache_saved)],
    usage?.reasoning_tokens > 0 && [t.facts.reasoning, count(usage.reasoning_tokens)],
    usage && [t.facts.cost, usage.cost === null ? t.chat.noPrice : `$${usage.cost}`],
    usage && [t.facts.basis, t.basisHelp[usage.basis]],
    meta.latency_ms > 0 && [t.facts.latency, t.facts.milliseconds(count(meta.latency_ms))],
    meta.finish_reason && [t.facts.finish, meta.finish_reason],
    usage?.generation_id && [t.facts.generation, usage.generation_id],
    context && [t.facts.context, t.facts.contextCounts(count(context.messages_sent), count(context.messages_dropped), count(context.estimated_tokens))],
  ].filter(Boolean);
  const opened = async (event) => {
    const element = event.target;
    if (!element.open) return;
    if (!context) await onExplain();
    element.querySelector('.facts-box').scrollIntoView({ block: 'nearest' });
  };
  return html`<details class="facts" onToggle=${opened}>
    <summary aria-label=${t.facts.title(message.seq)}>${t.facts.open}</summary>
    <div class="facts-box"><dl>${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
      <button type="button" class="small" onClick=${() => setShown(true)}>${t.context.open}</button></div>
    ${shown && html`<${ContextDialog} message=${message} onClose=${() => setShown(false)} />`}
  </details>`;
}

function Outcome({ message }) {
  const { failure, status } = message;
  if (status === 'failed') {
    return html`<p class="outcome failed">${t.chat.failed(failure?.detail)}${failure?.retryable ? ` ${failure.retry_after ? t.chat.retryAfter(failure.retry_after) : t.chat.retryable}` : ''}</p>`;
  }
  if (status === 'cancelled' || status === 'interrupted') return html`<p class="outcome">${t.chat.ended[status]}</p>`;
  return null;
}

const textOf = (message) => message.parts.filter((part) => part.type === 'text').map((part) => part.text).join('');

/** Message. It is rendered again only if its version or its possible actions change. */
export class Message extends Component {
  shouldComponentUpdate(next) {
    return ['message', 'version', 'actions'].some((name) => next[name] !== this.props[name]);
  }

  render({ message, actions, conversation, onFork, onRegenerate }) {
    const mine = message.role === 'user';
    const last = message.parts.length - 1;
    const waiting = message.live && message.parts.length === 0;
    const marks = [message.withheld && t.chat.withheld, message.superseded_by && t.chat.superseded, message.meta?.answered_by && t.chat.answeredBy(message.meta.answered_by)].filter(Boolean);
    return html`<li class=${`message ${mine ? 'mine' : 'theirs'}${message.superseded_by ? ' superseded' : ''}${message.withheld ? ' withheld' : ''}`} data-seq=${message.seq} aria-busy=${message.live ? 'true' : null}>
      <h2 class="visually-hidden">${mine ? t.chat.you : t.chat.answer}</h2>
      <div class="bubble">
        ${mine ? html`<p class="plain">${message.content}</p>` : message.parts.map((part, index) => html`<${Part} key=${index} part=${{ ...part }} live=${message.live && index === last} />`)}
        ${waiting && html`<p class="waiting"><span class="dots" aria-hidden="true"><i></i><i></i><i></i></span><span class="visually-hidden">${t.chat.waiting}</span></p>`}
        <${Attachments} files=${message.attachments} />
        <${Outcome} message=${message} />
        ${message.context?.messages_dropped > 0 && html`<p class="outcome">${t.chat.dropped(message.context.messages_dropped)}</p>`}
      </div>
      ${!message.live && html`<div class="message-foot">
        ${mine ? html`<time datetime=${message.created_at}>${moment(message.created_at)}</time>` : html`<${Price} usage=${message.usage} />`}
        ${marks.map((mark) => html`<span class="mark">${mark}</span>`)}
        <span class="message-actions">
          ${(mine || textOf(message)) && html`<${CopyButton} text=${() => (mine ? message.content : textOf(message))} />`}
          ${actions.includes('regenerate') && html`<button type="button" class="quiet small" onClick=${onRegenerate}>${t.actions.regenerate}</button>`}
          ${actions.includes('fork') && html`<button type="button" class="quiet small" onClick=${() => onFork(message)}>${t.actions.fork}</button>`}
          ${!mine && message.turn_id && html`<${Facts} message=${message} onExplain=${() => conversation.explain(message.id, message.turn_id)} />`}
        </span>
      </div>`}
    </li>`;
  }
}
