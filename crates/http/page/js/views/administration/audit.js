// Audit: administrative events, and sessions without their titles and texts.

import { html } from '../../html.js';
import { can } from '../../abilities.js';
import { count, instant, shortId } from '../../format.js';
import { dollars } from '../../money.js';
import { t } from '../../texts/index.js';
import { ListTable, useList } from '../../components/table.js';

function Events({ names }) {
  const list = useList('/audit/events', {});
  const columns = [
    { label: t.audit.time, time: true, cell: (event) => instant(event.created_at) },
    { label: t.audit.actor, cell: (event) => (event.actor_id ? names.user(event.actor_id) : t.audit.server) },
    { label: t.audit.action, cell: (event) => html`<code>${event.action}</code>` },
    { label: t.audit.subject, cell: (event) => `${event.subject_type} ${names.known[event.subject_id] ?? shortId(event.subject_id)}` },
    { label: t.audit.detail, actions: true, cell: (event) => html`<details class="facts"><summary>${t.facts.open}</summary><pre class="definition" tabindex="0">${JSON.stringify(event.detail, null, 2)}</pre></details>` },
  ];
  return html`<section aria-labelledby="events"><h2 id="events">${t.audit.events}</h2><${ListTable} list=${list} caption=${t.audit.events} columns=${columns} /></section>`;
}

function Sessions({ names }) {
  const list = useList('/audit/sessions', {});
  const columns = [
    { label: t.audit.time, time: true, cell: (session) => instant(session.started_at) },
    { label: t.keys.user, cell: (session) => names.user(session.user_id) },
    { label: t.usage.by.tool, cell: (session) => session.tool },
    { label: t.keys.state, cell: (session) => t.sessions.states[session.state] },
    { label: t.usage.requests, numeric: true, cell: (session) => count(session.requests) },
    { label: t.usage.tokens, numeric: true, cell: (session) => count(session.total_tokens) },
    { label: t.usage.cost, numeric: true, cell: (session) => dollars(session.cost) },
  ];
  return html`<section aria-labelledby="audit-sessions"><h2 id="audit-sessions">${t.audit.sessions}</h2><p class="fine">${t.audit.sessionsNote}</p><${ListTable} list=${list} caption=${t.audit.sessions} columns=${columns} /></section>`;
}

export const Audit = ({ ability, names }) => html`${can(ability, 'manage', 'all') && html`<${Events} names=${names} />`}<${Sessions} names=${names} />`;
