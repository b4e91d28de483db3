// The frame around every page: head, navigation, keys.
import { html, Component, useEffect, useRef, useState } from '../vendor/core.js';
import { t } from '../core/i18n.js';
import { path } from '../core/routes.js';
import { config } from '../data/config.js';
import { connection, following } from '../data/live.js';
import { href, navigate } from '../data/location.js';
import { settings } from '../data/settings.js';
import { shown } from './router.js';

/** Keys that work everywhere, as the help shows them. */
const KEYS = [
  ['/', 'keys.filter'], ['g s', 'keys.services'], ['g n', 'keys.nodes'], ['j k', 'keys.move'], ['Enter', 'keys.open'],
  ['[ ]', 'keys.tabs'], ['f', 'keys.follow'], ['Esc', 'keys.back'], ['?', 'keys.help'],
];

const NAV = [
  ['services', 'nav.services', ['services', 'service', 'instance']],
  ['nodes', 'nav.nodes', ['nodes', 'node']],
];

class Guard extends Component {
  static getDerivedStateFromError(error) {
    return { error };
  }

  componentDidUpdate(previous) {
    if (previous.page !== this.props.page && this.state.error) this.setState({ error: null });
  }

  render({ children }, { error }) {
    if (!error) return children;
    return html`<${Broken} error=${error} />`;
  }
}

function Broken({ error }) {
  return html`<div class="notice notice-crit" role="alert">
    <h1 class="panel-title">${t('page.broken')}</h1>
    <pre class="code">${`proconsul ${config.Version}\n${error.stack || error}`}</pre>
  </div>`;
}

function Live() {
  const { state } = connection.value;
  const toggle = () => { following.value = !following.value; };
  const shownState = following.value ? state : 'paused';
  return html`<button class="live" data-state=${shownState} aria-pressed=${!following.value} onClick=${toggle} title=${t('live.hint')}>
    <span class="live-dot" aria-hidden="true"></span>${t(`live.${shownState}`)}</button>`;
}

function Help({ close }) {
  const box = useRef();
  useEffect(() => { box.current.showModal(); }, []);
  return html`<dialog ref=${box} class="dialog" onClose=${close} aria-labelledby="keys-title">
    <h2 class="panel-title" id="keys-title">${t('keys.title')}</h2>
    <dl class="keys">${KEYS.map(([key, word]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${t(word)}</dd></div>`)}</dl>
    <form method="dialog"><button class="button">${t('close')}</button></form>
  </dialog>`;
}

function focusFilter() {
  const box = document.querySelector('[data-filter]');
  box?.focus();
  return Boolean(box);
}

function turnTab(by) {
  const tabs = [...document.querySelectorAll('[data-tab]')];
  const at = tabs.findIndex((tab) => tab.getAttribute('aria-current') === 'page');
  tabs[at + by]?.click();
  return tabs.length > 0;
}

function useKeys(dc, help) {
  useEffect(() => {
    let first = '';
    const pressed = (event) => {
      const typing = event.target.closest?.('input, textarea, select, dialog, [contenteditable]');
      if (event.ctrlKey || event.metaKey || event.altKey || typing || !settings.value.singleKeys) return;
      const before = first;
      first = event.key === 'g' ? 'g' : '';
      const go = { s: 'services', n: 'nodes' }[event.key];
      let taken = true;
      if (before === 'g' && go) navigate(path`${dc}/` + go);
      else if (event.key === '/') taken = focusFilter();
      else if (event.key === '?') help(true);
      else if (event.key === 'f') following.value = !following.value;
      else if (event.key === '[') taken = turnTab(-1);
      else if (event.key === ']') taken = turnTab(1);
      else taken = false;
      if (taken) event.preventDefault();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, [dc]);
}

/** Everything that is on the screen. */
export function Shell() {
  const [help, setHelp] = useState(false);
  const now = shown.value;
  const dc = now?.params.dc || config.LocalDatacenter;
  useKeys(dc, setHelp);
  const where = (page) => (page === 'settings' ? href('settings') : href(path`${dc}/` + page));
  const link = ([page, word, pages]) => html`<a key=${page} class="nav-link" href=${where(page)}
    aria-current=${pages.includes(now?.page) ? 'page' : undefined}>${t(word)}</a>`;
  return html`
    <a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); document.getElementById('main').focus(); }}>${t('skip')}</a>
    <header class="head">
      <a class="brand" href=${where('services')}><span class="mark" aria-hidden="true"></span>proconsul</a>
      <span class="dc" title=${t('datacenter')}>${dc}</span>
      <span class="head-space"></span>
      <${Live} />
      <button class="button button-icon" aria-label=${t('keys.title')} onClick=${() => setHelp(true)}>?</button>
    </header>
    <nav class="nav" aria-label=${t('nav.label')}>
      ${NAV.map(link)}${link(['settings', 'nav.settings', ['settings']])}
    </nav>
    <main class="main" id="main" tabindex="-1">
      ${now && (now.error ? html`<${Broken} error=${now.error} />`
        : html`<${Guard} page=${now.page}><${now.View} key=${JSON.stringify(now.params)} ...${now.params} /></${Guard}>`)}
    </main>
    ${help && html`<${Help} close=${() => setHelp(false)} />`}`;
}
