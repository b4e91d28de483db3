// One node. `{dc}/nodes/{node}/health-checks|service-instances|round-trip-time|lock-sessions|metadata`.
import { html, useEffect, useMemo, useRef, useState } from '../vendor/core.js';
import { t, safe, number } from '../core/i18n.js';
import { path } from '../core/routes.js';
import { roundTrips } from '../core/rtt.js';
import { address, nodeRow, worst } from '../core/status.js';
import { write } from '../data/live.js';
import { useLive, useTitle } from '../data/use.js';
import { href } from '../data/location.js';
import { Copy } from '../ui/copy.js';
import { Checks, Pairs } from '../ui/details.js';
import { Chips, Empty, Shown, Tabs } from '../ui/states.js';
import { Glyph } from '../ui/status-glyph.js';

const ENDS = 10;

function Instances({ dc, node }) {
  const services = (node.Services || []).filter((s) => s.Kind !== 'connect-proxy');
  if (!services.length) return html`<${Empty} title=${t('node.services.none')} />`;
  const checks = (s) => (node.Checks || []).filter((check) => check.ServiceID === s.ID);
  const to = (s) => href(path`${dc}/services/${s.Service}/instances/${node.Node}/${s.ID}/health-checks`);
  return html`<table class="plain"><thead><tr><th>${t('col.status')}</th><th>${t('col.id')}</th><th>${t('col.service')}</th><th>${t('col.address')}</th><th>${t('col.tags')}</th></tr></thead>
    <tbody>${services.map((s) => html`<tr key=${s.ID}><td><${Glyph} status=${worst(checks(s))} word=${true} /></td>
      <td><a class="name" href=${to(s)}>${safe(s.ID)}</a></td><td>${safe(s.Service)}</td>
      <td class="mono">${safe(address(s.SocketPath, s.Address || node.Address, s.Port))}</td><td><${Chips} list=${s.Tags || []} /></td></tr>`)}</tbody></table>`;
}

function Distances({ dc, name, trips }) {
  if (!trips) return html`<${Empty} title=${t('rtt.none')} text=${t('rtt.none.text')} />`;
  const ms = (value) => `${value.toFixed(2)} ms`;
  const rows = (list) => html`<table class="plain"><tbody>${list.map((r) => html`<tr key=${r.node}>
    <td><a class="name" href=${href(path`${dc}/nodes/${r.node}/round-trip-time`)}>${safe(r.node)}</a></td><td class="right mono">${ms(r.ms)}</td></tr>`)}</tbody></table>`;
  return html`<p>${t('rtt.sum', { min: ms(trips.min), median: ms(trips.median), max: ms(trips.max), name: safe(name) })}</p>
    <section><h2 class="panel-title">${t('rtt.nearest')}</h2>${rows(trips.list.slice(0, ENDS))}</section>
    ${trips.list.length > ENDS && html`<section><h2 class="panel-title">${t('rtt.farthest')}</h2>${rows(trips.list.slice(-ENDS).reverse())}</section>`}`;
}

function Confirm({ session, dc, close }) {
  const box = useRef();
  const [said, setSaid] = useState('');
  useEffect(() => { box.current.showModal(); }, []);
  const request = path`/v1/session/destroy/${session.ID}`;
  const destroy = async () => {
    const result = await write('PUT', request, { dc });
    if (result.ok) close();
    else setSaid(`${result.status} ${result.text}`);
  };
  return html`<dialog ref=${box} class="dialog" onClose=${close} aria-labelledby="confirm-title">
    <h2 class="panel-title" id="confirm-title">${t('session.end.title', { name: safe(session.Name || session.ID) })}</h2>
    <p>${t(`session.end.${session.Behavior}`)}</p><pre class="code">PUT ${request}</pre>
    ${said && html`<p class="said" role="alert">${safe(said)}</p>`}
    <p class="actions"><button class="button button-danger" onClick=${destroy} onKeyDown=${(event) => { if (event.repeat) event.preventDefault(); }}>${t('session.end')}</button>
    <button class="button" autofocus onClick=${close}>${t('cancel')}</button></p></dialog>`;
}

