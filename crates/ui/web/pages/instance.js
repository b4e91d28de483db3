// One instance: its checks, its tags and meta. `{dc}/services/{service}/instances/{node}/{id}/…`.
import { html, useMemo } from '../vendor/core.js';
import { t, safe, number } from '../core/i18n.js';
import { path } from '../core/routes.js';
import { instanceRow } from '../core/status.js';
import { useLive, useTitle } from '../data/use.js';
import { href } from '../data/location.js';
import { Copy } from '../ui/copy.js';
import { Checks, Pairs } from '../ui/details.js';
import { Chips, Empty, Shown, Tabs } from '../ui/states.js';
import { Glyph } from '../ui/status-glyph.js';

function Head({ dc, service, id, row }) {
  return html`<p class="crumb"><a class="link" href=${href(path`${dc}/services`)}>${t('nav.services')}</a> /
      ${' '}<a class="link" href=${href(path`${dc}/services/${service}/instances`)}>${safe(service)}</a> /</p>
    <div class="list-head"><h1 class="page-title">${safe(id)}</h1>
    ${row && html`<${Glyph} status=${row.status} word=${true} />
      ${!row.synthetic && html`<a class="link" href=${href(path`${dc}/nodes/${row.node}/health-checks`)}>${safe(row.node)}</a>`}
      <span class="mono">${safe(row.address)}</span><${Copy} text=${row.address} label=${t('copy.address')} />`}</div>`;
}

function Metadata({ row }) {
  return html`<section><h2 class="panel-title">${t('col.tags')}</h2>
      ${row.tags.length ? html`<${Chips} list=${row.tags} most=${1000} />` : html`<p class="quiet">${t('tags.none')}</p>`}</section>
    <section><h2 class="panel-title">${t('meta')}</h2><${Pairs} pairs=${row.meta} none=${t('meta.none')} /></section>
    <section><h2 class="panel-title">${t('weights')}</h2><${Pairs} pairs=${row.weights} none=${t('meta.none')} /></section>`;
}

export function View({ dc, service, node, id, tab }) {
  useTitle(id, service, dc);
  const [state, retry] = useLive(path`/v1/health/service/${service}`, { dc });
  const row = useMemo(() => (state.data || []).map(instanceRow).find((r) => r.node === node && r.id === id), [state.data, node, id]);
  const at = (name) => href(path`${dc}/services/${service}/instances/${node}/${id}/` + name);
  const tabs = [['health-checks', t('tab.checks'), at('health-checks'), row && number(row.checks.length)], ['metadata', t('tab.tagsMeta'), at('metadata')]];
  return html`<${Head} dc=${dc} service=${service} id=${id} row=${row} />
    <${Shown} state=${state} retry=${retry}>
      ${row ? html`<${Tabs} tabs=${tabs} current=${tab} />${tab === 'metadata' ? html`<${Metadata} row=${row} />` : html`<${Checks} checks=${row.checks} />`}`
        : html`<${Empty} title=${t('instance.gone')} text=${t('instance.gone.text')} />`}
    </${Shown}>`;
}
