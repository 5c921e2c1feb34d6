// The application: who is signed in, and which view is shown.

import { html, useCallback, useEffect, useRef, useState } from './html.js';
import { announce, setRegion } from './announce.js';
import { loadAbility } from './abilities.js';
import { ApiError, api, onApiError } from './api.js';
import { credential } from './credential.js';
import { navigate, useRoute } from './router.js';
import { t } from './texts/index.js';
import { Problem } from './components/problem.js';
import { SessionList } from './session-list.js';
import { Shell } from './views/shell.js';
import { SignIn } from './views/sign-in.js';
import { Chat } from './views/chat/chat.js';
import { NewSession } from './views/chat/new-session.js';

const LATER = {
  usage: () => import('./views/usage/usage.js').then((module) => module.Usage),
  account: () => import('./views/account/account.js').then((module) => module.Account),
  administration: () => import('./views/administration/administration.js').then((module) => module.Administration),
};

/** View of another module, which is loaded when it is first shown. */
function Later({ name, ...props }) {
  const [state, setState] = useState({});
  useEffect(() => {
    let current = true;
    LATER[name]().then((view) => current && setState({ name, view }), (error) => current && setState({ name, error }));
    return () => {
      current = false;
    };
  }, [name]);
  if (state.error) return html`<main class="page"><${Problem} error=${state.error} /></main>`;
  if (state.name !== name) return html`<main class="page" aria-busy="true"></main>`;
  return html`<${state.view} ...${props} />`;
}

const CODE = /^#code=([0-9A-Za-z]+)$/;

/** Takes the one-time code out of the address, and exchanges it for a key. */
async function redeemCode() {
  const code = CODE.exec(location.hash)?.[1];
  if (!code) return;
  history.replaceState(null, '', location.pathname);
  try {
    const { key } = await api.post('/sign-in', { code }, { quiet: true });
    credential.set(key);
  } catch (error) {
    // A tab that is signed in stays signed in.
    if (credential.get() !== null) return;
    if (error.status === 401) throw new Error(t.signIn.codeInvalid, { cause: error });
    if (error.status === 403) throw new Error(t.signIn.codeRemote, { cause: error });
    throw error;
  }
}

export function App() {
  const [me, setMe] = useState(null);
  const [ability, setAbility] = useState(null);
  const [phase, setPhase] = useState('starting');
  const [failure, setFailure] = useState(null);
  const [sessions] = useState(() => new SessionList());
  const route = useRoute();
  const signedIn = useRef(false);

  const start = useCallback(async () => {
    try {
      // Without a key, one request tells whether the server wants one.
      const both = credential.get() !== null;
      const [principal, abilities] = both
        ? await Promise.all([api.get('/me'), loadAbility()])
        : [await api.get('/me'), await loadAbility()];
      setMe(principal);
      setAbility(abilities);
      signedIn.current = true;
      setPhase('ready');
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        const hadKey = credential.get() !== null;
        credential.clear();
        setFailure(hadKey ? error : null);
        setPhase('sign-in');
      } else {
        setFailure(error);
        setPhase('failed');
      }
    }
  }, []);

  useEffect(() => {
    const redeem = () => redeemCode().then(start, (error) => {
      setFailure(error);
      setPhase('sign-in');
    });
    redeem();
    // The address can be opened in a tab that shows the page already.
    const changed = () => CODE.test(location.hash) && redeem();
    addEventListener('hashchange', changed);
    const remove = onApiError((error) => {
      if (!signedIn.current) return;
      if (error.status === 401) {
        signedIn.current = false;
        credential.clear();
        sessions.clear();
        setFailure(error);
        setPhase('sign-in');
      } else if (error.status === 403) {
        loadAbility().then(setAbility, () => {});
      }
    });
    return () => {
      removeEventListener('hashchange', changed);
      remove();
    };
  }, []);

  const signOut = () => {
    signedIn.current = false;
    credential.clear();
    sessions.clear();
    sessionStorage.clear();
    navigate('/', { replace: true });
    setFailure(null);
    setMe(null);
    setPhase('sign-in');
    announce(t.signIn.signedOut);
  };

  const view = () => {
    if (phase === 'starting') return html`<main class="page" aria-busy="true"></main>`;
    if (phase === 'failed') {
      return html`<main class="page narrow"><h1>${t.app.name}</h1><${Problem} error=${failure} />
        <button type="button" class="primary" onClick=${start}>${t.actions.retry}</button></main>`;
    }
    if (phase === 'sign-in') return html`<${SignIn} failure=${failure} onSignedIn=${start} />`;
    const context = { me, ability, sessions, route, reloadMe: start };
    return html`<${Shell} ...${context} onSignOut=${signOut}>${content(context)}<//>`;
  };
  return html`${view()}<div class="visually-hidden" role="status" ref=${setRegion}></div>`;
}

function content(context) {
  const [name, id] = context.route.path;
  if (name === 'sessions' && id) return html`<${Chat} key=${id} id=${id} ...${context} />`;
  if (name in LATER) return html`<${Later} name=${name} ...${context} />`;
  return html`<${NewSession} ...${context} />`;
}
