// Start: the configuration block, the languages, the frame.
import { render, html } from '../vendor/core.js';
import { setLanguage } from '../core/i18n.js';
import { en } from '../i18n/en.js';
import { settings, applyTheme } from '../data/settings.js';
import { start } from './router.js';
import { Shell } from './shell.js';

/** Languages beside English: asked for only by those who read them. */
const WORDS = { zh: async () => (await import('../i18n/zh.js')).zh };

function language() {
  const chosen = settings.value.language;
  if (chosen !== 'auto') return chosen;
  return (navigator.language || 'en').toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

const name = language();
setLanguage(name, WORDS[name] ? await WORDS[name]() : en, en);
document.documentElement.lang = name === 'zh' ? 'zh-Hans' : 'en';
applyTheme();
start();
render(html`<${Shell} />`, document.getElementById('app'));
