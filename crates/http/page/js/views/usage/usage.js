// Usage: cost per day as a chart, and sums by model, tool, user and group.

import { Component, html, useEffect, useLayoutEffect, useMemo, useState } from '../../html.js';
import { api, send } from '../../api.js';
import { day as dayText, timeZone } from '../../format.js';
import { units } from '../../money.js';
import { navigate } from '../../router.js';
import { t } from '../../texts/index.js';
import { useAction } from '../../components/action.js';
import { Field, Select } from '../../components/field.js';
import { Loading } from '../../components/loading.js';
import { Failure, Problem } from '../../components/problem.js';
import { Table } from '../../components/table.js';
import { useNames } from '../names.js';
import { CostChart } from './chart.js';
import { MAX_DAYS, RANGES, after, daysOf, isDay, isTooLong, rangeOf } from './ranges.js';
import { Figures, driftText, sumColumns } from './sums.js';

const GROUPS = ['model', 'tool', 'user', 'group'];

function useReports(range) {
  const [state, setState] = useState({ loading: true });
  const [attempt, setAttempt] = useState(0);
  // The sums of the last range are marked as busy with the rendering of another one.
  useLayoutEffect(() => {
    let current = true;
    if (isTooLong(range)) {
      setState({ refusal: new Error(t.usage.tooLong(MAX_DAYS)) });
      return undefined;
    }
    const query = { from: range.from, to: after(range.to), tz: timeZone };
    setState((old) => ({ ...old, loading: true, refusal: null }));
    Promise.all(['day', ...GROUPS].map((group_by) => api.get('/usage', { ...query, group_by })))
      .then(([days, ...groups]) => current && setState({ days, groups: Object.fromEntries(GROUPS.map((name, index) => [name, groups[index]])) }),
        (error) => current && setState({ error }));
    return () => {
      current = false;
    };
  }, [range.from, range.to, attempt]);
  return { ...state, retry: () => setAttempt(attempt + 1) };
}

/** Choice of the range. It is rendered for another range only, so that a day is not replaced while it is typed. */
class RangePicker extends Component {
  shouldComponentUpdate({ range }) {
    return ['name', 'from', 'to'].some((name) => range[name] !== this.props.range[name]);
  }

  go(query) {
    navigate(`/usage?${new URLSearchParams(query)}`, { replace: true });
  }

  custom(change) {
    const { from, to } = { ...this.props.range, ...change };
    if (isDay(from) && isDay(to) && from <= to) this.go({ range: 'custom', from, to });
  }

  render({ range }) {
    return html`<div class="range">
      <${Select} label=${t.usage.range} value=${range.name} options=${Object.keys(RANGES).concat('custom').map((name) => ({ value: name, label: t.usage.ranges[name] }))}
        onChange=${(event) => (event.target.value === 'custom' ? this.custom({}) : this.go({ range: event.target.value }))} />
      <${Field} label=${t.usage.from} type="date" value=${range.from} max=${range.to} onChange=${(event) => this.custom({ from: event.target.value })} />
      <${Field} label=${t.usage.to} type="date" value=${range.to} min=${range.from} onChange=${(event) => this.custom({ to: event.target.value })} />
      <${Csv} range=${range} />
    </div>`;
  }
}

function Csv({ range }) {
  const { busy, error, run } = useAction();
  const download = () => run(async () => {
    const response = await send('GET', '/usage/records', { query: { from: range.from, to: after(range.to), tz: timeZone }, accept: 'text/csv' });
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await response.blob());
    link.download = `usage-${range.from}-${range.to}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
  return html`<div class="field"><span class="label" aria-hidden="true"> </span><button type="button" onClick=${download} disabled=${busy}>${t.usage.csv}</button><${Problem} error=${error} /></div>`;
}

function GroupTable({ name, report, nameOf }) {
  const columns = useMemo(() => {
    const sums = sumColumns(report.total);
    const drift = name === 'model' && { label: t.usage.drift, numeric: true, cell: (row) => html`<span title=${row.drift?.difference}>${driftText(row.drift)}</span>`, sort: (row) => units(row.drift?.difference) };
    return [{ label: t.usage.by[name], cell: nameOf, sort: nameOf }, ...sums, drift].filter(Boolean);
  }, [name, report, nameOf]);
  const cost = columns.findIndex((column) => column.label === t.usage.cost);
  return html`<section aria-labelledby=${`by-${name}`}><h2 id=${`by-${name}`}>${t.usage.byTitle[name]}</h2>
    <${Table} caption=${t.usage.byTitle[name]} columns=${columns} rows=${report.data} initial=${cost} rowKey=${(row) => row[name] ?? ''} empty=${t.usage.none} />
    ${report.total.drift?.requests > 0 && html`<p class="fine note">${t.usage.driftHelp}</p>`}</section>`;
}

export function Usage({ route, ability, me }) {
  const range = rangeOf(route.query);
  const { days, groups, error, refusal, loading, retry } = useReports(range);
  const names = useNames({ ability, me });
  useEffect(() => {
    document.title = `${t.usage.title} · ${t.app.name}`;
  }, []);
  const perDay = useMemo(() => {
    if (!days) return null;
    const known = new Map(days.data.map((row) => [row.day, row.cost]));
    const all = daysOf({ from: range.from, to: range.to });
    return { all, costs: all.map((each) => known.get(each) ?? '0') };
  }, [days]);
  const nameOf = useMemo(() => ({
    model: (row) => row.model ?? t.names.none,
    tool: (row) => row.tool ?? t.names.noTool,
    user: (row) => names.user(row.user),
    group: (row) => names.group(row.group),
  }), [names.known]);
  return html`<main class="page" id="content" tabindex="-1" aria-busy=${loading ? 'true' : null}>
    <h1>${t.usage.title}</h1>
    <p class="fine">${t.usage.zone(timeZone)}</p>
    <${RangePicker} range=${range} />
    <${Failure} error=${error} onRetry=${retry} />
    <${Problem} error=${refusal} />
    ${!days && loading && html`<${Loading} />`}
    ${days && days.total.requests === 0 && html`<p class="empty nothing">${t.usage.none}</p>`}
    ${days && days.total.requests > 0 && html`<${Figures} total=${groups.model.total} />
      <section aria-labelledby="per-day"><h2 id="per-day">${t.usage.perDay}</h2>
        <${CostChart} days=${perDay.all} costs=${perDay.costs} />
        <details class="facts wide"><summary>${t.usage.asTable}</summary>
          <${Table} caption=${t.usage.perDay} rows=${days.data} rowKey=${(row) => row.day} empty=${t.usage.none} columns=${[{ label: t.usage.day, cell: (row) => dayText(row.day), sort: (row) => row.day }, ...sumColumns(days.total)]} />
        </details></section>
      ${GROUPS.map((name) => html`<${GroupTable} key=${name} name=${name} report=${groups[name]} nameOf=${nameOf[name]} />`)}`}
  </main>`;
}
