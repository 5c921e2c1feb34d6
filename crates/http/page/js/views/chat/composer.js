// Message box: text, attachments by address, Send and Stop, and a quote for long drafts.

import { html, useEffect, useLayoutEffect, useRef, useState } from '../../html.js';
import { api } from '../../api.js';
import { drafts } from '../../drafts.js';
import { count } from '../../format.js';
import { dollars } from '../../money.js';
import { t } from '../../texts/index.js';
import { Field } from '../../components/field.js';
import { useAction } from '../../components/action.js';
import { FormDialog } from '../../components/dialog.js';
import { Icon } from '../../components/icon.js';
import { sentenceOf } from '../../components/problem.js';

const QUOTE_LENGTH = 1500;
const QUOTE_DELAY_MS = 700;
const TYPES = { __proto__: null, png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', pdf: 'application/pdf', txt: 'text/plain', md: 'text/markdown', csv: 'text/csv', json: 'application/json', mp3: 'audio/mpeg', wav: 'audio/wav' };

/** Draft of a session, kept for reloads of this tab if the storage has room for it. It begins with `text`, or else with the kept one. */
function useDraft(name, text) {
  const [draft, set] = useState(() => text ?? drafts.get(name));
  return [draft, (changed) => {
    set(changed);
    drafts.keep(name, changed);
  }];
}

/** Media type of the extension of a file name, or undefined. */
const typeOf = (name) => TYPES[name.split('.').pop().toLowerCase()];

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
    mime_type: form.get('type').trim() || typeOf(address.pathname) || 'application/octet-stream',
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
    <${Field} label=${t.attach.type} name="type" placeholder=${typeOf(name) ?? t.attach.typeHint} />
  <//>`;
}

/** True for the second click of a double click: Send and Stop have the same place, and the first click may have exchanged them. */
const isSecondClick = (event) => event.detail > 1;

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
 * `onQuote(content, attachments)` creates one for the draft. While it is `unready`, one can write but not send. A
 * quote does not repeat the code of a refusal that is shown already, `refused`.
 */
export function Composer({ name, path, text, files: initialFiles, running, stopping, unready, refused, disabledReason, onSend, onStop, onQuote, tools }) {
  const [draft, setDraft] = useDraft(name, text);
  const [attachments, setAttachments] = useState(initialFiles ?? []);
  const [attaching, setAttaching] = useState(false);
  const { busy, run } = useAction();
  const input = useRef(null);
  const long = !running && !disabledReason && isLong(draft, attachments);
  const latest = useQuote(path, long && Boolean(path), draft, attachments);
  const quote = latest?.refusal && latest.refusal.code === refused ? null : latest;

  useLayoutEffect(() => {
    if (CSS.supports('field-sizing', 'content')) return;
    input.current.style.setProperty('height', 'auto');
    input.current.style.setProperty('height', `${input.current.scrollHeight + 2}px`);
  }, [draft]);

  const clear = () => {
    setDraft('');
    setAttachments([]);
  };
  const send = async () => {
    const content = draft;
    const files = attachments;
    // The conversation keeps a message that is not taken yet; before the session exists, only the draft has it.
    if (path) clear();
    const error = await onSend(content, files);
    if (error && path) {
      const later = input.current?.value;
      setDraft(later ? `${content}\n\n${later}` : content);
      setAttachments(files);
    } else if (!error && !path) clear();
    input.current?.focus();
  };
  const submit = (event) => {
    event.preventDefault();
    if (draft.trim() && !running && !unready && !disabledReason) run(send);
  };
  const keys = (event) => {
    const coarse = matchMedia('(pointer: coarse)').matches;
    if (event.key !== 'Enter' || event.isComposing || event.shiftKey) return;
    if (coarse && !event.ctrlKey && !event.metaKey) return;
    // A key that is held down repeats, also after it pressed Stop.
    if (event.repeat) event.preventDefault();
    else submit(event);
  };
  const begin = () => run(async () => {
    if (!await onQuote(draft, attachments)) setDraft('');
  });
  return html`<form class="composer" onSubmit=${submit} aria-label=${t.composer.label}>
    ${disabledReason && html`<p class="composer-note">${disabledReason}</p>`}
    ${quote && html`<${Quote} quote=${quote} />`}
    ${long && !path && html`<p class="composer-note"><button type="button" class="link" disabled=${busy || unready} onClick=${begin}>${t.quote.begin}</button> ${t.quote.beginHint}</p>`}
    <div class="composer-box">
      ${attachments.length > 0 && html`<ul class="chips" aria-label=${t.attach.list}>${attachments.map((file) => html`<li>
        <bdi>${file.filename}</bdi><button type="button" class="quiet small" aria-label=${t.attach.remove(file.filename)} onClick=${() => {
          setAttachments(attachments.filter((each) => each !== file));
          input.current.focus();
        }}>×</button></li>`)}</ul>`}
      <textarea ref=${input} rows="1" aria-label=${t.composer.message} aria-describedby=${quote ? 'quote' : null} placeholder=${t.composer.placeholder} value=${draft}
        disabled=${Boolean(disabledReason)} onInput=${(event) => setDraft(event.target.value)} onKeyDown=${keys}></textarea>
      <div class="composer-tools">
        ${tools}
        <button type="button" class="quiet icon-button" aria-label=${t.attach.open} title=${t.attach.open} disabled=${Boolean(disabledReason) || attachments.length >= 20} onClick=${() => setAttaching(true)}><${Icon} name="clip" /></button>
        <span class="spacer"></span>
        ${running && html`<button type="button" class="primary round stop" aria-label=${t.composer.stop} disabled=${stopping} onClick=${(event) => {
          if (isSecondClick(event)) return;
          onStop();
          input.current.focus();
        }}><${Icon} name="stop" /></button>`}
        ${!running && html`<button type="submit" class="primary round" aria-label=${t.composer.send} disabled=${!draft.trim() || busy || unready || Boolean(disabledReason)} onClick=${(event) => isSecondClick(event) && event.preventDefault()}><${Icon} name="send" /></button>`}
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
