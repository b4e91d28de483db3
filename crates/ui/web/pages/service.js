// One service: its instances and its tags. `{dc}/services/{service}/instances|tags`.
import { html, useMemo } from '../vendor/core.js';
import { t, safe, number } from '../core/i18n.js';
import { path } from '../core/routes.js';
import { instanceRow, severity, tagRows, tally, worst } from '../core/status.js';
import { useLive, useTitle } from '../data/use.js';
import { href, navigate, query, setQuery } from '../data/location.js';
import { settings } from '../data/settings.js';
import { Chips, Empty, Shown, Tabs } from '../ui/states.js';
import { Counts, Glyph } from '../ui/status-glyph.js';
import { List } from '../ui/list.js';

const FIELDS = {
  id: { from: (r) => r.id, search: true },
  node: { from: (r) => r.node, search: true },
  address: { from: (r) => r.address, search: true },
  tag: { from: (r) => r.tags, search: true },
  status: { from: (r) => r.status, exact: true },
  port: { from: (r) => r.port },
  source: { from: (r) => r.source },
  'meta.*': { from: (r, key) => r.meta[key] },
};

const STATUSES = ['critical', 'warning', 'maintenance', 'passing', 'empty'];

function columns(dc, service) {
  const to = (r) => href(path`${dc}/services/${service}/instances/${r.node}/${r.id}/health-checks`);
  const node = (r) => (r.synthetic ? safe(r.node) : html`<a class="link" href=${href(path`${dc}/nodes/${r.node}/health-checks`)}>${safe(r.node)}</a>`);
  return [
    { id: 'status', title: t('col.status'), width: '72px', sort: (r) => [severity(r.status), r.id], cell: (r) => html`<${Glyph} status=${r.status} />` },
    { id: 'name', title: t('col.id'), width: 'minmax(180px, 2fr)', sort: (r) => r.id, cell: (r) => html`<a class="name" href=${to(r)}>${safe(r.id)}</a>` },
    { id: 'own', title: t('col.serviceChecks'), width: '180px', cell: (r) => html`<${Counts} counts=${tally(r.own)} />` },
    { id: 'nodechecks', title: t('col.nodeChecks'), width: '180px', cell: (r) => !r.synthetic && html`<${Counts} counts=${tally(r.nodeChecks)} />` },
    { id: 'node', title: t('col.node'), width: 'minmax(100px, 1fr)', sort: (r) => r.node, cell: node },
    { id: 'address', title: t('col.address'), width: 'minmax(140px, 1fr)', cell: (r) => html`<span class="mono">${safe(r.address)}</span>` },
    { id: 'tags', title: t('col.tags'), width: 'minmax(110px, 1fr)', cell: (r) => html`<${Chips} list=${r.tags} />` },
  ];
}

function Tags({ dc, service, rows }) {
  const tags = useMemo(() => tagRows(rows), [rows]);
  if (!tags.length) return html`<${Empty} title=${t('tags.none')} />`;
  const to = (tag) => `${href(path`${dc}/services/${service}/instances`)}?filter=${encodeURIComponent(`tag="${tag}"`)}`;
  return html`<table class="plain"><thead><tr><th>${t('col.tag')}</th><th class="right">${t('col.instances')}</th>
    <th class="right">${t('status.critical')}</th><th class="right">${t('status.warning')}</th></tr></thead>
    <tbody>${tags.map((r) => html`<tr key=${r.tag}><td><a class="name" href=${to(r.tag)}>${safe(r.tag)}</a></td>
      <td class="right">${number(r.instances)}</td><td class="right">${number(r.critical)}</td><td class="right">${number(r.warning)}</td></tr>`)}</tbody></table>`;
}

function Head({ dc, service, rows }) {
  const status = worst(rows.flatMap((row) => row.checks));
  const kind = rows[0]?.kind;
  return html`<p class="crumb"><a class="link" href=${href(path`${dc}/services`)}>${t('nav.services')}</a> /</p>
    <div class="list-head"><h1 class="page-title">${safe(service)}</h1>
    ${rows.length > 0 && html`<${Glyph} status=${status} word=${true} />`}${kind && html`<span class="chip">${safe(kind)}</span>`}</div>`;
}

export function View({ dc, service, tab }) {
  useTitle(service, t('nav.services'), dc);
  const [state, retry] = useLive(path`/v1/health/service/${service}`, { dc });
  const rows = useMemo(() => (state.data || []).map(instanceRow), [state.data]);
  const table = useMemo(() => columns(dc, service), [dc, service]);
  const at = (name) => href(path`${dc}/services/${service}/` + name);
  const tabs = [['instances', t('tab.instances'), at('instances'), number(rows.length)], ['tags', t('tab.tags'), at('tags'), number(tagRows(rows).length)]];
  return html`<${Head} dc=${dc} service=${service} rows=${rows} />
    <${Shown} state=${state} retry=${retry}>
      <${Tabs} tabs=${tabs} current=${tab} />
      ${rows.length === 0 ? html`<${Empty} title=${t('instances.none')} text=${t('instances.none.text')} />`
        : tab === 'tags' ? html`<${Tags} dc=${dc} service=${service} rows=${rows} />`
          : html`<${List} title=${t('tab.instances')} level=${2} rows=${rows} columns=${table} fields=${FIELDS} query=${query.value} onQuery=${setQuery}
            statuses=${STATUSES} sortBy="status" settings=${settings.value}
            open=${(r) => navigate(path`${dc}/services/${service}/instances/${r.node}/${r.id}/health-checks`)} />`}
    </${Shown}>`;
}
