// Tables that sort by their columns, and lists that load page by page.

import { Fragment, html, useCallback, useEffect, useMemo, useRef, useState } from '../html.js';
import { api } from '../api.js';
import { t } from '../texts/index.js';
import { useKeptFocus } from './focus.js';
import { Loading } from './loading.js';
import { Failure } from './problem.js';

const compare = (a, b) => {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  if (typeof a === 'string') return a.localeCompare(b);
  return a < b ? -1 : 1;
};

const kindOf = (column) => (column.numeric ? 'numeric' : column.actions ? 'row-actions' : column.time ? 'time' : null);

/** True for a text with a word that is long enough to push other columns out of view. */
const hasLongWord = (text) => typeof text === 'string' && /\S{30}/.test(text);

function cellOf(column, row) {
  const content = column.cell(row);
  const isLong = hasLongWord(content) || hasLongWord(column.sort?.(row));
  return html`<td class=${isLong ? 'long' : kindOf(column)} data-label=${column.label}><div class="cell">${content}</div></td>`;
}

/**
 * Table. `columns`: `{label, cell(row), sort(row)?, numeric?, actions?, time?}`; a column with `sort` has a button in its head,
 * one with `actions` has buttons in its cells, and one with `time` keeps its texts in one line.
 * `initial` is the index of the column that sorts at first, descending.
 */
export function Table({ caption, columns, rows, initial = null, empty = t.lists.empty, rowKey = (row) => row.id, footer }) {
  const [order, setOrder] = useState({ column: initial, descending: true });
  const sorted = useMemo(() => {
    const column = columns[order.column];
    if (!column) return rows;
    const direction = order.descending ? -1 : 1;
    return [...rows].sort((a, b) => direction * compare(column.sort(a), column.sort(b)));
  }, [rows, columns, order]);
  const sortBy = (column) => setOrder((old) => ({ column, descending: old.column === column ? !old.descending : Boolean(columns[column].numeric) }));
  const focus = useKeptFocus();
  if (rows.length === 0) return html`<p class="empty" tabindex="-1" ...${focus}>${empty}</p>`;
  return html`<div class="table-frame" ...${focus} tabindex="0" role="group" aria-label=${caption}><table>
    <caption class="visually-hidden">${caption}</caption>
    <thead><tr>${columns.map((column, index) => html`<th scope="col" class=${kindOf(column)}
      aria-sort=${order.column === index ? (order.descending ? 'descending' : 'ascending') : null}>
      ${column.sort ? html`<button type="button" class="sort" onClick=${() => sortBy(index)}>${column.label}<span aria-hidden="true">${order.column === index ? (order.descending ? ' ↓' : ' ↑') : ''}</span></button>` : html`<span class=${column.actions ? 'visually-hidden' : null}>${column.label}</span>`}</th>`)}</tr></thead>
    <tbody>${sorted.map((row) => html`<tr key=${rowKey(row)}>${columns.map((column) => cellOf(column, row))}</tr>`)}</tbody>
    ${footer && html`<tfoot><tr>${columns.map((column, index) => html`<td class=${column.numeric ? 'numeric' : null} data-label=${column.label}>${footer(column, index)}</td>`)}</tr></tfoot>`}
  </table></div>`;
}

/** Rows of a list of the API, page by page. */
export function useList(path, query) {
  const [state, setState] = useState({ rows: [], cursor: null, loading: true, error: null });
  const key = JSON.stringify([path, query]);
  // Only the latest request changes the rows: an earlier one may be answered later, with older rows.
  const latest = useRef(0);
  const load = useCallback(async (cursor) => {
    latest.current += 1;
    const request = latest.current;
    setState((old) => ({ ...old, loading: true }));
    try {
      const page = await api.get(path, { ...query, limit: 50, cursor });
      if (latest.current !== request) return;
      setState((old) => ({ rows: cursor ? [...old.rows, ...page.data] : page.data, cursor: page.next_cursor, loading: false, error: null }));
    } catch (error) {
      if (latest.current === request) setState((old) => ({ ...old, loading: false, error, failed: cursor }));
    }
  }, [key]);
  useEffect(() => {
    load(null);
  }, [load]);
  const more = () => state.cursor && !state.loading && load(state.cursor);
  return { ...state, reload: () => load(null), more, retry: () => load(state.failed) };
}

/** Table of a list of the API. */
export const ListTable = ({ list, ...table }) => html`<${Fragment}>
  <${Failure} error=${list.error} onRetry=${list.retry} />
  ${list.rows.length > 0 || !(list.loading || list.error) ? html`<${Table} rows=${list.rows} ...${table} />` : list.loading && html`<${Loading} />`}
  ${list.cursor && html`<p class="actions"><button type="button" onClick=${list.more}>${t.lists.more}</button></p>`}
<//>`;
