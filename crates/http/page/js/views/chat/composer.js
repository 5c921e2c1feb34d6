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
/** Beginning of the names under which drafts are stored. */
export const DRAFT = 'causerie.draft.';
const TYPES = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', pdf: 'application/pdf', txt: 'text/plain', md: 'text/markdown', csv: 'text/csv', json: 'application/json', mp3: 'audio/mpeg', wav: 'audio/wav' };

/** Draft of a session, kept for reloads of this tab. */
export function useDraft(name) {
  const [draft, set] = useState(() => sessionStorage.getItem(DRAFT + name) ?? '');
  return [draft, (text) => {
    set(text);
    try {
      if (text) sessionStorage.setItem(DRAFT + name, text);
      else sessionStorage.removeItem(DRAFT + name);
    } catch {
      // The draft is larger than the storage; it does not outlive the tab.
    }
  }];
}

/** Returns the text of a path segment, also if its percent signs encode nothing. */
function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function attachmentOf(form) {
  const address = new URL(form.get('address').trim());
  const name = form.get('name').trim() || decoded(address.pathname.split('/').pop()) || address.host;
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

/** True for drafts whose cost is worth knowing before they are sent. */
const isLong = (draft, attachments) => draft.trim() !== '' && (draft.length >= QUOTE_LENGTH || attachments.length > 0);

/** Quote of the draft. The last one stays in view until that of the changed draft arrives. */
function useQuote(path, wanted, draft, attachments) {
  const [quote, setQuote] = useState(null);
  useEffect(() => {
    if (!wanted) {
      setQuote(null);
      return undefined;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      const body = attachments.length ? { content: draft, attachments } : { content: draft };
      // A quote that fails is not shown; the send reports the error.
      api.post(`${path}/quote`, body, { signal: abort.signal }).then(setQuote, (error) => error.name !== 'AbortError' && setQuote(null));
    }, QUOTE_DELAY_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [path, wanted, draft, attachments]);
  return wanted ? quote : null;
}

/**
 * `onSend(content, attachments)` returns a promise of an error, or of null. Quotes need a session: without its `path`,
 * `onQuote(content, attachments)` creates one for the draft.
 */
export function Composer({ name, path, files: initialFiles, running, stopping, disabledReason, onSend, onStop, onQuote, tools }) {
  const [draft, setDraft] = useDraft(name);
  const [attachments, setAttachments] = useState(initialFiles ?? []);
  const [attaching, setAttaching] = useState(false);
  const [busy, setBusy] = useState(false);
  const input = useRef(null);
  const long = !running && !disabledReason && isLong(draft, attachments);
  const quote = useQuote(path, long && Boolean(path), draft, attachments);

  useLayoutEffect(() => {
    if (CSS.supports('field-sizing', 'content')) return;
    input.current.style.setProperty('height', 'auto');
    input.current.style.setProperty('height', `${input.current.scrollHeight + 2}px`);
  }, [draft]);

  const clear = () => {
    setDraft('');
    setAttachments([]);
  };
  const submit = async (event) => {
    event?.preventDefault();
    const content = draft;
    if (!content.trim() || running || busy || disabledReason) return;
    const files = attachments;
    setBusy(true);
    // The conversation keeps a message that is not taken yet; before the session exists, only the draft has it.
    if (path) clear();
    const error = await onSend(content, files);
    setBusy(false);
    if (error && path) {
      const later = input.current?.value;
      setDraft(later ? `${content}\n\n${later}` : content);
      setAttachments(files);
    } else if (!error && !path) clear();
    input.current?.focus();
  };
  const keys = (event) => {
    const coarse = matchMedia('(pointer: coarse)').matches;
    if (event.key !== 'Enter' || event.isComposing || event.shiftKey) return;
    if (coarse && !event.ctrlKey && !event.metaKey) return;
    submit(event);
  };
  const begin = async () => {
    setBusy(true);
    if (await onQuote(draft, attachments)) setBusy(false);
    else setDraft('');
  };
  return html`<form class="composer" onSubmit=${submit} aria-label=${t.composer.label}>
    ${disabledReason && html`<p class="composer-note">${disabledReason}</p>`}
    ${quote && html`<${Quote} quote=${quote} />`}
    ${long && !path && html`<p class="composer-note"><button type="button" class="link" disabled=${busy} onClick=${begin}>${t.quote.begin}</button> ${t.quote.beginHint}</p>`}
    <div class="composer-box">
      ${attachments.length > 0 && html`<ul class="chips" aria-label=${t.attach.list}>${attachments.map((file) => html`<li>
        <span>${file.filename}</span><button type="button" class="quiet small" aria-label=${t.attach.remove(file.filename)} onClick=${() => {
          setAttachments(attachments.filter((each) => each !== file));
          input.current.focus();
        }}>×</button></li>`)}</ul>`}
      <textarea ref=${input} rows="1" aria-label=${t.composer.message} aria-describedby=${quote ? 'quote' : null} placeholder=${t.composer.placeholder} value=${draft}
        disabled=${Boolean(disabledReason)} onInput=${(event) => setDraft(event.target.value)} onKeyDown=${keys}></textarea>
      <div class="composer-tools">
        ${tools}
        <button type="button" class="quiet icon-button" aria-label=${t.attach.open} title=${t.attach.open} disabled=${Boolean(disabledReason) || attachments.length >= 20} onClick=${() => setAttaching(true)}><${Icon} name="clip" /></button>
        <span class="spacer"></span>
        ${running && html`<button type="button" class="primary round stop" aria-label=${t.composer.stop} disabled=${stopping} onClick=${() => {
          onStop();
          input.current.focus();
        }}><${Icon} name="stop" /></button>`}
        ${!running && html`<button type="submit" class="primary round" aria-label=${t.composer.send} disabled=${!draft.trim() || busy || Boolean(disabledReason)}><${Icon} name="send" /></button>`}
      </div>
    </div>
  </form>
  ${attaching && html`<${AttachDialog} onClose=${() => setAttaching(false)} onAttach=${(file) => setAttachments([...attachments, file])} />`}`;
}

function Quote({ quote }) {
  if (quote.refusal) return html`<p class="composer-note warning" id="quote">${t.quote.refused(sentenceOf({ code: quote.refusal.code, problem: quote.refusal }))}</p>`;
  const { expected, at_most: most } = quote.cost ?? {};
  const parts = [
    most ? t.quote.most(dollars(most)) : t.quote.unknown,
    t.quote.tokens(count(quote.estimated_input_tokens), quote.estimated_cached_tokens > 0 ? count(quote.estimated_cached_tokens) : null),
    quote.budget_left !== null && t.quote.left(dollars(quote.budget_left)),
    quote.messages_dropped > 0 && t.quote.dropped(quote.messages_dropped),
  ].filter(Boolean);
  return html`<p class="composer-note quote" id="quote">${expected && html`<strong>${t.quote.expected(dollars(expected))}</strong>`}${parts.map((part) => html`<span>${part}</span>`)}</p>`;
}
