// All nodes: `{dc}/nodes`.
import { html, useMemo } from '../vendor/core.js';
import { t, safe, number } from '../core/i18n.js';
import { path } from '../core/routes.js';
import { nodeRow, severity } from '../core/status.js';
import { config } from '../data/config.js';
import { useLive, useTitle } from '../data/use.js';
import { href, navigate, query, setQuery } from '../data/location.js';
import { settings } from '../data/settings.js';
import { Shown } from '../ui/states.js';
import { Glyph } from '../ui/status-glyph.js';
import { List } from '../ui/list.js';

/** A cluster of thousands answers with megabytes: not more often than this. */
const GAP_MS = 10_000;
const STATUSES = ['critical', 'warning', 'maintenance', 'passing', 'empty'];
/** Serf's states, as `agent/members` numbers them. */
const MEMBER = { 1: 'alive', 2: 'leaving', 3: 'left', 4: 'failed' };

const FIELDS = {
  name: { from: (r) => r.name, search: true },
  address: { from: (r) => r.address, search: true },
  status: { from: (r) => r.status, exact: true },
  version: { from: (r) => r.version },
  services: { from: (r) => r.services },
  member: { from: (r) => r.member, exact: true },
  leader: { from: (r) => String(r.leader), exact: true },
  'meta.*': { from: (r, key) => r.meta[key], search: false },
};

function columns(dc, withMembers) {
  const to = (r) => href(path`${dc}/nodes/${r.name}/health-checks`);
  const all = [
    { id: 'status', title: t('col.status'), width: '72px', sort: (r) => [severity(r.status), r.name], cell: (r) => html`<${Glyph} status=${r.status} />` },
    { id: 'name', title: t('col.node'), width: 'minmax(180px, 2fr)', sort: (r) => r.name,
      cell: (r) => html`<a class="name" href=${to(r)}>${safe(r.name)}</a>${r.leader && html` <span class="chip">${t('leader')}</span>`}` },
    { id: 'address', title: t('col.address'), width: 'minmax(140px, 1fr)', cell: (r) => html`<span class="mono">${safe(r.address)}</span>` },
    { id: 'services', title: t('nav.services'), width: '96px', align: 'right', sort: (r) => r.services, cell: (r) => number(r.services) },
    { id: 'version', title: t('col.version'), width: '110px', sort: (r) => r.version, cell: (r) => safe(r.version) },
  ];
  if (withMembers) all.push({ id: 'member', title: t('col.member'), width: '100px', sort: (r) => r.member, cell: (r) => r.member && t(`member.${r.member}`) });
  return all;
}

export function View({ dc }) {
  useTitle(t('nav.nodes'), dc);
  const here = dc === config.LocalDatacenter;
  const [state, retry] = useLive('/v1/internal/ui/nodes', { dc }, { gap: GAP_MS });
  const [leader] = useLive('/v1/status/leader', { dc }, { once: true });
  const [members] = useLive('/v1/agent/members', {}, { once: true });
  const rows = useMemo(() => {
    const states = new Map((members.data || []).map((member) => [member.Name, MEMBER[member.Status] || '']));
    return (state.data || []).map((node) => ({ ...nodeRow(node, leader.data), member: (here && states.get(node.Node)) || '' }));
  }, [state.data, leader.data, members.data, here]);
  const real = useMemo(() => rows.filter((row) => !row.synthetic), [rows]);
  const table = useMemo(() => columns(dc, here), [dc, here]);
  const hidden = rows.length - real.length;
  if (state.data === null) return html`<h1 class="page-title">${t('nav.nodes')}</h1><${Shown} state=${state} retry=${retry} />`;
  return html`<${Shown} state=${state} retry=${retry}>
    ${hidden > 0 && html`<div class="strip">${t('nodes.synthetic', { n: hidden })}</div>`}
    <${List} title=${t('nav.nodes')} rows=${real} columns=${table} fields=${FIELDS} query=${query.value} onQuery=${setQuery}
      statuses=${STATUSES} sortBy="status" settings=${settings.value} open=${(r) => navigate(path`${dc}/nodes/${r.name}/health-checks`)} />
  </${Shown}>`;
}
