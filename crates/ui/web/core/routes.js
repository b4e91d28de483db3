// Addresses: from a path to a page and back. Pure; every address of a page stands in ROUTES.

/** Patterns after the datacenter; `:name` takes one part. The first that fits counts. */
export const ROUTES = [
  ['services', 'services'],
  ['services/:service', 'service'],
  ['services/:service/instances', 'service', { tab: 'instances' }],
  ['services/:service/tags', 'service', { tab: 'tags' }],
  ['services/:service/instances/:node/:id', 'instance'],
  ['services/:service/instances/:node/:id/:tab', 'instance'],
  ['services/:service/:node/:id', 'old-instance'],
  ['nodes', 'nodes'],
  ['nodes/:node', 'node'],
  ['nodes/:node/:tab', 'node'],
];

const TABS = {
  instance: ['health-checks', 'metadata'],
  node: ['health-checks', 'service-instances', 'round-trip-time', 'lock-sessions', 'metadata'],
};

/** Joins parts to a path, each encoded by itself: path`dc1/services/${name}`. */
export function path(strings, ...values) {
  return strings.reduce((all, text, at) => all + text + (at < values.length ? encodeURIComponent(values[at]) : ''), '');
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function fits(pattern, parts) {
  const wanted = pattern.split('/');
  if (wanted.length !== parts.length) return null;
  const params = {};
  for (let i = 0; i < wanted.length; i += 1) {
    if (wanted[i].startsWith(':')) params[wanted[i].slice(1)] = decode(parts[i]);
    else if (wanted[i] !== parts[i]) return null;
  }
  return params;
}

/**
 * What a path under the content path means: {page, params} or {redirect}. `local` is this agent's datacenter.
 * An empty service ID is an empty part, so only a slash at the very end of a short path is dropped.
 */
export function match(pathname, local) {
  let parts = pathname.split('/');
  if (parts.length > 1 && parts.at(-1) === '' && parts.length < 6) parts = parts.slice(0, -1);
  if (parts.length === 1 && parts[0] === '') return { redirect: path`${local}/services` };
  if (parts.length === 1 && (parts[0] === 'settings' || parts[0] === 'setting')) {
    return parts[0] === 'setting' ? { redirect: 'settings' } : { page: 'settings', params: { dc: local } };
  }
  if (parts[0] === '_default' || parts[0] === '~default') return match(parts.slice(1).join('/'), local);
  const dc = decode(parts[0]);
  let rest = parts.slice(1);
  while (rest[0] === '_default' || rest[0] === '~default') rest = rest.slice(1);
  if (rest.length === 0) return { redirect: path`${dc}/services` };
  for (const [pattern, page, extra] of ROUTES) {
    const params = fits(pattern, rest);
    if (params) return route(page, { dc, ...params, ...extra });
  }
  return { page: 'not-found', params: { dc } };
}

function route(page, p) {
  if (page === 'service' && !p.tab) return { redirect: path`${p.dc}/services/${p.service}/instances` };
  if (page === 'old-instance' || (page === 'instance' && !p.tab)) {
    return { redirect: path`${p.dc}/services/${p.service}/instances/${p.node}/${p.id}/health-checks` };
  }
  if (page === 'node' && !p.tab) return { redirect: path`${p.dc}/nodes/${p.node}/health-checks` };
  if (TABS[page] && !TABS[page].includes(p.tab)) return { page: 'not-found', params: { dc: p.dc } };
  return { page, params: p };
}

/** Parameters of the reference UI's addresses that mean a filter, folded into one. */
export function foldQuery(search) {
  const asked = new URLSearchParams(search);
  const terms = [asked.get('filter') || ''];
  for (const name of ['status', 'kind', 'source', 'version']) {
    const value = asked.get(name);
    if (value) terms.push(`${name}:${value}`);
  }
  return { filter: terms.filter(Boolean).join(' '), sort: asked.get('sort') || '', peek: asked.get('peek') || '' };
}
