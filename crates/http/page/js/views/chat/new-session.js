// Start of a session: a tool is chosen, and the first message sent.

import { html, useEffect, useRef, useState } from '../../html.js';
import { api, listAll, segment } from '../../api.js';
import { navigate } from '../../router.js';
import { unsent } from '../../unsent.js';
import { t } from '../../texts/index.js';
import { can } from '../../abilities.js';
import { Problem } from '../../components/problem.js';
import { Composer, DRAFT } from './composer.js';
import { pendingSends } from './pending.js';

const LAST_TOOL = 'causerie.tool';
const DETAILS = new Map();
const CARDS = 12;

async function details(slug) {
  if (!DETAILS.has(slug)) DETAILS.set(slug, api.get(`/tools/${segment(slug)}`).catch(() => null));
  return DETAILS.get(slug);
}

function useTools(ability) {
  const [state, setState] = useState({ tools: null, definitions: {}, error: null });
  useEffect(() => {
    DETAILS.clear();
    const listed = can(ability, 'read', 'Tool') ? listAll('/tools') : Promise.resolve([]);
    listed.then(async (all) => {
      const tools = all.filter((tool) => tool.enabled && can(ability, 'use', 'Tool', tool));
      setState((old) => ({ ...old, tools }));
      const known = await Promise.all(tools.slice(0, CARDS).map((tool) => details(tool.slug)));
      const definitions = Object.fromEntries(known.filter(Boolean).map((tool) => [tool.slug, tool.definition]));
      setState((old) => ({ ...old, definitions: { ...old.definitions, ...definitions } }));
    }).catch((error) => setState((old) => ({ ...old, tools: [], error })));
  }, []);
  const need = async (slug) => {
    const tool = await details(slug);
    if (tool) setState((old) => ({ ...old, definitions: { ...old.definitions, [slug]: tool.definition } }));
  };
  return [state, need];
}

export function NewSession({ ability, sessions, me }) {
  const [{ tools, definitions, error }, need] = useTools(ability);
  const [choice, setChoice] = useState(() => localStorage.getItem(LAST_TOOL));
  const [refusal, setRefusal] = useState(null);
  const main = useRef(null);
  useEffect(() => {
    document.title = `${t.sessions.create} · ${t.app.name}`;
    // A touch screen would show its keyboard over the tools.
    if (matchMedia('(pointer: fine)').matches) main.current.querySelector('textarea:enabled')?.focus({ preventScroll: true });
  }, []);
  const tool = tools?.find((each) => each.slug === choice) ?? tools?.find((each) => each.slug === 'general-assistant') ?? tools?.[0];
  useEffect(() => {
    if (tool && !definitions[tool.slug]) need(tool.slug);
  }, [tool?.slug]);
  const choose = (slug) => {
    setChoice(slug);
    localStorage.setItem(LAST_TOOL, slug);
  };
  /** Creates the session and opens it. Its view sends the message, or shows it as a draft with its quote. */
  const begin = async (content, attachments, { send }) => {
    setRefusal(null);
    try {
      const session = await api.post('/sessions', { tool: tool.slug });
      sessions.take(session);
      if (send) unsent.keep(session.id, content, attachments);
      else sessionStorage.setItem(`${DRAFT}${session.id}`, content);
      pendingSends.set(session.id, { content, attachments, send });
      navigate(`/sessions/${session.id}`);
      return null;
    } catch (failure) {
      setRefusal(failure);
      return failure;
    }
  };
  const greeting = tool && definitions[tool.slug]?.greeting;
  return html`<main class="new-view" ref=${main} id="content" tabindex="-1" aria-label=${t.sessions.create} aria-busy=${tools ? null : 'true'}>
    <div class="new-scroll"><div class="column">
      <h1>${t.newSession.title(me.user.name)}</h1>
      ${tools?.length !== 0 && html`<p class="lead">${t.newSession.lead}</p>`}
      <${Problem} error=${error ?? refusal} />
      <ul class="cards" aria-label=${t.newSession.tools}>
        ${(tools ?? []).slice(0, CARDS).map((each) => html`<li key=${each.slug}><button type="button" class="card" aria-pressed=${String(each === tool)} onClick=${() => choose(each.slug)}>
          <span class="card-title">${each.title}</span><span class="card-text">${definitions[each.slug]?.description ?? ''}</span></button></li>`)}
      </ul>
      ${greeting && html`<blockquote class="greeting"><p>${greeting}</p></blockquote>`}
    </div></div>
    <div class="column composer-column">
      <${Composer} name="new" onSend=${(content, files) => begin(content, files, { send: true })} onQuote=${(content, files) => begin(content, files, { send: false })} disabledReason=${tools?.length === 0 && !error ? t.newSession.noTools : null} tools=${tool && html`<span class="tool-choice"><select aria-label=${t.newSession.tool} value=${tool.slug} onChange=${(event) => choose(event.target.value)}>
          ${tools.map((each) => html`<option value=${each.slug} selected=${each === tool}>${each.title}</option>`)}
        </select></span>`} />
    </div>
  </main>`;
}
