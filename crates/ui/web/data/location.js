// Where the browser is: the page's address and what of it is a filter. Links are real; a plain click is taken over here.
import { signal, computed } from '../vendor/core.js';
import { base, config } from './config.js';
import { match, foldQuery } from '../core/routes.js';

/** Redirects of one address; more would be a circle. */
const MAX_REDIRECTS = 4;

const here = signal({ path: '', search: '' });

/** {page, params} of the address. */
export const route = signal({ page: '', params: {} });
/** {filter, sort} of the address. */
export const query = computed(() => foldQuery(here.value.search));

/** The address of a page, for links. */
export const href = (path) => base + path;

function read() {
  let path = location.pathname.startsWith(base) ? location.pathname.slice(base.length) : '';
  let found = match(path, config.LocalDatacenter);
  for (let n = 0; found.redirect !== undefined && n < MAX_REDIRECTS; n += 1) {
    path = found.redirect;
    history.replaceState(history.state, '', base + path + location.search);
    found = match(path, config.LocalDatacenter);
  }
  here.value = { path, search: location.search };
  const old = route.peek();
  if (old.page !== found.page || JSON.stringify(old.params) !== JSON.stringify(found.params)) route.value = found;
}

/** Opens a page by its path under the content path. */
export function navigate(path) {
  history.pushState({}, '', base + path);
  read();
  scrollTo(0, 0);
}

/** Changes filter or sort: typing replaces the history entry, everything else makes one. */
export function setQuery(change, push) {
  const next = { ...query.peek(), ...change };
  const pairs = ['filter', 'sort'].filter((name) => next[name]).map((name) => `${name}=${encodeURIComponent(next[name])}`);
  const address = location.pathname + (pairs.length ? `?${pairs.join('&')}` : '');
  history[push ? 'pushState' : 'replaceState']({}, '', address);
  read();
}

/** Starts to follow the address bar and clicks. */
export function begin() {
  addEventListener('popstate', read);
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href]');
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || event.defaultPrevented || link.target || link.origin !== location.origin) return;
    if (!link.pathname.startsWith(base)) return;
    event.preventDefault();
    history.pushState({}, '', link.pathname + link.search);
    read();
  });
  read();
}
