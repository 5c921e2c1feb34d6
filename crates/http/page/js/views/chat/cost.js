// Cost of a session: by basis and by model, with what caches contributed.

import { html, useEffect, useMemo, useState } from '../../html.js';
import { api } from '../../api.js';
import { t } from '../../texts/index.js';
import { Dialog } from '../../components/dialog.js';
import { Loading } from '../../components/loading.js';
import { Problem } from '../../components/problem.js';
import { Table } from '../../components/table.js';
import { Figures, sumColumns } from '../usage/sums.js';

export function CostDialog({ session, onClose }) {
  const [report, setReport] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    api.get('/usage', { session: session.id, from: session.started_at, group_by: 'model' }).then(setReport, setError);
  }, []);
  const columns = useMemo(() => report && [{ label: t.usage.by.model, cell: (row) => row.model ?? t.names.none, sort: (row) => row.model }, ...sumColumns(report.total)], [report]);
  return html`<${Dialog} title=${t.cost.title} onClose=${onClose} className="wide">
    <${Problem} error=${error} />
    ${!report && !error && html`<${Loading} />`}
    ${report && html`<${Figures} total=${report.total} />
      <${Table} caption=${t.usage.byTitle.model} columns=${columns} rows=${report.data} rowKey=${(row) => row.model ?? ''} empty=${t.cost.none} />
      ${session.parent_session_id && html`<p class="fine">${t.cost.fork}</p>`}`}
    <div class="actions"><button type="button" class="primary" onClick=${onClose}>${t.actions.close}</button></div>
  <//>`;
}
