// Head of a conversation: title, tool, state, cost, and what can be done with the session.

import { html, useEffect, useState } from '../../html.js';
import { api, segment } from '../../api.js';
import { can } from '../../abilities.js';
import { count } from '../../format.js';
import { dollars, units } from '../../money.js';
import { navigate } from '../../router.js';
import { t } from '../../texts/index.js';
import { Confirm, Dialog, FormDialog } from '../../components/dialog.js';
import { Field } from '../../components/field.js';
import { Icon } from '../../components/icon.js';
import { Loading } from '../../components/loading.js';
import { Menu } from '../../components/menu.js';
import { Problem } from '../../components/problem.js';
import { CostDialog } from './cost.js';

function Lineage({ session, onClose }) {
  const [state, setState] = useState(null);
  useEffect(() => {
    const path = `/sessions/${segment(session.id)}`;
    Promise.all([api.get(`${path}/lineage`, { limit: 100 }), api.get(`${path}/forks`, { limit: 100 })])
      .then(([lineage, forks]) => setState({ lineage: lineage.data.toReversed(), forks: forks.data }), (error) => setState({ error }));
  }, []);
  const row = (each, current) => html`<li>${current
    ? html`<strong aria-current="true">${each.title || t.sessions.untitled}</strong>`
    : html`<a href=${`#/sessions/${each.id}`} onClick=${onClose}>${each.title || t.sessions.untitled}</a>`}
    ${each.fork_from_seq !== null && html`<span class="fine"> ${t.fork.from(each.fork_from_seq)}</span>`}</li>`;
  return html`<${Dialog} title=${t.fork.lineage} onClose=${onClose}>
    ${!state && html`<${Loading} />`}
    ${state?.error && html`<${Problem} error=${state.error} />`}
    ${state?.lineage && html`<ol class="lineage">${state.lineage.map((each) => row(each, false))}${row(session, true)}
      ${state.forks.length > 0 ? html`<li><span class="fine">${t.fork.forks(state.forks.length)}</span><ul>${state.forks.map((each) => row(each, false))}</ul></li>` : html`<li class="fine">${t.fork.none}</li>`}</ol>`}
    <div class="actions"><button type="button" class="primary" onClick=${onClose}>${t.actions.close}</button></div>
  <//>`;
}

/** Cost, messages and tokens of a session, and what caches saved if the server says so. */
function Totals({ totals }) {
  const saved = units(totals.cache_saved ?? '0') !== 0n && t.cost.saved(dollars(totals.cache_saved));
  return html`<strong>${dollars(totals.cost)}</strong><span class="fine">${[t.chat.totals(count(totals.messages), count(totals.input_tokens + totals.output_tokens)), saved].filter(Boolean).join(' · ')}</span>`;
}

export function ChatHeader({ conversation, session, ability, sessions }) {
  const [dialog, setDialog] = useState(null);
  const close = () => setDialog(null);
  const update = can(ability, 'update', 'Session', { ...session, created_at: session.started_at });
  const remove = can(ability, 'delete', 'Session', { ...session, created_at: session.started_at });
  const name = session.title || t.sessions.untitled;
  const { totals } = session;
  // Nothing can be done with a session that was deleted elsewhere.
  const items = conversation.isGone ? [] : [
    update && { label: t.sessions.rename, action: () => setDialog('rename') },
    { label: t.fork.show, action: () => setDialog('lineage') },
    update && session.state === 'active' && { label: t.sessions.pause, action: () => conversation.changeState('/pause') },
    update && session.state === 'paused' && { label: t.sessions.resume, action: () => conversation.changeState('/resume') },
    update && session.state !== 'completed' && { label: t.sessions.complete, action: () => setDialog('complete') },
    remove && { label: t.sessions.delete, danger: true, action: () => setDialog('delete') },
  ];
  return html`<header class="chat-head">
    <div class="chat-title"><h1 tabindex="-1">${name}</h1>
      <p class="fine">${session.tool} ${session.tool_version}${session.parent_session_id ? html` · <button type="button" class="link" onClick=${() => setDialog('lineage')}>${t.fork.isFork(session.fork_from_seq)}</button>` : null}
        ${session.state !== 'active' && html` <span class="state">· ${t.sessions.states[session.state]}</span>`}</p></div>
    ${totals && (can(ability, 'read', 'Usage')
      ? html`<button type="button" class="quiet totals" onClick=${() => setDialog('cost')}><span class="visually-hidden">${t.cost.title}: </span><${Totals} totals=${totals} /></button>`
      : html`<p class="totals"><${Totals} totals=${totals} /></p>`)}
    <${Menu} label=${t.sessions.actions} items=${items}><${Icon} name="more" /><//>
    ${dialog === 'rename' && html`<${FormDialog} title=${t.sessions.rename} action=${t.actions.save} onClose=${close} onSubmit=${async (form) => {
      await conversation.change('', { title: form.get('title').trim() || null });
      close();
    }}><${Field} label=${t.sessions.name} name="title" defaultValue=${session.title ?? ''} maxlength="200" /><//>`}
    ${dialog === 'cost' && html`<${CostDialog} session=${session} onClose=${close} />`}
    ${dialog === 'lineage' && html`<${Lineage} session=${session} onClose=${close} />`}
    ${dialog === 'complete' && html`<${Confirm} title=${t.sessions.complete} text=${t.sessions.completeText} action=${t.sessions.complete} onClose=${close} onConfirm=${() => conversation.change('/complete')} />`}
    ${dialog === 'delete' && html`<${Confirm} title=${t.sessions.delete} text=${t.sessions.deleteText(name)} action=${t.sessions.delete} onClose=${close} onConfirm=${async () => {
      await api.delete(`/sessions/${segment(session.id)}`);
      sessions.remove(session.id);
      conversation.tellOthers();
      navigate('/');
    }} />`}
  </header>`;
}
