// What this browser remembers: `settings`.
import { html } from '../vendor/core.js';
import { t } from '../core/i18n.js';
import { useTitle } from '../data/use.js';
import { change, settings, wipe } from '../data/settings.js';

function Choice({ name, values, reload }) {
  const chosen = (event) => {
    change({ [name]: event.target.value });
    if (reload) location.reload();
  };
  return html`<label class="field"><span>${t(`settings.${name}`)}</span>
    <select class="select" value=${settings.value[name]} onChange=${chosen}>
    ${values.map(([value, label]) => html`<option key=${value} value=${value} selected=${settings.value[name] === value}>${label}</option>`)}</select></label>`;
}

export function View() {
  useTitle(t('nav.settings'));
  return html`<h1 class="page-title">${t('nav.settings')}</h1>
    <div class="form">
      <${Choice} name="theme" values=${['system', 'light', 'dark'].map((name) => [name, t(`theme.${name}`)])} />
      <${Choice} name="density" values=${['compact', 'normal', 'comfortable'].map((name) => [name, t(`density.${name}`)])} />
      <${Choice} name="language" reload=${true} values=${[['auto', t('language.auto')], ['en', 'English'], ['zh', '简体中文']]} />
      <label class="field field-check"><input type="checkbox" checked=${settings.value.singleKeys} onChange=${(event) => change({ singleKeys: event.target.checked })} />
        <span>${t('settings.singleKeys')}</span></label>
      <button class="button button-crit" onClick=${() => { wipe(); location.reload(); }}>${t('settings.wipe')}</button>
    </div>`;
}
