// Sums of reports: figures, costs by their basis, and the columns of tables.

import { html } from '../../html.js';
import { count, share } from '../../format.js';
import { dollars, units } from '../../money.js';
import { t } from '../../texts/index.js';

/** Columns of the sums of a report. Savings have a column if the report has them. */
export const sumColumns = (sums) => [
  { label: t.usage.requests, numeric: true, cell: (row) => count(row.requests), sort: (row) => row.requests },
  { label: t.usage.input, numeric: true, cell: (row) => count(row.input_tokens), sort: (row) => row.input_tokens },
  { label: t.usage.cached, numeric: true, cell: (row) => share(row.cached_tokens, row.input_tokens), sort: (row) => row.cached_tokens / (row.input_tokens || 1) },
  { label: t.usage.output, numeric: true, cell: (row) => count(row.output_tokens), sort: (row) => row.output_tokens },
  sums.cache_saved !== undefined && { label: t.usage.saved, numeric: true, cell: (row) => dollars(row.cache_saved), sort: (row) => units(row.cache_saved) },
  { label: t.usage.cost, numeric: true, cell: (row) => dollars(row.cost), sort: (row) => units(row.cost) },
].filter(Boolean);

/** Differences below a ten-thousandth of a cent are rounding. */
const ROUNDING = units('0.000001');

/** Returns the drift of calculated from reported costs for people. */
export function driftText(drift) {
  if (!drift?.requests) return '–';
  const value = units(drift.difference);
  return (value < 0n ? -value : value) < ROUNDING ? dollars('0') : dollars(drift.difference);
}

/** Sums of a report as large figures, and its costs by their basis. */
export function Figures({ total }) {
  const bases = Object.entries(total.cost_by_basis).filter(([, cost]) => units(cost) !== 0n);
  const figures = [
    [t.usage.cost, dollars(total.cost)],
    [t.usage.requests, count(total.requests)],
    [t.usage.tokens, count(total.total_tokens)],
    [t.usage.cached, share(total.cached_tokens, total.input_tokens)],
    total.cache_saved !== undefined && [t.usage.saved, dollars(total.cache_saved)],
  ].filter(Boolean);
  return html`<dl class="figures">${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    <p class="fine bases">${bases.map(([basis, cost], index) => html`${index > 0 && ' · '}<span title=${t.basisHelp[basis]}>${dollars(cost)} ${t.basis[basis]}</span>`)}
      ${total.requests_without_cost > 0 && html`${bases.length > 0 && ' · '}${t.usage.withoutCost(total.requests_without_cost)}`}
      ${total.drift?.requests > 0 && html` · <span title=${t.usage.driftHelp}>${t.usage.drift} ${driftText(total.drift)}</span>`}</p>`;
}
