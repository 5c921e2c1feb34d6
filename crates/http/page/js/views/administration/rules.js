// Editor of the rules that are stored for a user or a group.

import { html, useEffect, useState } from '../../html.js';
import { api } from '../../api.js';
import { t } from '../../texts/index.js';
import { Dialog, FormDialog } from '../../components/dialog.js';
import { Field } from '../../components/field.js';
import { Loading } from '../../components/loading.js';
import { Problem } from '../../components/problem.js';

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(t.rules.invalidRules(error.message), { cause: error });
  }
}

/** Editor of stored rules as JSON. */
export function RulesDialog({ path, name, onClose }) {
  const [rules, setRules] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    api.get(`${path}/rules`).then((body) => setRules(JSON.stringify(body.rules, null, 2)), setError);
  }, []);
  if (rules === null) return html`<${Dialog} title=${t.rules.of(name)} onClose=${onClose}><${Problem} error=${error} />${!error && html`<${Loading} />`}<div class="actions"><button type="button" onClick=${onClose}>${t.actions.close}</button></div><//>`;
  return html`<${FormDialog} className="wide" title=${t.rules.of(name)} action=${t.actions.save} onClose=${onClose} onSubmit=${async (form) => {
    await api.put(`${path}/rules`, { rules: parsed(form.get('rules')) });
    onClose();
  }}><${Field} label=${t.rules.json} name="rules" multiline rows="14" class="code-input" spellcheck=${false} defaultValue=${rules} hint=${t.rules.hint} /><//>`;
}
