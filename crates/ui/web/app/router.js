// From a route to the module that draws it; a page that fails, fails alone.
import { signal, effect } from '../vendor/core.js';
import { begin, route } from '../data/location.js';

const PAGES = {
  services: () => import('../pages/services.js'),
  service: () => import('../pages/service.js'),
  instance: () => import('../pages/instance.js'),
  nodes: () => import('../pages/nodes.js'),
  node: () => import('../pages/node.js'),
  settings: () => import('../pages/settings.js'),
  'not-found': () => import('../pages/not-found.js'),
};

/** {View, params, page} of what is shown, or {error}. */
export const shown = signal(null);

let latest = 0;

/** Follows the address from now on. */
export function start() {
  begin();
  effect(() => {
    const { page, params } = route.value;
    latest += 1;
    const mine = latest;
    PAGES[page]().then(
      (module) => { if (mine === latest) shown.value = { View: module.View, params, page }; },
      (error) => { if (mine === latest) shown.value = { error, params, page }; },
    );
  });
}
