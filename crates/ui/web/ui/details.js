// Parts of pages about one thing: its checks, its pairs of names and values.
import { html, useState } from '../vendor/core.js';
import { safe, t } from '../core/i18n.js';
import { severity } from '../core/status.js';
import { Copy } from './copy.js';
import { Empty } from './states.js';
import { Glyph } from './status-glyph.js';

const OUTPUT_LINES = 3;
/** Output beyond these is cut until it is asked for. */
const OUTPUT_MAX = 64 * 1024;
const LINE_MAX = 2000;

/** Output laid out if it is JSON. */
function laidOut(text) {
  if (!/^\s*[[{]/.test(text) || text.length > OUTPUT_MAX) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function Output({ text }) {
  const [all, setAll] = useState(false);
  if (!text) return null;
  const whole = laidOut(text);
  const lines = whole.split('\n');
  const cut = lines.length > OUTPUT_LINES || lines.some((line) => line.length > LINE_MAX);
  const shown = all || !cut ? whole : lines.slice(0, OUTPUT_LINES).map((line) => line.slice(0, LINE_MAX)).join('\n');
  return html`<pre class="code output" tabindex="0" aria-label=${t('output')}>${shown.split('\n').map(safe).join('\n')}</pre>
    ${cut && html`<button class="button" aria-expanded=${all} onClick=${() => setAll(!all)}>${all ? t('show.less') : t('show.all', { n: lines.length })}</button>`}`;
}

function Check({ check }) {
  return html`<li class="check"><div class="check-head"><${Glyph} status=${check.Status} word=${true} />
    <h2 class="check-name">${safe(check.Name || check.CheckID)}</h2><span class="mono quiet">${safe(check.CheckID)}</span>
    ${check.Type && html`<span class="chip">${safe(check.Type)}</span>`}
    <span class="chip">${check.ServiceID ? t('check.service') : t('check.node')}</span>
    ${check.Output && html`<${Copy} text=${check.Output} label=${t('copy.output')} />`}</div>
    ${check.Notes && html`<p class="quiet">${safe(check.Notes)}</p>`}<${Output} text=${check.Output} /></li>`;
}

/** Checks, the worst first. */
export function Checks({ checks }) {
  if (!checks.length) return html`<${Empty} title=${t('checks.none')} text=${t('checks.none.text')} />`;
  const sorted = [...checks].sort((a, b) => severity(a.Status) - severity(b.Status) || (a.Name < b.Name ? -1 : 1));
  const lost = checks.some((check) => check.CheckID === 'serfHealth' && check.Status === 'critical');
  return html`${lost && html`<div class="strip strip-warn">${t('serf.critical')}</div>`}
    <ul class="checks">${sorted.map((check) => html`<${Check} key=${`${check.ServiceID}\0${check.CheckID}`} check=${check} />`)}</ul>`;
}

/** A value; only web addresses become links. */
function Value({ text }) {
  return /^https?:\/\//i.test(text) ? html`<a class="link" href=${text} target="_blank" rel="noreferrer noopener">${safe(text)}</a>` : safe(text);
}

/** Names with values, by name. */
export function Pairs({ pairs, none }) {
  const names = Object.keys(pairs).sort();
  if (!names.length) return html`<p class="quiet">${none}</p>`;
  return html`<table class="plain"><thead><tr><th>${t('col.key')}</th><th>${t('col.value')}</th></tr></thead>
    <tbody>${names.map((name) => html`<tr key=${name}><td class="mono">${safe(name)}</td><td><${Value} text=${String(pairs[name])} /></td></tr>`)}</tbody></table>`;
}
