// What is shown to those who are signed in: the frame, and in it the view of the route.

import { html, useEffect, useMemo, useState } from './html.js';
import { abilityOf } from './abilities.js';
import { Later, stylesheet, whenIdle } from './later.js';
import { useRoute } from './router.js';
import { SessionList } from './session-list.js';
import { Shell } from './views/shell.js';
import { NewSession } from './views/chat/new-session.js';

/** Returns a function that loads a view with its stylesheets. */
const view = (load, ...styles) => async () => {
  const [module] = await Promise.all([load(), ...styles.map((name) => stylesheet(name))]);
  return module;
};

const VIEWS = {
  sessions: view(() => import('./views/chat/chat.js').then((module) => module.Chat), 'styles/data.css'),
  usage: view(() => import('./views/usage/usage.js').then((module) => module.Usage), 'styles/data.css', 'vendor/uplot.css'),
  account: view(() => import('./views/account/account.js').then((module) => module.Account), 'styles/data.css'),
  administration: view(() => import('./views/administration/administration.js').then((module) => module.Administration), 'styles/data.css'),
};

function content(context) {
  const [name, id] = context.route.path;
  if (name === 'sessions') return id ? html`<${Later} load=${VIEWS.sessions} key=${id} id=${id} ...${context} />` : html`<${NewSession} ...${context} />`;
  if (name in VIEWS) return html`<${Later} load=${VIEWS[name]} ...${context} />`;
  return html`<${NewSession} ...${context} />`;
}

export function Workspace({ me, rules, reloadMe, onSignOut }) {
  const ability = useMemo(() => abilityOf(rules), [rules]);
  const [sessions] = useState(() => new SessionList());
  const route = useRoute();
  useEffect(() => {
    whenIdle(...Object.values(VIEWS));
    return () => sessions.clear();
  }, []);
  const context = { me, ability, sessions, route, reloadMe };
  return html`<${Shell} ...${context} onSignOut=${onSignOut}>${content(context)}<//>`;
}
