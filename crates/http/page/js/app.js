// The application: who is signed in. What only signed-in people see is loaded after the first view.

import { html, useCallback, useEffect, useRef, useState } from './html.js';
import { announce, setRegion } from './announce.js';
import { ApiError, api, onApiError } from './api.js';
import { credential } from './credential.js';
import { belongTo } from './drafts.js';
import { Later, loader, preload, whenIdle } from './later.js';
import { navigate } from './router.js';
import { t } from './texts/index.js';
import { Problem } from './components/problem.js';
import { SignIn } from './views/sign-in.js';

const WORKSPACE = loader(() => import('./workspace.js').then((module) => module.Workspace), 'styles/shell.css', 'styles/chat.css');

const CODE = /^#code=([0-9A-Za-z]+)$/;

/** Takes the one-time code out of the address, and exchanges it for a key. Returns true if the tab has another key then. */
async function redeemCode() {
  const code = CODE.exec(location.hash)?.[1];
  if (!code) return false;
  history.replaceState(null, '', location.pathname);
  try {
    const { key } = await api.post('/sign-in', { code }, { quiet: true });
    credential.set(key);
    return true;
  } catch (error) {
    // A tab that is signed in stays signed in.
    if (credential.get() !== null) return false;
    if (error.status === 401) throw new Error(t.signIn.codeInvalid, { cause: error });
    if (error.status === 403) throw new Error(t.signIn.codeRemote, { cause: error });
    throw error;
  }
}

export function App() {
  const [me, setMe] = useState(null);
  const [rules, setRules] = useState(null);
  const [phase, setPhase] = useState('starting');
  const [failure, setFailure] = useState(null);
  const signedIn = useRef(false);

  const start = useCallback(async () => {
    try {
      // Without a key, one request tells whether the server wants one.
      const open = credential.get() === null ? await api.get('/me') : null;
      preload(WORKSPACE);
      const [principal, abilities] = await Promise.all([open ?? api.get('/me'), api.get('/me/abilities')]);
      belongTo(principal.user.id);
      setMe(principal);
      setRules(abilities.rules);
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
    const redeem = () => redeemCode().then((renewed) => {
      // Nothing of the user that was signed in is shown or sent with the key of another one.
      if (renewed) setPhase('starting');
      return start();
    }, (error) => {
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
        setFailure(error);
        setPhase('sign-in');
      } else if (error.status === 403) {
        api.get('/me/abilities').then((abilities) => setRules(abilities.rules), () => {});
      }
    });
    return () => {
      removeEventListener('hashchange', changed);
      remove();
    };
  }, []);

  useEffect(() => {
    if (phase === 'sign-in') whenIdle(WORKSPACE);
  }, [phase]);

  const signOut = () => {
    signedIn.current = false;
    credential.clear();
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
    // Who needed no key has nothing to sign out of.
    const onSignOut = credential.get() === null ? null : signOut;
    return html`<${Later} key=${me.user.id} load=${WORKSPACE} me=${me} rules=${rules} reloadMe=${start} onSignOut=${onSignOut} />`;
  };
  return html`${view()}<div class="visually-hidden" role="status" ref=${setRegion}></div>`;
}
