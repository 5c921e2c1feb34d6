// Sign-in: an API key is pasted.

import { html, useLayoutEffect, useRef, useState } from '../html.js';
import { api } from '../api.js';
import { credential } from '../credential.js';
import { Field } from '../components/field.js';
import { Problem } from '../components/problem.js';
import { t } from '../texts/index.js';

export function SignIn({ failure, onSignedIn }) {
  const [error, setError] = useState(failure);
  const [busy, setBusy] = useState(false);
  const form = useRef(null);
  useLayoutEffect(() => {
    document.title = `${t.signIn.title} · ${t.app.name}`;
    form.current.querySelector('input').focus();
  }, []);
  useLayoutEffect(() => setError(failure), [failure]);
  const submit = async (event) => {
    event.preventDefault();
    const input = form.current.querySelector('input');
    const key = input.value.trim();
    if (!key) return;
    // A header cannot have other characters; the message of the browser could show the key.
    if (!/^[!-~]+$/.test(key)) {
      setError(new Error(t.errors.codes.unauthenticated()));
      return;
    }
    setBusy(true);
    setError(null);
    try {
      await api.get('/me', null, { key });
      input.value = '';
      credential.set(key);
      await onSignedIn();
    } catch (refusal) {
      setError(refusal);
      setBusy(false);
      input.focus();
    }
  };
  return html`<main class="sign-in">
    <div class="sign-in-card">
      <p class="wordmark large">${t.app.name}</p>
      <h1>${t.signIn.title}</h1>
      <p class="lead">${t.signIn.lead}</p>
      <form ref=${form} class="form" onSubmit=${submit}>
        <${Field} label=${t.signIn.key} type="password" autocomplete="off" spellcheck=${false} required hint=${t.signIn.hint} />
        <${Problem} error=${error} />
        <button type="submit" class="primary" disabled=${busy}>${t.signIn.action}</button>
      </form>
    </div>
  </main>`;
}
