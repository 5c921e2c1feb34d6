// Groups: list, creation, limits, members, invitations, stored rules, budget.

import { html, useState } from '../../html.js';
import { api, listAll, segment } from '../../api.js';
import { can } from '../../abilities.js';
import { count, instant } from '../../format.js';
import { t } from '../../texts/index.js';
import { useAction } from '../../components/action.js';
import { Confirm, FormDialog } from '../../components/dialog.js';
import { Field, Select } from '../../components/field.js';
import { Icon } from '../../components/icon.js';
import { Menu } from '../../components/menu.js';
import { Problem } from '../../components/problem.js';
import { ListTable, useList } from '../../components/table.js';
import { BudgetButton } from './budget.js';
import { RulesDialog } from './rules.js';

const roles = () => ['member', 'admin'].map((value) => ({ value, label: t.groupRoles[value] }));

function GroupForm({ group, onClose, onSaved }) {
  return html`<${FormDialog} title=${group ? t.groups.edit(group.name) : t.groups.create} action=${t.actions.save} onClose=${onClose} onSubmit=${async (form) => {
    const name = form.get('name').trim();
    const limit = form.get('limit')?.trim();
    if (group) await api.patch(`/groups/${segment(group.id)}`, { name, requests_per_minute: limit ? Number(limit) : null });
    else await api.post('/groups', { name });
    onSaved();
    onClose();
  }}>
    <${Field} label=${t.groups.name} name="name" required maxlength="200" defaultValue=${group?.name ?? ''} />
    ${group && html`<${Field} label=${t.groups.limit} name="limit" type="number" min="0" defaultValue=${group.requests_per_minute ?? ''} hint=${t.groups.limitHint} />`}
  <//>`;
}

function Members({ group, ability }) {
  const path = `/groups/${segment(group.id)}`;
  const members = useList(`${path}/members`, {});
  const invitations = useList(`${path}/invitations`, {});
  const { error, run } = useAction();
  const act = (operation) => run(async () => {
    await operation();
    members.reload();
    invitations.reload();
  });
  /** Stores the role that was chosen for a member. A refused one is not shown as theirs. */
  const changeRole = async (member, select) => {
    const stored = await act(() => api.patch(`${path}/members/${segment(member.user.id)}`, { role: select.value }));
    if (!stored) select.value = member.role;
  };
  const invite = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    act(async () => {
      const email = form.get('email').trim();
      // Those who manage users add a known one at once; all others invite an address.
      const users = can(ability, 'manage', 'User') ? await listAll('/users') : [];
      const user = users.find((each) => each.email?.toLowerCase() === email.toLowerCase());
      await api.post(`${path}/members`, { ...(user ? { user_id: user.id } : { email }), role: form.get('role') });
      event.target.reset();
    });
  };
  const memberColumns = [
    { label: t.users.name, cell: ({ user }) => user.name ?? user.email ?? '–', sort: ({ user }) => user.name },
    { label: t.users.role, cell: (member) => html`<select aria-label=${t.groups.roleOf(member.user.name)} onChange=${(event) => changeRole(member, event.target)}>
      ${roles().map((role) => html`<option value=${role.value} selected=${role.value === member.role}>${role.label}</option>`)}</select>` },
    { label: t.users.since, time: true, cell: (member) => instant(member.created_at), sort: (member) => member.created_at },
    { label: t.lists.actions, actions: true, cell: (member) => html`<button type="button" class="quiet danger small" aria-label=${t.groups.removeMember(member.user.name)} onClick=${() => act(() => api.delete(`${path}/members/${segment(member.user.id)}`))}>${t.actions.remove}</button>` },
  ];
  const invitationColumns = [
    { label: t.users.email, cell: (row) => row.email, sort: (row) => row.email },
    { label: t.users.role, cell: (row) => t.groupRoles[row.role] },
    { label: t.users.since, time: true, cell: (row) => instant(row.created_at) },
    { label: t.lists.actions, actions: true, cell: (row) => html`<button type="button" class="quiet danger small" aria-label=${t.groups.withdraw(row.email)} onClick=${() => act(() => api.delete(`${path}/invitations/${segment(row.email)}`))}>${t.groups.withdrawShort}</button>` },
  ];
  return html`<section class="inset" aria-labelledby="members"><h3 id="members">${t.groups.membersOf(group.name)}</h3>
    <${Problem} error=${error} />
    <${ListTable} list=${members} caption=${t.groups.members} columns=${memberColumns} rowKey=${(row) => row.user.id} empty=${t.groups.noMembers} />
    ${invitations.rows.length > 0 && html`<h4>${t.groups.invitations}</h4><${ListTable} list=${invitations} caption=${t.groups.invitations} columns=${invitationColumns} rowKey=${(row) => row.email} />`}
    <form class="form row" onSubmit=${invite} aria-label=${t.groups.invite}>
      <${Field} label=${t.users.email} name="email" type="email" required />
      <${Select} label=${t.users.role} name="role" value="member" options=${roles()} />
      <button type="submit">${t.groups.invite}</button></form>
  </section>`;
}

