// Administration: the sections that the principal's abilities show.

import { html, useEffect, useLayoutEffect, useRef } from '../../html.js';
import { t } from '../../texts/index.js';
import { Keys } from '../account/keys.js';
import { useNames } from '../names.js';
import { Audit } from './audit.js';
import { BudgetButton } from './budget.js';
import { Groups } from './groups.js';
import { Models } from './models.js';
import { sections } from './sections.js';
import { Tools } from './tools.js';
import { Users } from './users.js';

const AllKeys = (context) => html`<${Keys} ...${context} extra=${(key) => context.ability.can('manage', 'ApiKey') && html`<${BudgetButton} subject="api_key" id=${key.id} name=${key.name} />`} />`;
const VIEWS = { users: Users, groups: Groups, keys: AllKeys, models: Models, tools: Tools, audit: Audit };

export function Administration(context) {
  const { ability, route } = context;
  const names = useNames(context);
  const shown = sections(ability);
  const name = shown.includes(route.path[1]) ? route.path[1] : shown[0];
  const tabs = useRef(null);
  // On a narrow screen the sections do not fit.
  useLayoutEffect(() => tabs.current.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }), [name]);
  useEffect(() => {
    document.title = `${t.administration.title} · ${t.app.name}`;
  }, []);
  return html`<main class="page" id="content" tabindex="-1">
    <h1>${t.administration.title}</h1>
    ${shown.length === 0 && html`<p class="empty">${t.administration.nothing}</p>`}
    <nav class="tabs" ref=${tabs} aria-label=${t.administration.sections}>${shown.map((each) => html`<a href=${`#/administration/${each}`} aria-current=${each === name ? 'page' : null}>${t.administration[each]}</a>`)}</nav>
    ${name && html`<${VIEWS[name]} key=${name} ...${context} names=${names} />`}
  </main>`;
}
