// Budget of a user, group or API key: read, set, removed.

import { html, useState } from '../../html.js';
import { api, segment } from '../../api.js';
import { instant } from '../../format.js';
import { dollars } from '../../money.js';
import { t } from '../../texts/index.js';
import { FormDialog } from '../../components/dialog.js';
import { Field, Select } from '../../components/field.js';

export function BudgetButton({ subject, id, name }) {
  const [budget, setBudget] = useState(undefined);
  const [open, setOpen] = useState(false);
  const path = `/budgets/${subject}/${segment(id)}`;
  const show = async () => {
    setBudget(await api.get(path).catch(() => null));
    setOpen(true);
  };
  const close = () => setOpen(false);
  return html`<button type="button" class="quiet small" aria-label=${t.budgets.of(name)} onClick=${show}>${t.budgets.one}</button>
    ${open && html`<${FormDialog} title=${t.budgets.of(name)} action=${t.actions.save} onClose=${close} onSubmit=${async (form) => {
      await api.put(path, { period: form.get('period'), limit: form.get('limit').trim() });
      close();
    }}>
      <p>${budget ? t.budgets.state(dollars(budget.spent), dollars(budget.reserved), dollars(budget.left), instant(budget.resets_at)) : t.budgets.absent}</p>
      <${Select} label=${t.budgets.periodLabel} name="period" value=${budget?.period ?? 'month'} options=${['day', 'month'].map((value) => ({ value, label: t.budgets.period[value] }))} />
      <${Field} label=${t.budgets.limit} name="limit" required pattern="\\d+(\\.\\d+)?" inputmode="decimal" value=${budget?.limit ?? ''} />
      ${budget && html`<p><button type="button" class="quiet danger" onClick=${async () => {
        await api.delete(path);
        close();
      }}>${t.budgets.remove}</button></p>`}
    <//>`}`;
}
