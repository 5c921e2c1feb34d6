// Budgets that the viewer's own sends count towards.

import { html } from '../../html.js';
import { instant } from '../../format.js';
import { dollars, number } from '../../money.js';
import { t } from '../../texts/index.js';

export function Budgets({ me, names }) {
  const nameOf = (budget) => ({ user: t.budgets.own, group: t.budgets.group(names.group(budget.id)), api_key: t.budgets.key })[budget.subject] ?? budget.subject;
  return html`<section aria-labelledby="budgets"><h2 id="budgets">${t.budgets.title}</h2>
    ${me.budgets.length === 0 && html`<p class="empty">${t.budgets.none}</p>`}
    <ul class="rows">${me.budgets.map((budget) => html`<li key=${budget.id} class="budget">
      <span><strong>${nameOf(budget)}</strong> <span class="fine">${t.budgets.period[budget.period]}</span></span>
      <meter aria-label=${nameOf(budget)} min="0" max=${number(budget.limit)} value=${number(budget.spent) + number(budget.reserved)} low=${number(budget.limit) * 0.8} high=${number(budget.limit) * 0.95} optimum="0"></meter>
      <span>${t.budgets.left(dollars(budget.left), dollars(budget.limit))} <span class="fine">${t.budgets.resets(instant(budget.resets_at))}</span></span></li>`)}</ul></section>`;
}
