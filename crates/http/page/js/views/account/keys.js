// API keys: a list, a new key that is shown once, and the end of a key.

import { html, useMemo, useState } from '../../html.js';
import { api, segment } from '../../api.js';
import { can } from '../../abilities.js';
import { ago, instant } from '../../format.js';
import { t } from '../../texts/index.js';
import { Confirm, Dialog, FormDialog } from '../../components/dialog.js';
import { Field, Select } from '../../components/field.js';
import { ListTable, useList } from '../../components/table.js';
import { CopyButton } from '../../markdown/view.js';

const DAY_MS = 86_400_000;

function CreateKey({ me, ability, names, own, onClose, onCreated }) {
  const groups = me.groups.map((group) => ({ value: group.group_id, label: names.group(group.group_id) }));
  const submit = async (form) => {
    const days = Number(form.get('expiry'));
    const body = {
      name: form.get('name').trim(),
      scopes: form.get('scopes').split(/[\s,]+/).filter(Boolean),
      group_id: form.get('group') || null,
      expires_at: days ? new Date(Date.now() + days * DAY_MS).toISOString() : null,
    };
    if (form.get('user')) body.user_id = form.get('user').trim();
    onCreated(await api.post('/api-keys', body));
  };
  return html`<${FormDialog} title=${t.keys.create} action=${t.keys.create} onClose=${onClose} onSubmit=${submit}>
    <${Field} label=${t.keys.name} name="name" required maxlength="200" />
    <${Select} label=${t.keys.expiry} name="expiry" value="90" options=${[30, 90, 365, 0].map((days) => ({ value: String(days), label: t.keys.expiries[days] }))} />
    ${groups.length > 0 && html`<${Select} label=${t.keys.group} name="group" value="" options=${[{ value: '', label: t.names.noGroup }, ...groups]} />`}
    <${Field} label=${t.keys.scopes} name="scopes" placeholder=${t.keys.scopesExample} hint=${t.keys.scopesHint} />
    ${!own && can(ability, 'manage', 'all') && html`<${Field} label=${t.keys.user} name="user" hint=${t.keys.userHint} />`}
  <//>`;
}

function Created({ created, onClose }) {
  return html`<${Dialog} title=${t.keys.created} onClose=${onClose}>
    <p>${t.keys.createdText}</p>
    <p class="secret" tabindex="0">${created.key}</p>
    <div class="actions"><${CopyButton} text=${created.key} className="" /><button type="button" class="primary" onClick=${onClose}>${t.actions.done}</button></div>
  <//>`;
}

const stateOf = (key) => (key.revoked_at ? 'revoked' : key.expires_at && Date.parse(key.expires_at) < Date.now() ? 'expired' : 'valid');

export function Keys({ me, ability, names, own, extra }) {
  const list = useList('/api-keys', {});
  const [dialog, setDialog] = useState(null);
  const rows = useMemo(() => (own ? list.rows.filter((key) => key.user_id === me.user.id) : list.rows), [list.rows, own]);
  const columns = [
    { label: t.keys.name, cell: (key) => html`${key.name} <code class="fine">csr_${key.public_id}…</code>`, sort: (key) => key.name },
    !own && { label: t.keys.user, cell: (key) => names.user(key.user_id), sort: (key) => names.user(key.user_id) },
    { label: t.keys.state, cell: (key) => html`${t.keys.states[stateOf(key)]}${key.expires_at && stateOf(key) === 'valid' ? html`<span class="fine"> ${t.keys.until(instant(key.expires_at))}</span>` : null}`, sort: stateOf },
    { label: t.keys.scopes, cell: (key) => (key.scopes.length ? key.scopes.join(', ') : t.keys.allScopes) },
    { label: t.keys.used, time: true, cell: (key) => (key.last_used_at ? ago(key.last_used_at) : t.keys.never), sort: (key) => key.last_used_at },
    { label: t.lists.actions, actions: true, cell: (key) => html`<span class="actions">${extra?.(key)}${!key.revoked_at && can(ability, 'delete', 'ApiKey', key) && html`<button type="button" class="quiet danger small" aria-label=${t.keys.revokeNamed(key.name)} onClick=${() => setDialog({ revoke: key })}>${t.keys.revoke}</button>`}</span>` },
  ].filter(Boolean);
  const close = () => setDialog(null);
  return html`<section aria-labelledby="keys"><div class="section-head"><h2 id="keys">${own ? t.keys.own : t.keys.all}</h2>
      ${can(ability, 'create', 'ApiKey') && html`<button type="button" onClick=${() => setDialog({ create: true })}>${t.keys.create}</button>`}</div>
    <${ListTable} list=${{ ...list, rows }} caption=${own ? t.keys.own : t.keys.all} columns=${columns} empty=${t.keys.none} />
    ${dialog?.create && html`<${CreateKey} me=${me} ability=${ability} names=${names} own=${own} onClose=${close} onCreated=${(created) => {
      setDialog({ created });
      list.reload();
    }} />`}
    ${dialog?.created && html`<${Created} created=${dialog.created} onClose=${close} />`}
    ${dialog?.revoke && html`<${Confirm} title=${t.keys.revoke} text=${t.keys.revokeText(dialog.revoke.name)} action=${t.keys.revoke} onClose=${close} onConfirm=${async () => {
      await api.delete(`/api-keys/${segment(dialog.revoke.id)}`);
      list.reload();
    }} />`}
  </section>`;
}
