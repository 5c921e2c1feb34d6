// Rules that are stored for a user or group, and the abilities that result for a user.

import { html, useEffect, useState } from '../../html.js';
import { abilityOf, subject } from '../../abilities.js';
import { api, segment } from '../../api.js';
import { t } from '../../texts/index.js';
import { Dialog, FormDialog } from '../../components/dialog.js';
import { Field } from '../../components/field.js';
import { Problem } from '../../components/problem.js';

const SUBJECTS = ['Session', 'Message', 'Tool', 'Model', 'Usage', 'User', 'Group', 'ApiKey'];
const ACTIONS = ['create', 'read', 'update', 'delete', 'use', 'fork', 'audit', 'manage'];

/** Editor of stored rules as JSON. */
export function RulesDialog({ path, name, onClose }) {
  const [rules, setRules] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    api.get(`${path}/rules`).then((body) => setRules(JSON.stringify(body.rules, null, 2)), setError);
  }, []);
  if (rules === null) return html`<${Dialog} title=${t.rules.of(name)} onClose=${onClose}><${Problem} error=${error} /><div class="actions"><button type="button" onClick=${onClose}>${t.actions.close}</button></div><//>`;
  return html`<${FormDialog} title=${t.rules.of(name)} action=${t.actions.save} onClose=${onClose} onSubmit=${async (form) => {
    await api.put(`${path}/rules`, { rules: JSON.parse(form.get('rules')) });
    onClose();
  }}><${Field} label=${t.rules.json} name="rules" multiline rows="14" class="code-input" spellcheck=${false} value=${rules} hint=${t.rules.hint} /><//>`;
}

/** Rules of a user with their layers, and a checker that says which one decides. */
export function AbilitiesDialog({ user, onClose }) {
  const [rules, setRules] = useState(null);
  const [error, setError] = useState(null);
  const [verdict, setVerdict] = useState(null);
  useEffect(() => {
    api.get(`/users/${segment(user.id)}/abilities`).then((body) => setRules(body.rules), setError);
  }, []);
  const check = (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    try {
      const fields = form.get('object').trim() ? JSON.parse(form.get('object')) : null;
      const plain = rules.map(({ layer, ...rule }) => rule);
      const ability = abilityOf(plain);
      const rule = ability.relevantRuleFor(form.get('action'), fields ? subject(form.get('subject'), fields) : form.get('subject'));
      const index = rule ? plain.indexOf(rule.origin) : -1;
      setVerdict({ allowed: Boolean(rule && !rule.inverted), index, layer: rules[index]?.layer });
    } catch (failure) {
      setVerdict({ error: failure });
    }
  };
  return html`<${Dialog} title=${t.rules.abilities(user.name)} onClose=${onClose} className="wide">
    <${Problem} error=${error} />
    ${rules && html`<ol class="rule-list">${rules.map((rule, index) => html`<li class=${verdict?.index === index ? 'decides' : null}><span class="mark">${rule.layer}</span>
      <code>${rule.inverted ? t.rules.cannot : t.rules.can} ${[rule.action].flat().join(', ')} ${[rule.subject].flat().join(', ')}${rule.fields ? ` [${[rule.fields].flat().join(', ')}]` : ''}${rule.conditions ? ` ${JSON.stringify(rule.conditions)}` : ''}</code></li>`)}</ol>
    <form class="form row" onSubmit=${check} aria-label=${t.rules.check}>
      <label class="field"><span>${t.rules.action}</span><select name="action">${ACTIONS.map((each) => html`<option>${each}</option>`)}</select></label>
      <label class="field"><span>${t.rules.subject}</span><select name="subject">${SUBJECTS.map((each) => html`<option>${each}</option>`)}</select></label>
      <${Field} label=${t.rules.object} name="object" placeholder='{"user_id": "…"}' />
      <button type="submit">${t.rules.check}</button></form>
    ${verdict && html`<p role="status">${verdict.error ? verdict.error.message : t.rules.verdict(verdict.allowed, verdict.index + 1, verdict.layer)}</p>`}`}
    <div class="actions"><button type="button" class="primary" onClick=${onClose}>${t.actions.close}</button></div>
  <//>`;
}
