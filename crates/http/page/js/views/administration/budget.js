// Budget of a user, group or API key: read, set, removed.

import { html, useState } from '../../html.js';
import { api, segment } from '../../api.js';
import { instant } from '../../format.js';
import { dollars } from '../../money.js';
import { t } from '../../texts/index.js';
import { useAction } from '../../components/action.js';
import { Dialog, FormDialog } from '../../components/dialog.js';
import { Field, Select } from '../../components/field.js';
import { Problem } from '../../components/problem.js';

/** Returns a budget, or null if there is none. */
async function read(path) {
  try {
    return await api.get(path);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

function BudgetDialog({ path, name, budget, onClose }) {
  const removal = useAction();
  const remove = () => removal.run(async () => {
    await api.delete(path);
    onClose();
  });
  return html`<${FormDialog} title=${t.budgets.of(name)} action=${t.actions.save} onClose=${onClose} onSubmit=${async (form) => {
    await api.put(path, { period: form.get('period'), limit: form.get('limit').trim() });
    onClose();
  }}>
    <p>${budget ? t.budgets.state(dollars(budget.spent), dollars(budget.reserved), dollars(budget.left), instant(budget.resets_at)) : t.budgets.absent}</p>
    <${Select} label=${t.budgets.periodLabel} name="period" value=${budget?.period ?? 'month'} options=${['day', 'month'].map((value) => ({ value, label: t.budgets.period[value] }))} />
    <${Field} label=${t.budgets.limit} name="limit" required pattern="\\d+(\\.\\d+)?" inputmode="decimal" defaultValue=${budget?.limit ?? ''} />
    ${budget && html`<p><button type="button" class="quiet danger" onClick=${remove}>${t.budgets.remove}</button></p>`}
    <${Problem} error=${removal.error} />
  <//>`;
}

export function BudgetButton({ subject, id, name }) {
  const [shown, setShown] = useState(null);
  const path = `/budgets/${subject}/${segment(id)}`;
  const show = () => read(path).then((budget) => setShown({ budget }), (error) => setShown({ error }));
  const close = () => setShown(null);
  return html`<button type="button" class="quiet small" aria-label=${t.budgets.of(name)} onClick=${show}>${t.budgets.one}</button>
    ${shown?.error && html`<${Dialog} title=${t.budgets.of(name)} onClose=${close}><${Problem} error=${shown.error} />
      <div class="actions"><button type="button" class="primary" onClick=${close}>${t.actions.close}</button></div><//>`}
    ${shown && !shown.error && html`<${BudgetDialog} path=${path} name=${name} budget=${shown.budget} onClose=${close} />`}`;
}
