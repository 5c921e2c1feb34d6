// Account: one's own data, API keys, budgets, groups and invitations.

import { html, useEffect } from '../../html.js';
import { api, segment } from '../../api.js';
import { can } from '../../abilities.js';
import { instant } from '../../format.js';
import { t } from '../../texts/index.js';
import { Field } from '../../components/field.js';
import { Problem } from '../../components/problem.js';
import { announce } from '../../announce.js';
import { useAction } from '../../components/action.js';
import { useKeptFocus } from '../../components/focus.js';
import { useNames } from '../names.js';
import { Budgets } from './budgets.js';
import { Keys } from './keys.js';

function Profile({ me, ability, reloadMe }) {
  const { busy, error, run } = useAction();
  const editable = ability.can('update', { __caslSubjectType__: 'User', ...me.user, group_ids: [] }, 'name');
  const save = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    run(async () => {
      await api.patch(`/users/${segment(me.user.id)}`, { name: form.get('name').trim(), locale: form.get('locale').trim() || null });
      announce(t.actions.saved);
      await reloadMe();
    });
  };
  return html`<section aria-labelledby="profile"><h2 id="profile">${t.account.profile}</h2>
    <dl class="plain-list"><div><dt>${t.account.email}</dt><dd>${me.user.email}</dd></div><div><dt>${t.account.role}</dt><dd>${me.roles.map((role) => t.roles[role] ?? role).join(', ')}</dd></div>
      ${me.scopes.length > 0 && html`<div><dt>${t.keys.scopes}</dt><dd>${me.scopes.join(', ')}</dd></div>`}
      <div><dt>${t.account.since}</dt><dd>${instant(me.user.created_at)}</dd></div></dl>
    ${editable && html`<form class="form row" onSubmit=${save} aria-busy=${busy ? 'true' : null}>
      <${Field} label=${t.account.name} name="name" defaultValue=${me.user.name} required maxlength="200" />
      <${Field} label=${t.account.locale} name="locale" defaultValue=${me.user.locale ?? ''} placeholder="en" />
      <button type="submit">${t.actions.save}</button><${Problem} error=${error} />
    </form>`}</section>`;
}

function Groups({ me, names, reloadMe }) {
  const { error, run } = useAction();
  const focus = useKeptFocus();
  const path = (group) => `/groups/${segment(group.group_id)}/members/me`;
  const act = (sentence, operation) => () => run(async () => {
    await operation();
    announce(sentence);
    await reloadMe();
  });
  return html`<section aria-labelledby="groups" tabindex="-1" ...${focus}><h2 id="groups">${t.account.groups}</h2>
    <${Problem} error=${error} />
    ${me.groups.length === 0 && me.invitations.length === 0 && html`<p class="empty">${t.account.noGroups}</p>`}
    <ul class="rows">
      ${me.invitations.map((invitation) => html`<li key=${`i${invitation.group_id}`}><span><strong>${invitation.group_name}</strong> <span class="fine">${t.account.invited(t.groupRoles[invitation.role], instant(invitation.created_at))}</span></span>
        <span class="actions"><button type="button" class="primary" aria-label=${t.account.acceptNamed(invitation.group_name)} onClick=${act(t.account.accepted(invitation.group_name), () => api.post(path(invitation)))}>${t.account.accept}</button>
          <button type="button" class="quiet" aria-label=${t.account.declineNamed(invitation.group_name)} onClick=${act(t.account.declined(invitation.group_name), () => api.delete(path(invitation)))}>${t.account.decline}</button></span></li>`)}
      ${me.groups.map((group) => html`<li key=${group.group_id}><span><strong>${names.group(group.group_id)}</strong> <span class="fine">${t.groupRoles[group.role]}</span></span>
        <button type="button" class="quiet" aria-label=${t.account.leaveNamed(names.group(group.group_id))} onClick=${act(t.account.left(names.group(group.group_id)), () => api.delete(path(group)))}>${t.account.leave}</button></li>`)}
    </ul></section>`;
}

export function Account(context) {
  const { me, ability } = context;
  const names = useNames(context);
  useEffect(() => {
    document.title = `${t.account.title} · ${t.app.name}`;
  }, []);
  return html`<main class="page narrow" id="content" tabindex="-1">
    <h1>${t.account.title}</h1>
    <${Profile} ...${context} />
    ${can(ability, 'read', 'ApiKey') && html`<${Keys} ...${context} names=${names} own />`}
    <${Budgets} me=${me} names=${names} />
    <${Groups} ...${context} names=${names} />
  </main>`;
}
