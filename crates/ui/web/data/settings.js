// What this browser remembers: never anything of the cluster.
import { signal } from '../vendor/core.js';

const KEY = 'proconsul:settings';
const DEFAULTS = { theme: 'system', language: 'auto', density: 'normal', singleKeys: true };

function stored() {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) || '{}') };
  } catch {
    return { ...DEFAULTS };
  }
}

export const settings = signal(stored());

/** Changes some settings and keeps them; a browser that stores nothing keeps them until the page is left. */
export function change(some) {
  settings.value = { ...settings.value, ...some };
  applyTheme();
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.value));
  } catch {
    // Private windows may refuse.
  }
}

/** Forgets everything that was stored. */
export function wipe() {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // Nothing was stored then.
  }
  settings.value = { ...DEFAULTS };
  applyTheme();
}

/** Tells the style sheet the theme and the density. */
export function applyTheme() {
  const root = document.documentElement;
  root.dataset.theme = settings.value.theme;
  root.dataset.density = settings.value.density;
}
