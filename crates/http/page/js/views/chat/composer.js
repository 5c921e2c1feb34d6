// Message box: text, attachments by address, Send and Stop, and a quote for long drafts.

import { html, useEffect, useLayoutEffect, useRef, useState } from '../../html.js';
import { api } from '../../api.js';
import { count } from '../../format.js';
import { dollars } from '../../money.js';
import { t } from '../../texts/index.js';
import { Field } from '../../components/field.js';
import { FormDialog } from '../../components/dialog.js';
import { Icon } from '../../components/icon.js';
import { sentenceOf } from '../../components/problem.js';

const QUOTE_LENGTH = 1500;
const QUOTE_DELAY_MS = 700;
const DRAFT = 'causerie.draft.';
const TYPES = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', pdf: 'application/pdf', txt: 'text/plain', md: 'text/markdown', csv: 'text/csv', json: 'application/json', mp3: 'audio/mpeg', wav: 'audio/wav' };

/** Draft of a session, kept for reloads of this tab. */
export function useDraft(name) {
  const [draft, set] = useState(() => sessionStorage.getItem(DRAFT + name) ?? '');
  return [draft, (text) => {
    if (text) sessionStorage.setItem(DRAFT + name, text);
    else sessionStorage.removeItem(DRAFT + name);
    set(text);
  }];
}

function attachmentOf(form) {
  const address = new URL(form.get('address').trim());
  const name = form.get('name').trim() || decodeURIComponent(address.pathname.split('/').pop()) || address.host;
  return {
    filename: name.replaceAll(/[/\\]/g, '_').slice(0, 200),
    mime_type: form.get('type').trim() || TYPES[address.pathname.split('.').pop().toLowerCase()] || 'application/octet-stream',
    size: 0,
    storage_provider: 'url',
    storage_key: address.href,
  };
}

function AttachDialog({ onClose, onAttach }) {
  const [name, setName] = useState('');
  return html`<${FormDialog} title=${t.attach.title} action=${t.attach.action} onClose=${onClose} onSubmit=${(form) => {
    onAttach(attachmentOf(form));
    onClose();
  }}>
    <${Field} label=${t.attach.address} name="address" type="url" pattern="https?://.+" required hint=${t.attach.hint} onInput=${(event) => setName(event.target.value.split(/[?#]/)[0].split('/').pop())} />
    <${Field} label=${t.attach.name} name="name" maxlength="200" placeholder=${name} />
    <${Field} label=${t.attach.type} name="type" placeholder=${TYPES[name.split('.').pop().toLowerCase()] ?? t.attach.typeHint} />
  <//>`;
}

function useQuote(enabled, path, draft, attachments) {
  const [quote, setQuote] = useState(null);
  const wanted = enabled && path && (draft.length >= QUOTE_LENGTH || attachments.length > 0);
  useEffect(() => {
    setQuote(null);
    if (!wanted || !draft.trim()) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      const body = attachments.length ? { content: draft, attachments } : { content: draft };
      api.post(`${path}/quote`, body, { signal: abort.signal }).then(setQuote, () => {});
    }, QUOTE_DELAY_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [wanted, path, draft, attachments]);
  return quote;
}

/** `onSend(content, attachments)` returns a promise of an error, or of null. */
export function Composer({ name, path, quoteOffered, running, stopping, disabledReason, onSend, onStop, tools }) {
  const [draft, setDraft] = useDraft(name);
  const [attachments, setAttachments] = useState([]);
  const [attaching, setAttaching] = useState(false);
  const [busy, setBusy] = useState(false);
  const input = useRef(null);
  const quote = useQuote(quoteOffered && !running, path, draft, attachments);

  useLayoutEffect(() => {
    if (CSS.supports('field-sizing', 'content')) return;
    input.current.style.setProperty('height', 'auto');
    input.current.style.setProperty('height', `${input.current.scrollHeight + 2}px`);
  }, [draft]);

  const submit = async (event) => {
    event?.preventDefault();
    const content = draft;
    if (!content.trim() || running || busy || disabledReason) return;
    const files = attachments;
    setBusy(true);
    setDraft('');
    setAttachments([]);
    const error = await onSend(content, files);
    setBusy(false);
    if (error) {
      setDraft(content);
      setAttachments(files);
    }
    input.current?.focus();
  };
  const keys = (event) => {
    const coarse = matchMedia('(pointer: coarse)').matches;
    if (event.key !== 'Enter' || event.isComposing || event.shiftKey) return;
    if (coarse && !event.ctrlKey && !event.metaKey) return;
    submit(event);
  };
  return html`<form class="composer" onSubmit=${submit} aria-label=${t.composer.label}>
    ${disabledReason && html`<p class="composer-note">${disabledReason}</p>`}
    ${quote && html`<${Quote} quote=${quote} />`}
    <div class="composer-box">
      ${attachments.length > 0 && html`<ul class="chips" aria-label=${t.attach.list}>${attachments.map((file) => html`<li>
        <span>${file.filename}</span><button type="button" class="quiet small" aria-label=${t.attach.remove(file.filename)} onClick=${() => setAttachments(attachments.filter((each) => each !== file))}>×</button></li>`)}</ul>`}
      <textarea ref=${input} rows="1" aria-label=${t.composer.message} placeholder=${t.composer.placeholder} value=${draft}
        disabled=${Boolean(disabledReason)} onInput=${(event) => setDraft(event.target.value)} onKeyDown=${keys}></textarea>
      <div class="composer-tools">
        ${tools}
        <button type="button" class="quiet icon-button" aria-label=${t.attach.open} title=${t.attach.open} disabled=${Boolean(disabledReason) || attachments.length >= 20} onClick=${() => setAttaching(true)}><${Icon} name="clip" /></button>
        <span class="spacer"></span>
        ${running && html`<button type="button" class="primary round stop" aria-label=${t.composer.stop} disabled=${stopping} onClick=${onStop}><${Icon} name="stop" /></button>`}
        ${!running && html`<button type="submit" class="primary round" aria-label=${t.composer.send} disabled=${!draft.trim() || busy || Boolean(disabledReason)}><${Icon} name="send" /></button>`}
      </div>
    </div>
    ${attaching && html`<${AttachDialog} onClose=${() => setAttaching(false)} onAttach=${(file) => setAttachments([...attachments, file])} />`}
  </form>`;
}

function Quote({ quote }) {
  if (quote.refusal) return html`<p class="composer-note warning">${t.quote.refused(sentenceOf({ code: quote.refusal.code, problem: { title: quote.refusal.detail, ...quote.refusal } }))}</p>`;
  const { expected, at_most: most } = quote.cost ?? {};
  return html`<p class="composer-note">${t.quote.summary(count(quote.estimated_input_tokens), expected ? dollars(expected) : null, most ? dollars(most) : null)}
    ${quote.messages_dropped > 0 && ` ${t.chat.dropped(quote.messages_dropped)}`}</p>`;
}
