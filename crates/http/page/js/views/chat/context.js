// Context of an answer: what was sent to the model, what was left out and why, and each request with its cost.

import { html, useEffect, useState } from '../../html.js';
import { api, segment } from '../../api.js';
import { count } from '../../format.js';
import { dollars, perMillion } from '../../money.js';
import { t } from '../../texts/index.js';
import { CopyButton } from '../../markdown/view.js';
import { Dialog } from '../../components/dialog.js';
import { Loading } from '../../components/loading.js';
import { Problem } from '../../components/problem.js';
import { Table } from '../../components/table.js';

const CACHED = { true: t.context.yes, false: t.context.no, null: '–' };
const COLUMNS = [
  { label: t.context.number, cell: (row) => row.seq ?? '' },
  { label: t.context.message, cell: (row) => t.context.roles[row.role] ?? row.role },
  { label: t.usage.tokens, numeric: true, cell: (row) => count(row.tokens) },
  { label: t.usage.cached, cell: (row) => CACHED[row.cached] },
];

/** Body of a request, read when it is asked for. */
function Body({ path, attempt }) {
  const [state, setState] = useState({});
  const read = async (event) => {
    if (!event.target.open || state.body || state.loading) return;
    setState({ loading: true });
    try {
      const { attempts } = await api.get(path, { include: 'body', attempt });
      const { body, body_unavailable: reason } = attempts.find((each) => each.attempt === attempt) ?? {};
      setState({ body: body ?? '', reason });
    } catch (error) {
      setState({ error });
    }
  };
  return html`<details class="facts wide" onToggle=${read}><summary>${t.context.body}</summary>
    <${Problem} error=${state.error} />
    ${state.loading && html`<${Loading} />`}
    ${state.reason && html`<p class="fine">${t.context.unavailable[state.reason] ?? state.reason}</p>`}
    ${state.body && html`<figure class="code"><figcaption><span>${t.context.format}</span><${CopyButton} text=${state.body} label=${t.context.copyBody} /></figcaption>
      <pre tabindex="0"><code>${state.body}</code></pre></figure>`}
  </details>`;
}

function Attempt({ attempt, path }) {
  const { prices } = attempt;
  const rows = [
    [t.facts.model, attempt.model_served ?? attempt.model],
    attempt.provider && [t.context.provider, attempt.provider],
    [t.context.outcome, attempt.failure_code ?? t.context.outcomes[attempt.outcome] ?? t.context.unended],
    attempt.duration_ms > 0 && [t.facts.latency, t.facts.milliseconds(count(attempt.duration_ms))],
    [t.facts.tokens, t.facts.tokenCounts(count(attempt.input_tokens), count(attempt.output_tokens))],
    attempt.cache_miss && [t.facts.missed, t.cacheMisses[attempt.cache_miss] ?? attempt.cache_miss],
    [t.facts.cost, attempt.cost === null ? t.chat.noPrice : `${dollars(attempt.cost)} ${t.basis[attempt.basis] ?? ''}`],
    prices && [t.context.prices, t.context.pricesOf(perMillion(prices.prompt), perMillion(prices.completion), prices.cache_read === null ? null : perMillion(prices.cache_read))],
    attempt.request_sha256 && [t.context.hash, html`<code>${attempt.request_sha256}</code>`],
  ].filter(Boolean);
  return html`<li><dl class="plain-list">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
    ${attempt.request_sha256 && html`<${Body} path=${path} attempt=${attempt.attempt} />`}</li>`;
}

const valueOf = (value) => (typeof value === 'object' ? JSON.stringify(value) : String(value));

function Report({ report, path }) {
  const { context, messages, left_out: leftOut, attempts } = report;
  const parameters = Object.entries(report.parameters).filter(([, value]) => value !== null && valueOf(value) !== '[]');
  return html`
    ${context && html`<p>${t.facts.contextCounts(count(context.messages_sent), count(context.messages_dropped), count(context.estimated_tokens))}.
      ${context.cut && ` ${t.context.cut(context.first_seq)}`}${context.context_length_assumed && ` ${t.context.assumed}`}</p>`}
    ${leftOut.length > 0 && html`<h3>${t.context.leftOut}</h3>
      <ul class="left-out">${leftOut.map((each) => html`<li><strong>${t.context.range(each.from_seq, each.to_seq)}</strong> ${t.context.reasons[each.reason] ?? each.reason}</li>`)}</ul>`}
    <h3>${t.context.sent}</h3>
    ${messages
      ? html`<${Table} caption=${t.context.sent} columns=${COLUMNS} rows=${messages} />`
      : html`<p class="empty">${t.context.unknown}</p>`}
    ${parameters.length > 0 && html`<h3>${t.context.parameters}</h3>
      <dl class="plain-list">${parameters.map(([name, value]) => html`<div><dt><code>${name}</code></dt><dd><code>${valueOf(value)}</code></dd></div>`)}</dl>`}
    ${attempts.length > 0 && html`<h3>${t.context.attempts(attempts.length)}</h3>
      <ol class="attempts">${attempts.map((attempt) => html`<${Attempt} key=${attempt.attempt} attempt=${attempt} path=${path} />`)}</ol>`}`;
}

export function ContextDialog({ message, onClose }) {
  const path = `/turns/${segment(message.turn_id)}/context`;
  const [report, setReport] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    api.get(path).then(setReport, setError);
  }, []);
  return html`<${Dialog} title=${t.context.title(message.seq)} onClose=${onClose} className="wide context">
    <${Problem} error=${error} />
    ${!report && !error && html`<${Loading} />`}
    ${report && html`<${Report} report=${report} path=${path} />`}
    <div class="actions"><button type="button" class="primary" onClick=${onClose}>${t.actions.close}</button></div>
  <//>`;
}