function Sessions({ dc, name }) {
  const [state, retry] = useLive(path`/v1/session/node/${name}`, { dc });
  const [asked, setAsked] = useState(null);
  const rows = state.data || [];
  const command = `consul lock -name=example example/lock sleep 60`;
  return html`<${Shown} state=${state} retry=${retry}>
    ${rows.length === 0 ? html`<${Empty} title=${t('sessions.none')} text=${t('sessions.none.text')} command=${command} />`
      : html`<table class="plain"><thead><tr><th>${t('col.name')}</th><th>${t('col.id')}</th><th>TTL</th><th>${t('session.delay')}</th><th>${t('session.behavior')}</th><th>${t('tab.checks')}</th><td></td></tr></thead>
        <tbody>${rows.map((s) => html`<tr key=${s.ID}><td>${safe(s.Name)}</td><td class="mono">${safe(s.ID)}</td><td>${s.TTL || '–'}</td>
          <td>${number(s.LockDelay / 1e9)} s</td><td>${safe(s.Behavior)}</td><td><${Chips} list=${[...(s.NodeChecks || []), ...(s.ServiceChecks || []).map((check) => check.ID)]} /></td>
          <td><button class="button button-crit" onClick=${() => setAsked(s)}>${t('session.end')}</button></td></tr>`)}</tbody></table>`}
    ${asked && html`<${Confirm} session=${asked} dc=${dc} close=${() => setAsked(null)} />`}
  </${Shown}>`;
}

function Body({ dc, node, tab, trips }) {
  if (tab === 'service-instances') return html`<${Instances} dc=${dc} node=${node} />`;
  if (tab === 'round-trip-time') return html`<${Distances} dc=${dc} name=${node.Node} trips=${trips} />`;
  if (tab === 'lock-sessions') return html`<${Sessions} dc=${dc} name=${node.Node} />`;
  if (tab === 'metadata') return html`<${Pairs} pairs=${node.Meta || {}} none=${t('meta.none')} />`;
  return html`<${Checks} checks=${(node.Checks || []).filter((check) => !check.ServiceID)} />`;
}

export function View({ dc, node: name, tab }) {
  useTitle(name, t('nav.nodes'), dc);
  const [state, retry] = useLive(path`/v1/internal/ui/node/${name}`, { dc });
  const [coordinates] = useLive('/v1/coordinate/nodes', { dc }, { gap: 10_000 });
  const trips = useMemo(() => roundTrips(name, coordinates.data || []), [coordinates.data, name]);
  const node = state.data;
  const row = node && nodeRow(node, '');
  const at = (id) => href(path`${dc}/nodes/${name}/` + id);
  const tabs = node && [['health-checks', t('tab.checks'), number(row.checks.length)], ['service-instances', t('tab.services'), number((node.Services || []).filter((s) => s.Kind !== 'connect-proxy').length)],
    ...(trips || tab === 'round-trip-time' ? [['round-trip-time', t('tab.rtt')]] : []), ['lock-sessions', t('tab.sessions')], ['metadata', t('meta')]]
    .map(([id, label, count]) => [id, label, at(id), count]);
  return html`<p class="crumb"><a class="link" href=${href(path`${dc}/nodes`)}>${t('nav.nodes')}</a> /</p>
    <div class="list-head"><h1 class="page-title">${safe(name)}</h1>
    ${node && html`<${Glyph} status=${row.status} word=${true} /><span class="mono">${safe(node.Address)}</span><${Copy} text=${node.Address} label=${t('copy.address')} />`}</div>
    <${Shown} state=${state} retry=${retry}>
      ${node && html`<${Tabs} tabs=${tabs} current=${tab} /><${Body} dc=${dc} node=${node} tab=${tab} trips=${trips} />`}
    </${Shown}>`;
}
