// Frame around the views: sessions, navigation, color scheme.

import { html, useEffect, useLayoutEffect, useRef, useState } from '../html.js';
import { can } from '../abilities.js';
import { ago } from '../format.js';
import { navigate } from '../router.js';
import { THEMES, applyTheme, theme } from '../theme.js';
import { t } from '../texts/index.js';
import { Icon } from '../components/icon.js';
import { Problem } from '../components/problem.js';
import { sections } from './administration/sections.js';

export function useModel(model) {
  const [, render] = useState(0);
  // A change between the rendering and a later effect would be missed.
  useLayoutEffect(() => model.subscribe(() => render((count) => count + 1)), [model]);
  return model;
}

function Sessions({ sessions, current }) {
  useModel(sessions);
  const end = useRef(null);
  useEffect(() => {
    if (!sessions.loaded) sessions.load();
    const visible = () => document.visibilityState === 'visible' && sessions.load();
    document.addEventListener('visibilitychange', visible);
    return () => document.removeEventListener('visibilitychange', visible);
  }, []);
  // A new observation reports at once whether the end is in view, also if the last page did not fill the list.
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && sessions.more(), { root: end.current.parentElement, rootMargin: '300px' });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [sessions.rows.length, sessions.cursor]);
  return html`<div class="session-list">
    <div class="session-list-head">
      <h2 id="sessions-title">${t.sessions.title}</h2>
      <select aria-label=${t.sessions.filter} onChange=${(event) => sessions.setFilter(event.target.value)}>
        ${Object.entries(t.sessions.filters).map(([value, label]) => html`<option value=${value}>${label}</option>`)}
      </select>
    </div>
    <${Problem} error=${sessions.error} />
    ${sessions.error && html`<p><button type="button" class="quiet small" onClick=${() => sessions.retry()}>${t.actions.retry}</button></p>`}
    ${sessions.loaded && sessions.rows.length === 0 && html`<p class="empty fine">${sessions.filter ? t.sessions.noneInState : t.sessions.empty}</p>`}
    <ul aria-labelledby="sessions-title">
      ${sessions.rows.map((session) => html`<li key=${session.id}>
        <a href=${`#/sessions/${session.id}`} aria-current=${session.id === current ? 'page' : null}>
          <span class="session-title">${session.title || t.sessions.untitled}</span>
          <span class="session-facts">${session.tool}${session.state !== 'active' ? html` · ${t.sessions.states[session.state]}` : null} · ${session.active_turn_id ? t.sessions.running : ago(session.last_activity_at)}</span>
        </a></li>`)}
    </ul>
    <div ref=${end}></div>
  </div>`;
}

function ThemeChoice() {
  const [choice, setChoice] = useState(theme);
  return html`<span class="theme"><select aria-label=${t.theme.label} value=${choice} onChange=${(event) => {
      applyTheme(event.target.value);
      setChoice(event.target.value);
    }}>${THEMES.map((name) => html`<option value=${name} selected=${name === choice}>${t.theme[name]}</option>`)}</select></span>`;
}

export function Shell({ me, ability, sessions, route, onSignOut, children }) {
  // The drawer is open on the route that it was opened on: every other route closes it.
  const [openedOn, setOpenedOn] = useState(null);
  const open = openedOn === route;
  const close = () => setOpenedOn(null);
  const drawer = useRef(null);
  const menu = useRef(null);
  const [name, id] = route.path;
  useLayoutEffect(() => {
    if (!open) {
      // The focus leaves a drawer that closes before the browser takes it from what is hidden.
      if (drawer.current.contains(document.activeElement)) menu.current.focus();
      return undefined;
    }
    drawer.current.querySelector('.new-session').focus();
    const escape = (event) => event.key === 'Escape' && close();
    addEventListener('keydown', escape);
    return () => removeEventListener('keydown', escape);
  }, [open]);
  const link = (target, label, icon) => html`<a href=${`#/${target}`} aria-current=${name === target ? 'page' : null}><${Icon} name=${icon} />${label}</a>`;
  return html`<a class="skip" href="#content" onClick=${(event) => {
      event.preventDefault();
      document.querySelector('main').focus();
    }}>${t.app.skip}</a>
  <div class=${open ? 'shell drawer-open' : 'shell'}>
    <header class="topbar">
      <button type="button" ref=${menu} class="quiet icon-button" aria-label=${t.app.menu} aria-expanded=${String(open)} onClick=${() => setOpenedOn(open ? null : route)}><${Icon} name=${open ? 'close' : 'menu'} /></button>
      <a class="wordmark" href="#/">${t.app.name}</a>
    </header>
    <div class="scrim" onClick=${close}></div>
    <aside class="sidebar" ref=${drawer} aria-label=${t.app.sidebar} onClick=${(event) => event.target.closest('a, .new-session') && close()}>
      <a class="wordmark" href="#/">${t.app.name}</a>
      <button type="button" class="new-session" onClick=${() => navigate('/')}><${Icon} name="plus" />${t.sessions.create}</button>
      ${can(ability, 'read', 'Session') ? html`<${Sessions} sessions=${sessions} current=${name === 'sessions' ? id : null} />` : html`<div class="session-list"></div>`}
      <nav aria-label=${t.app.navigation}>
        ${can(ability, 'read', 'Usage') && link('usage', t.usage.title, 'chart')}
        ${link('account', t.account.title, 'person')}
        ${sections(ability).length > 0 && link('administration', t.administration.title, 'shield')}
      </nav>
      <div class="sidebar-foot"><span class="fine principal">${me.user.name}</span><${ThemeChoice} />
        ${onSignOut && html`<button type="button" class="quiet small" onClick=${onSignOut}>${t.signIn.out}</button>`}</div>
    </aside>
    <div class="content" inert=${open}>${children}</div>
  </div>`;
}
