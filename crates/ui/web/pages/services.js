// All services: `{dc}/services`.
import { html, useEffect, useMemo } from '../vendor/core.js';
import { t, safe, number } from '../core/i18n.js';
import { path } from '../core/routes.js';
import { serviceRow, severity } from '../core/status.js';
import { useLive, useTitle } from '../data/use.js';
import { href, navigate, query, setQuery } from '../data/location.js';
import { settings } from '../data/settings.js';
import { Chips, Empty, Shown } from '../ui/states.js';
import { Counts, Glyph } from '../ui/status-glyph.js';
import { List } from '../ui/list.js';

const STATUSES = ['critical', 'warning', 'passing', 'empty'];

const FIELDS = {
  name: { from: (r) => r.name, search: true },
  tag: { from: (r) => r.tags, search: true },
  peer: { from: (r) => r.peer, search: true },
  status: { from: (r) => r.status, exact: true },
  kind: { from: (r) => r.kind },
  source: { from: (r) => r.sources },
  instances: { from: (r) => r.instances },
  critical: { from: (r) => r.counts.critical },
  warning: { from: (r) => r.counts.warning },
  passing: { from: (r) => r.counts.passing },
};

const link = (dc, row) => path`${dc}/services/${row.name}/instances`;

function columns(dc) {
  const name = (row) => {
    const shown = html`${safe(row.name)}${row.peer && html` <span class="quiet">${safe(row.peer)}</span>`}`;
    return row.instances ? html`<a class="name" href=${href(link(dc, row))}>${shown}</a>` : html`<span class="name">${shown}</span>`;
  };
  return [
    { id: 'status', title: t('col.status'), width: '72px', sort: (r) => [severity(r.status), r.counts.passing, r.name], cell: (r) => html`<${Glyph} status=${r.status} />` },
    { id: 'name', title: t('col.name'), width: 'minmax(180px, 2fr)', sort: (r) => r.name, cell: name },
    { id: 'instances', title: t('col.instances'), width: '96px', align: 'right', sort: (r) => r.instances, cell: (r) => number(r.instances) },
    { id: 'checks', title: t('col.checks'), width: '190px', cell: (r) => html`<${Counts} counts=${r.counts} />` },
    { id: 'kind', title: t('col.mesh'), width: '110px', cell: (r) => (r.kind === 'service' ? '' : t(`kind.${r.kind}`)) },
    { id: 'tags', title: t('col.tags'), width: 'minmax(120px, 1.500fr)', cell: (r) => html`<${Chips} list=${r.tags} />` },
    { id: 'source', title: t('col.source'), width: '110px', cell: (r) => r.sources.map(safe).join(', ') },
  ];
}

function useStatusKeys() {
  useEffect(() => {
    const pressed = (event) => {
      const status = STATUSES['1234'.indexOf(event.key)];
      const busy = event.target.closest?.('input, textarea, select, dialog');
      if (!status || busy || event.ctrlKey || event.metaKey || event.altKey || !settings.value.singleKeys) return;
      const term = `status:${status}`;
      setQuery({ filter: query.peek().filter === term ? '' : term }, true);
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, []);
}

export function View({ dc }) {
  useTitle(t('nav.services'), dc);
  useStatusKeys();
  const [state, retry] = useLive('/v1/internal/ui/services', { dc });
  const rows = useMemo(() => (state.data || []).filter((s) => s.Kind !== 'connect-proxy').map(serviceRow), [state.data]);
  const table = useMemo(() => columns(dc), [dc]);
  const alone = state.data !== null && rows.every((row) => row.name === 'consul');
  if (state.data === null) return html`<h1 class="page-title">${t('nav.services')}</h1><${Shown} state=${state} retry=${retry} />`;
  return html`<${Shown} state=${state} retry=${retry}>
    <${List} title=${t('nav.services')} rows=${rows} columns=${table} fields=${FIELDS} query=${query.value} onQuery=${setQuery}
      statuses=${STATUSES} sortBy="status" settings=${settings.value} open=${(row) => row.instances && navigate(link(dc, row))} />
    ${alone && html`<${Empty} title=${t('services.none')} text=${t('services.none.text')}
      command="consul services register -name=web -port=8080" />`}
  </${Shown}>`;
}
