// Models of the catalogue: enabled, restricted, prices, synchronisation.

import { html, useEffect, useMemo, useState } from '../../html.js';
import { api, listAll, segment } from '../../api.js';
import { count } from '../../format.js';
import { perMillion, units } from '../../money.js';
import { t } from '../../texts/index.js';
import { announce } from '../../announce.js';
import { useAction } from '../../components/action.js';
import { Field } from '../../components/field.js';
import { Loading } from '../../components/loading.js';
import { Failure, Problem } from '../../components/problem.js';
import { Table } from '../../components/table.js';

export function Models({ names }) {
  const [models, setModels] = useState(null);
  const [unread, setUnread] = useState(null);
  const [error, setError] = useState(null);
  const syncing = useAction();
  const [filter, setFilter] = useState('');
  const load = () => {
    setUnread(null);
    return listAll('/models').then(setModels, setUnread);
  };
  useEffect(() => {
    load();
  }, []);
  const change = async (model, body) => {
    setError(null);
    try {
      const changed = await api.patch(`/models/${segment(model.id)}`, body);
      setModels((all) => all.map((each) => (each.id === changed.id ? changed : each)));
    } catch (failure) {
      setError(failure);
      setModels((all) => [...all]);
    }
  };
  const sync = () => syncing.run(async () => {
    setError(null);
    const { models: number } = await api.post('/models/sync');
    announce(t.models.synced(number));
    await load();
  });
  const toggle = (model, field) => html`<input type="checkbox" role="switch" aria-label=${t.models.toggles[field](model.name)} checked=${model[field]} onChange=${(event) => change(model, { [field]: event.target.checked })} />`;
  const grouped = models?.some((model) => model.group_id);
  const columns = useMemo(() => [
    { label: t.models.name, cell: (model) => html`${model.name}<br /><code class="fine">${model.id}</code>`, sort: (model) => model.id },
    { label: t.models.context, numeric: true, cell: (model) => count(model.context_length), sort: (model) => model.context_length },
    { label: t.models.input, numeric: true, cell: (model) => perMillion(model.pricing.prompt), sort: (model) => units(model.pricing.prompt) },
    { label: t.models.cached, numeric: true, cell: (model) => perMillion(model.pricing.cache_read), sort: (model) => units(model.pricing.cache_read) },
    { label: t.models.output, numeric: true, cell: (model) => perMillion(model.pricing.completion), sort: (model) => units(model.pricing.completion) },
    { label: t.models.enabled, cell: (model) => toggle(model, 'enabled'), sort: (model) => String(model.enabled) },
    { label: t.models.restricted, cell: (model) => toggle(model, 'restricted'), sort: (model) => String(model.restricted) },
    grouped && { label: t.models.group, cell: (model) => (model.group_id ? names.group(model.group_id) : '–') },
  ].filter(Boolean), [names.known, grouped]);
  const shown = useMemo(() => models?.filter((model) => `${model.id} ${model.name}`.toLowerCase().includes(filter.toLowerCase())), [models, filter]);
  return html`<section aria-labelledby="models"><div class="section-head"><h2 id="models">${t.administration.models}</h2>
      <button type="button" disabled=${syncing.busy} onClick=${sync}>${t.models.sync}</button></div>
    <p class="fine">${t.models.note}</p>
    <${Field} label=${t.models.filter} type="search" value=${filter} onInput=${(event) => setFilter(event.target.value)} />
    <${Failure} error=${unread} onRetry=${load} />
    <${Problem} error=${syncing.error ?? error} />
    ${shown ? html`<${Table} caption=${t.administration.models} columns=${columns} rows=${shown} empty=${t.models.none} />` : !unread && html`<${Loading} />`}</section>`;
}
