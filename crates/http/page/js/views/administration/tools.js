// Tools: versions, posting a definition with its mistakes at line and column, disabling.

import { html, useLayoutEffect, useRef, useState } from '../../html.js';
import { api, segment, send } from '../../api.js';
import { can } from '../../abilities.js';
import { instant } from '../../format.js';
import { t } from '../../texts/index.js';
import { announce } from '../../announce.js';
import { useAction } from '../../components/action.js';
import { Confirm, Dialog } from '../../components/dialog.js';
import { Field } from '../../components/field.js';
import { useKeptFocus } from '../../components/focus.js';
import { Loading } from '../../components/loading.js';
import { Failure, Problem } from '../../components/problem.js';
import { ListTable, useList } from '../../components/table.js';

const EXAMPLE = `name: my-tool
version: 1.0.0
type: chat
title: My tool
description: What it is for, in one sentence.
behavior: |
  You are a helpful assistant.
`;

/** Offset of a line and column (both from 1) in a text. */
const offsetOf = (text, line, column) => text.split('\n').slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + Math.max(0, (column ?? 1) - 1);

function Post({ onPosted }) {
  const [definition, setDefinition] = useState(EXAMPLE);
  const { error, run } = useAction();
  const form = useRef(null);
  const show = (place) => {
    const input = form.current.querySelector('textarea');
    const start = offsetOf(definition, place.line, place.column);
    const end = definition.indexOf('\n', start);
    input.focus();
    input.setSelectionRange(start, end < 0 ? definition.length : end);
  };
  const post = async () => {
    const response = await send('POST', '/tools', { text: definition, type: 'application/yaml' });
    const tool = await response.json();
    announce(t.tools.posted(tool.slug, tool.version));
    onPosted();
  };
  const submit = (event) => {
    event.preventDefault();
    run(post);
  };
  useLayoutEffect(() => {
    const places = (error?.problem?.errors ?? [error?.problem]).filter((each) => each?.line);
    // A missing key is reported at the start; a place further down says more.
    if (places.length > 0) show(places.findLast((each) => each.line > 1) ?? places[0]);
  }, [error]);
  return html`<form ref=${form} class="form inset" onSubmit=${submit} aria-label=${t.tools.post}>
    <${Field} label=${t.tools.definition} multiline rows="16" class="code-input" spellcheck=${false} value=${definition} onInput=${(event) => setDefinition(event.target.value)} hint=${t.tools.hint} />
    <${Problem} error=${error} onPlace=${show} />
    <div class="actions"><button type="submit" class="primary">${t.tools.post}</button></div></form>`;
}

function Versions({ slug, names, onClose }) {
  const list = useList(`/tools/${segment(slug)}/versions`, {});
  return html`<${Dialog} title=${t.tools.versionsOf(slug)} onClose=${onClose} className="wide">
    <${Failure} error=${list.error} onRetry=${list.retry} />
    ${list.loading && html`<${Loading} />`}
    ${list.rows.map((version) => html`<details key=${version.id} class="facts wide"><summary><strong>${version.version}</strong> ${version.title} <span class="fine">${instant(version.created_at)}${version.created_by ? ` · ${names.user(version.created_by)}` : ''}</span></summary>
      <pre class="definition" tabindex="0">${JSON.stringify(version.definition, null, 2)}</pre></details>`)}
    <div class="actions"><button type="button" class="primary" onClick=${onClose}>${t.actions.close}</button></div><//>`;
}

export function Tools({ ability, names }) {
  const list = useList('/tools', {});
  const [dialog, setDialog] = useState(null);
  const [posting, setPosting] = useState(false);
  const focus = useKeptFocus();
  const close = () => setDialog(null);
  const columns = [
    { label: t.tools.title, cell: (tool) => html`${tool.title}<br /><code class="fine">${tool.slug}</code>`, sort: (tool) => tool.title },
    { label: t.tools.version, cell: (tool) => tool.version },
    { label: t.tools.owner, cell: (tool) => (tool.owner_id ? names.user(tool.owner_id) : t.tools.file) },
    { label: t.keys.group, cell: (tool) => (tool.group_id ? names.group(tool.group_id) : '–') },
    { label: t.keys.state, cell: (tool) => (tool.enabled ? t.tools.enabled : t.tools.disabled) },
    { label: t.lists.actions, actions: true, cell: (tool) => html`<span class="actions"><button type="button" class="quiet small" aria-label=${t.tools.versionsOf(tool.slug)} onClick=${() => setDialog({ versions: tool.slug })}>${t.tools.versions}</button>
      ${tool.enabled && can(ability, 'delete', 'Tool', tool) && html`<button type="button" class="quiet danger small" aria-label=${t.tools.disableNamed(tool.slug)} onClick=${() => setDialog({ disable: tool.slug })}>${t.tools.disable}</button>`}</span>` },
  ];
  return html`<section aria-labelledby="tools" tabindex="-1" ...${focus}><div class="section-head"><h2 id="tools">${t.administration.tools}</h2>
      ${can(ability, 'create', 'Tool') && html`<button type="button" aria-expanded=${String(posting)} onClick=${() => setPosting(!posting)}>${t.tools.new}</button>`}</div>
    ${posting && html`<${Post} onPosted=${() => {
      setPosting(false);
      list.reload();
    }} />`}
    <${ListTable} list=${list} caption=${t.administration.tools} columns=${columns} />
    ${dialog?.versions && html`<${Versions} slug=${dialog.versions} names=${names} onClose=${close} />`}
    ${dialog?.disable && html`<${Confirm} title=${t.tools.disable} text=${t.tools.disableText(dialog.disable)} action=${t.tools.disable} onClose=${close} onConfirm=${async () => {
      await api.delete(`/tools/${segment(dialog.disable)}`);
      list.reload();
    }} />`}
  </section>`;
}
