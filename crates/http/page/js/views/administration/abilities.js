// Abilities of a user: all rules with their layers, and a check that names the rule that decides.

import { html, useEffect, useLayoutEffect, useRef, useState } from '../../html.js';
import { abilityOf, subject } from '../../abilities.js';
import { api, segment } from '../../api.js';
import { t } from '../../texts/index.js';
import { Dialog } from '../../components/dialog.js';
import { Field, Select } from '../../components/field.js';
import { Loading } from '../../components/loading.js';
import { Problem } from '../../components/problem.js';
import { objectOf } from './objects.js';

const SUBJECTS = ['Session', 'Message', 'Tool', 'Model', 'Usage', 'User', 'Group', 'ApiKey'];
const ACTIONS = ['create', 'read', 'update', 'delete', 'use', 'fork', 'audit', 'manage'];

const choices = (names) => names.map((value) => ({ value, label: value }));
const list = (names) => [names].flat().join(', ');

function RuleRow({ rule, decides }) {
  const element = useRef(null);
  useLayoutEffect(() => {
    if (decides) element.current.scrollIntoView({ block: 'nearest' });
  }, [decides]);
  return html`<li ref=${element} class=${decides ? 'decides' : null} aria-current=${decides ? 'true' : null}>
    <span class="mark">${t.rules.layers[rule.layer] ?? rule.layer}</span>
    <span><span class=${rule.inverted ? 'cannot' : 'can'}>${rule.inverted ? t.rules.cannot : t.rules.can}</span> <strong>${list(rule.action)}</strong> ${list(rule.subject ?? 'all')}${rule.fields ? html` <span class="fine">(${list(rule.fields)})</span>` : null}
      ${rule.conditions && html`<code>${JSON.stringify(rule.conditions)}</code>`}</span></li>`;
}

/** Returns the decision on an action, and the index of the rule that decides it, or -1. */
function decide(rules, action, type, object) {
  const plain = rules.map(({ layer, ...rule }) => rule);
  const rule = abilityOf(plain).relevantRuleFor(action, object ? subject(type, { ...object }) : type);
  return { allowed: Boolean(rule && !rule.inverted), index: rule ? plain.indexOf(rule.origin) : -1 };
}

export function AbilitiesDialog({ user, onClose }) {
  const [rules, setRules] = useState(null);
  const [error, setError] = useState(null);
  const [verdict, setVerdict] = useState(null);
  useEffect(() => {
    api.get(`/users/${segment(user.id)}/abilities`).then((body) => setRules(body.rules), setError);
  }, []);
  const check = async (event) => {
    event.preventDefault();
    const form = new FormData(event.target);
    setError(null);
    setVerdict(null);
    try {
      const object = await objectOf(form.get('subject'), form.get('object').trim());
      setVerdict(decide(rules, form.get('action'), form.get('subject'), object));
    } catch (failure) {
      setError(failure);
    }
  };
  const layer = t.rules.layers[rules?.[verdict?.index]?.layer];
  return html`<${Dialog} title=${t.rules.abilities(user.name)} onClose=${onClose} className="wide">
    ${!rules && !error && html`<${Loading} />`}
    ${rules && html`<p class="fine">${t.rules.hint}</p>
    <ol class="rule-list" tabindex="0" aria-label=${t.rules.effective}>${rules.map((rule, index) => html`<${RuleRow} key=${index} rule=${rule} decides=${verdict?.index === index} />`)}</ol>
    <form class="form row" onSubmit=${check} aria-label=${t.rules.check}>
      <${Select} label=${t.rules.action} name="action" value="read" options=${choices(ACTIONS)} />
      <${Select} label=${t.rules.subject} name="subject" value="Session" options=${choices(SUBJECTS)} />
      <${Field} label=${t.rules.object} name="object" spellcheck=${false} placeholder=${t.rules.objectExample} />
      <button type="submit">${t.rules.check}</button></form>`}
    <${Problem} error=${error} />
    <p class="verdict" role="status">${verdict && html`<strong class=${verdict.allowed ? 'can' : 'cannot'}>${verdict.allowed ? t.rules.allowed : t.rules.refused}</strong> ${t.rules.by(verdict.index + 1, layer)}`}</p>
    <div class="actions"><button type="button" class="primary" onClick=${onClose}>${t.actions.close}</button></div>
  <//>`;
}
