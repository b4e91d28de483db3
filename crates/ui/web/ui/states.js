// What a page shows while it has nothing, or something else than it asked for: the same everywhere.
import { html, useEffect, useState } from '../vendor/core.js';
import { clock, safe, t } from '../core/i18n.js';
import { Copy, shellWord } from './copy.js';

const SKELETON_AFTER_MS = 120;
const SAY_AFTER_MS = 4000;
const ROWS = 8;
/** An answer older than this is called old. */
const OLD_MS = 5000;

function useElapsed(since) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timers = [setTimeout(() => setNow(Date.now()), SKELETON_AFTER_MS), setInterval(() => setNow(Date.now()), 1000)];
    return () => { clearTimeout(timers[0]); clearInterval(timers[1]); };
  }, []);
  return now - since;
}

function Loading({ state }) {
  const elapsed = useElapsed(state.since);
  return html`<div class="skeleton" role="status" aria-label=${t('loading')}>
    ${elapsed >= SKELETON_AFTER_MS && Array.from({ length: ROWS }, (_, at) => html`<div key=${at} class="skeleton-row"></div>`)}
    ${elapsed >= SAY_AFTER_MS && html`<p class="quiet">${t('loading.slow', { path: state.request, s: Math.floor(elapsed / 1000) })}</p>`}
  </div>`;
}

function curl(request) {
  const address = location.origin + request.replace(/^GET /, '');
  return `curl -H "X-Consul-Token: $CONSUL_HTTP_TOKEN" ${shellWord(address)}`;
}

function Failed({ state, retry }) {
  const title = state.phase === 'denied' ? t('denied') : state.phase === 'gone' ? t('gone') : t('failed');
  return html`<div class="notice notice-crit" role="alert">
    <h2 class="panel-title">${title}${state.status ? ` · ${state.status}` : ''}</h2>
    ${state.error && html`<pre class="code">${safe(state.error)}</pre>`}
    <p class="mono quiet">${state.request}</p>
    <p class="actions"><button class="button button-primary" onClick=${retry}>${t('retry')}</button>
    <${Copy} text=${curl(state.request)} label=${t('copy.curl')} /></p>
  </div>`;
}

/** Strips above rows that are there, then `children`; or what stands in their place. */
export function Shown({ state, retry, children }) {
  if (state.data === null) {
    return state.phase === 'loading' ? html`<${Loading} state=${state} />` : html`<${Failed} state=${state} retry=${retry} />`;
  }
  return html`
    ${state.phase !== 'live' && html`<div class="strip strip-crit" role="status">
      <span>${t('as.of', { time: clock(state.at) })} ${safe(state.error || '')}</span>
      <button class="button" onClick=${retry}>${t('retry')}</button></div>`}
    ${state.filtered && html`<div class="strip">${t('filtered')}</div>`}
    ${state.contact > OLD_MS && html`<div class="strip strip-warn">${t('old', { s: Math.round(state.contact / 1000) })}</div>`}
    ${children}`;
}

/** Nothing is there: what would be, and how to make it. */
export function Empty({ title, text, command }) {
  return html`<div class="notice">
    <h2 class="panel-title">${title}</h2>
    ${text && html`<p>${text}</p>`}
    ${command && html`<pre class="code">${command}</pre><p><${Copy} text=${command} label=${t('copy.command')} /></p>`}
  </div>`;
}

/** Names as chips, those that do not fit as a number. */
export function Chips({ list, most = 3 }) {
  const rest = list.length - most;
  return html`<span class="chips">${list.slice(0, most).map((name) => html`<span key=${name} class="chip" title=${safe(name)}>${safe(name)}</span>`)}
    ${rest > 0 && html`<span class="chip" title=${list.slice(most).map(safe).join(', ')}>+${rest}</span>`}</span>`;
}

/** Links to the views of one thing. */
export function Tabs({ tabs, current }) {
  return html`<nav class="tabs" aria-label=${t('tabs')}>${tabs.map(([id, label, href, count]) => html`<a key=${id} class="tab" data-tab
    href=${href} aria-current=${id === current ? 'page' : undefined}>${label}${count !== undefined && html` <span class="quiet">${count}</span>`}</a>`)}</nav>`;
}
