// Start of a session: a tool is chosen, and the first message sent.

import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from '../../html.js';
import { api, listAll, segment } from '../../api.js';
import { drafts } from '../../drafts.js';
import { navigate } from '../../router.js';
import { store } from '../../storage.js';
import { unsent } from '../../unsent.js';
import { t } from '../../texts/index.js';
import { can } from '../../abilities.js';
import { Failure, Problem } from '../../components/problem.js';
import { Composer } from './composer.js';
import { pendingSends } from './pending.js';

const LAST_TOOL = 'causerie.tool';
const DETAILS = new Map();
const CARDS = 12;

/** Reads a tool once, or again if it could not be read. Returns null then. */
function details(slug) {
  const read = () => api.get(`/tools/${segment(slug)}`).catch(() => {
    DETAILS.delete(slug);
    return null;
  });
  if (!DETAILS.has(slug)) DETAILS.set(slug, read());
  return DETAILS.get(slug);
}

/** Returns the tools that may be used, with the definitions of those that are shown, and functions that read one or all again. */
function useTools(ability) {
  const [state, setState] = useState({ tools: null, definitions: new Map(), error: null });
  const need = async (slugs) => {
    const known = (await Promise.all(slugs.map(details))).filter(Boolean).map((tool) => [tool.slug, tool.definition]);
    setState((old) => ({ ...old, definitions: new Map([...old.definitions, ...known]) }));
  };
  const load = useCallback(async () => {
    DETAILS.clear();
    setState((old) => ({ ...old, error: null }));
    try {
      const all = can(ability, 'read', 'Tool') ? await listAll('/tools') : [];
      const tools = all.filter((tool) => tool.enabled && can(ability, 'use', 'Tool', tool));
      setState((old) => ({ ...old, tools }));
      await need(tools.slice(0, CARDS).map((tool) => tool.slug));
    } catch (error) {
      setState((old) => ({ ...old, error }));
    }
  }, []);
  useEffect(() => {
    load();
  }, []);
  return { ...state, need, load };
}

export function NewSession({ ability, sessions, me }) {
  const { tools, definitions, error, need, load } = useTools(ability);
  const [choice, setChoice] = useState(() => localStorage.getItem(LAST_TOOL));
  const [back] = useState(() => pendingSends.get('new') ?? {});
  const [refusal, setRefusal] = useState(back.refusal ?? null);
  const main = useRef(null);
  useLayoutEffect(() => {
    pendingSends.delete('new');
    document.title = `${t.sessions.create} · ${t.app.name}`;
    // A touch screen would show its keyboard over the tools.
    if (matchMedia('(pointer: fine)').matches) main.current.querySelector('textarea:enabled')?.focus({ preventScroll: true });
  }, []);
  const tool = tools?.find((each) => each.slug === choice) ?? tools?.find((each) => each.slug === 'general-assistant') ?? tools?.[0];
  useEffect(() => {
    if (tool && !definitions.has(tool.slug)) need([tool.slug]);
  }, [tool?.slug]);
  const choose = (slug) => {
    setChoice(slug);
    store(localStorage, LAST_TOOL, slug);
  };
  /** Creates the session and opens it. Its view sends the message, or shows it as a draft with its quote. */
  const begin = async (content, attachments, { send }) => {
    setRefusal(null);
    try {
      const session = await api.post('/sessions', { tool: tool.slug });
      sessions.take(session);
      if (send) unsent.keep(session.id, content, attachments);
      else drafts.keep(session.id, content);
      pendingSends.set(session.id, { content, attachments, send });
      navigate(`/sessions/${session.id}`);
      return null;
    } catch (failure) {
      setRefusal(failure);
      return failure;
    }
  };
  const greeting = tool && definitions.get(tool.slug)?.greeting;
  return html`<main class="new-view" ref=${main} id="content" tabindex="-1" aria-label=${t.sessions.create} aria-busy=${tools || error ? null : 'true'}>
    <div class="new-scroll"><div class="column">
      <h1>${t.newSession.title(me.user.name)}</h1>
      ${tools?.length !== 0 && html`<p class="lead">${t.newSession.lead}</p>`}
      <${Failure} error=${error} onRetry=${load} />
      <${Problem} error=${refusal} />
      <ul class="cards" aria-label=${t.newSession.tools}>
        ${(tools ?? []).slice(0, CARDS).map((each) => html`<li key=${each.slug}><button type="button" class="card" aria-pressed=${String(each === tool)} onClick=${() => choose(each.slug)}>
          <span class="card-title">${each.title}</span><span class="card-text">${definitions.get(each.slug)?.description ?? ''}</span></button></li>`)}
      </ul>
      ${greeting && html`<blockquote class="greeting"><p>${greeting}</p></blockquote>`}
    </div></div>
    <div class="column composer-column">
      <${Composer} name="new" text=${back.content} files=${back.attachments} unready=${!tool} onSend=${(content, files) => begin(content, files, { send: true })} onQuote=${(content, files) => begin(content, files, { send: false })} disabledReason=${tools?.length === 0 ? t.newSession.noTools : null} tools=${tool && html`<span class="tool-choice"><select aria-label=${t.newSession.tool} value=${tool.slug} onChange=${(event) => choose(event.target.value)}>
          ${tools.map((each) => html`<option value=${each.slug} selected=${each === tool}>${each.title}</option>`)}
        </select></span>`} />
    </div>
  </main>`;
}
