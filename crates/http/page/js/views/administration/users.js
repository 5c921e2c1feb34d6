// Users: list, creation, role and status, stored rules, budget.

import { html, useState } from '../../html.js';
import { api, segment } from '../../api.js';
import { can } from '../../abilities.js';
import { date, instant } from '../../format.js';
import { t } from '../../texts/index.js';
import { Confirm, FormDialog } from '../../components/dialog.js';
import { Field, Select } from '../../components/field.js';
import { Icon } from '../../components/icon.js';
import { Menu } from '../../components/menu.js';
import { ListTable, useList } from '../../components/table.js';
import { BudgetButton } from './budget.js';
import { AbilitiesDialog } from './abilities.js';
import { RulesDialog } from './rules.js';

const choices = (texts) => Object.entries(texts).map(([value, label]) => ({ value, label }));

function UserForm({ user, onClose, onSaved }) {
  return html`<${FormDialog} title=${user ? t.users.edit(user.name) : t.users.create} action=${t.actions.save} onClose=${onClose} onSubmit=${async (form) => {
    const body = { name: form.get('name').trim(), email: form.get('email').trim(), role: form.get('role') };
    if (user) await api.patch(`/users/${segment(user.id)}`, { ...body, status: form.get('status') });
    else await api.post('/users', body);
    onSaved();
    onClose();
  }}>
    <${Field} label=${t.users.name} name="name" required maxlength="200" defaultValue=${user?.name ?? ''} />
    <${Field} label=${t.users.email} name="email" type="email" required defaultValue=${user?.email ?? ''} />
    <${Select} label=${t.users.role} name="role" value=${user?.role ?? 'user'} options=${choices({ user: t.roles.user, admin: t.roles.admin })} />
    ${user && html`<${Select} label=${t.users.status} name="status" value=${user.status} options=${choices(t.users.states)} />`}
  <//>`;
}

export function Users({ ability, names }) {
  const list = useList('/users', {});
  const [dialog, setDialog] = useState(null);
  const close = () => setDialog(null);
  const manage = can(ability, 'manage', 'User');
  const columns = [
    { label: t.users.name, cell: (user) => user.name ?? '–', sort: (user) => user.name },
    { label: t.users.email, cell: (user) => user.email ?? '–', sort: (user) => user.email },
    { label: t.users.role, cell: (user) => t.roles[user.role] ?? '–', sort: (user) => user.role },
    { label: t.users.status, cell: (user) => t.users.states[user.status] ?? '–', sort: (user) => user.status },
    { label: t.users.groups, cell: (user) => (user.group_ids ?? []).map(names.group).join(', ') || '–' },
    { label: t.users.since, time: true, cell: (user) => html`<time datetime=${user.created_at} title=${instant(user.created_at)}>${date(user.created_at)}</time>`, sort: (user) => user.created_at },
    { label: t.lists.actions, actions: true, cell: (user) => html`<span class="actions">
      ${manage && html`<${BudgetButton} subject="user" id=${user.id} name=${user.name} />`}
      <${Menu} label=${t.users.actions(user.name)} items=${[
        can(ability, 'update', 'User', user) && { label: t.actions.edit, action: () => setDialog({ edit: user }) },
        manage && { label: t.rules.title, action: () => setDialog({ rules: user }) },
        manage && { label: t.rules.effective, action: () => setDialog({ abilities: user }) },
        can(ability, 'delete', 'User', user) && { label: t.actions.delete, danger: true, action: () => setDialog({ remove: user }) },
      ]}><${Icon} name="more" /><//></span>` },
  ];
  return html`<section aria-labelledby="users"><div class="section-head"><h2 id="users">${t.administration.users}</h2>
      ${can(ability, 'create', 'User') && html`<button type="button" onClick=${() => setDialog({ create: true })}>${t.users.create}</button>`}</div>
    <${ListTable} list=${list} caption=${t.administration.users} columns=${columns} />
    ${dialog?.create && html`<${UserForm} onClose=${close} onSaved=${list.reload} />`}
    ${dialog?.edit && html`<${UserForm} user=${dialog.edit} onClose=${close} onSaved=${list.reload} />`}
    ${dialog?.rules && html`<${RulesDialog} path=${`/users/${segment(dialog.rules.id)}`} name=${dialog.rules.name} onClose=${close} />`}
    ${dialog?.abilities && html`<${AbilitiesDialog} user=${dialog.abilities} onClose=${close} />`}
    ${dialog?.remove && html`<${Confirm} title=${t.users.remove} text=${t.users.removeText(dialog.remove.name)} action=${t.actions.delete} onClose=${close} onConfirm=${async () => {
      await api.delete(`/users/${segment(dialog.remove.id)}`);
      list.reload();
    }} />`}
  </section>`;
}
