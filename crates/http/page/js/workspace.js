// What is shown to those who are signed in: the frame, and in it the view of the route.

import { html, useLayoutEffect, useMemo, useState } from './html.js';
import { abilityOf } from './abilities.js';
import { Later, loader, whenIdle } from './later.js';
import { useRoute } from './router.js';
import { SessionList } from './session-list.js';
import { Shell } from './views/shell.js';
import { NewSession } from './views/chat/new-session.js';
import { pendingSends } from './views/chat/pending.js';

const DATA = 'styles/data.css';
const CHAT = loader(() => import('./views/chat/chat.js').then((module) => module.Chat), DATA);
const VIEWS = {
  usage: loader(() => import('./views/usage/usage.js').then((module) => module.Usage), DATA, 'vendor/uplot.css'),
  account: loader(() => import('./views/account/account.js').then((module) => module.Account), DATA),
  administration: loader(() => import('./views/administration/administration.js').then((module) => module.Administration), DATA),
};

function content(context) {
  const [name, id] = context.route.path;
  if (name === 'sessions' && id) return html`<${Later} load=${CHAT} key=${id} id=${id} ...${context} />`;
  if (Object.hasOwn(VIEWS, name)) return html`<${Later} load=${VIEWS[name]} ...${context} />`;
  return html`<${NewSession} ...${context} />`;
}

export function Workspace({ me, rules, reloadMe, onSignOut }) {
  const ability = useMemo(() => abilityOf(rules), [rules]);
  const [sessions] = useState(() => new SessionList());
  const route = useRoute();
  // Nothing of a user is left when the workspace of another one is shown.
  useLayoutEffect(() => {
    whenIdle(CHAT, ...Object.values(VIEWS));
    return () => {
      sessions.clear();
      pendingSends.clear();
    };
  }, []);
  const context = { me, ability, sessions, route, reloadMe };
  return html`<${Shell} ...${context} onSignOut=${onSignOut}>${content(context)}<//>`;
}