export function Groups({ ability }) {
  const list = useList('/groups', {});
  const [dialog, setDialog] = useState(null);
  const [open, setOpen] = useState(null);
  const close = () => setDialog(null);
  const columns = [
    { label: t.groups.name, cell: (group) => group.name, sort: (group) => group.name },
    { label: t.groups.limit, numeric: true, cell: (group) => count(group.requests_per_minute), sort: (group) => group.requests_per_minute },
    { label: t.users.since, time: true, cell: (group) => instant(group.created_at), sort: (group) => group.created_at },
    { label: t.lists.actions, actions: true, cell: (group) => can(ability, 'update', 'Group', group) && html`<span class="actions">
      <button type="button" class="quiet small" aria-expanded=${String(open === group.id)} aria-label=${t.groups.membersOf(group.name)} onClick=${() => setOpen(open === group.id ? null : group.id)}>${t.groups.members}</button>
      ${can(ability, 'manage', 'Group') && html`<${BudgetButton} subject="group" id=${group.id} name=${group.name} />`}
      <${Menu} label=${t.groups.actions(group.name)} items=${[
        { label: t.actions.edit, action: () => setDialog({ edit: group }) },
        can(ability, 'manage', 'Group') && { label: t.rules.title, action: () => setDialog({ rules: group }) },
        can(ability, 'delete', 'Group', group) && { label: t.actions.delete, danger: true, action: () => setDialog({ remove: group }) },
      ]}><${Icon} name="more" /><//></span>` },
  ];
  const shown = list.rows.find((group) => group.id === open);
  return html`<section aria-labelledby="groups"><div class="section-head"><h2 id="groups">${t.administration.groups}</h2>
      ${can(ability, 'create', 'Group') && html`<button type="button" onClick=${() => setDialog({ create: true })}>${t.groups.create}</button>`}</div>
    <${ListTable} list=${list} caption=${t.administration.groups} columns=${columns} empty=${t.groups.none} />
    ${shown && html`<${Members} key=${shown.id} group=${shown} ability=${ability} />`}
    ${dialog?.create && html`<${GroupForm} onClose=${close} onSaved=${list.reload} />`}
    ${dialog?.edit && html`<${GroupForm} group=${dialog.edit} onClose=${close} onSaved=${list.reload} />`}
    ${dialog?.rules && html`<${RulesDialog} path=${`/groups/${segment(dialog.rules.id)}`} name=${dialog.rules.name} onClose=${close} />`}
    ${dialog?.remove && html`<${Confirm} title=${t.groups.remove} text=${t.groups.removeText(dialog.remove.name)} action=${t.actions.delete} onClose=${close} onConfirm=${async () => {
      await api.delete(`/groups/${segment(dialog.remove.id)}`);
      list.reload();
    }} />`}
  </section>`;
}
