// What statuses are worth, and what rows of the API mean to the pages. Pure.

/** From worst to best, as lists sort them. */
export const STATUSES = ['critical', 'warning', 'maintenance', 'passing', 'empty', 'unknown'];

/** The place of a status in that order. */
export const severity = (status) => {
  const at = STATUSES.indexOf(status);
  return at < 0 ? STATUSES.length : at;
};

const isMaintenance = (check) => check.CheckID === '_node_maintenance' || check.CheckID.startsWith('_service_maintenance:');

/** The status that a list of checks comes to. */
export function worst(checks) {
  if (!checks.length) return 'empty';
  if (checks.some((check) => isMaintenance(check) && check.Status === 'critical')) return 'maintenance';
  if (checks.some((check) => check.Status === 'critical')) return 'critical';
  return checks.some((check) => check.Status === 'warning') ? 'warning' : 'passing';
}

/** How many of each status. */
export function tally(checks) {
  const count = { critical: 0, warning: 0, passing: 0 };
  for (const check of checks) if (check.Status in count) count[check.Status] += 1;
  return count;
}

/** A row of `ui/services`. */
export function serviceRow(s) {
  const counts = { critical: s.ChecksCritical, warning: s.ChecksWarning, passing: s.ChecksPassing };
  const total = counts.critical + counts.warning + counts.passing;
  let status = 'passing';
  if (s.PeerName && !s.InstanceCount) status = 'unknown';
  else if (!total) status = 'empty';
  else if (counts.critical) status = 'critical';
  else if (counts.warning) status = 'warning';
  const kind = s.Kind || (s.ConnectedWithProxy || s.ConnectNative ? 'in-mesh' : 'service');
  return {
    key: `${s.Name}\0${s.PeerName || ''}`, name: s.Name, peer: s.PeerName || '', status, kind,
    instances: s.InstanceCount, counts, tags: s.Tags || [], sources: s.ExternalSources || [],
  };
}

/** A row of `health/service`: the checks of the instance and of its node apart. */
export function instanceRow(r) {
  const own = r.Checks.filter((check) => check.ServiceID);
  const node = r.Checks.filter((check) => !check.ServiceID);
  return {
    key: `${r.Node.Node}\0${r.Service.ID}`, id: r.Service.ID, name: r.Service.Service, node: r.Node.Node,
    synthetic: r.Node.Meta?.['synthetic-node'] !== undefined, status: worst(r.Checks), own, nodeChecks: node,
    address: address(r.Service.SocketPath, r.Service.Address || r.Node.Address, r.Service.Port),
    port: r.Service.Port, tags: r.Service.Tags || [], meta: r.Service.Meta || {}, weights: r.Service.Weights || {},
    source: r.Service.Meta?.['external-source'] || '', kind: r.Service.Kind || '', checks: r.Checks,
  };
}

/** Host and port as they are dialled; IPv6 in brackets, a socket by its path. */
export function address(socket, host, port) {
  if (socket) return socket;
  const shown = host.includes(':') ? `[${host}]` : host;
  return port ? `${shown}:${port}` : shown;
}

/** A row of `ui/nodes`. `leader` is host:port of raft, as `status/leader` tells it. */
export function nodeRow(n, leader) {
  const checks = (n.Checks || []).filter((check) => !check.ServiceID);
  const host = (leader || '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const services = (n.Services || []).filter((service) => !(service.Kind || '').endsWith('-proxy'));
  return {
    key: n.Node, name: n.Node, address: n.Address, status: worst(checks), checks, counts: tally(checks),
    services: services.length, version: n.Meta?.['consul-version'] || '', meta: n.Meta || {},
    synthetic: n.Meta?.['synthetic-node'] !== undefined,
    leader: Boolean(host) && host === n.Address && services.some((service) => service.Service === 'consul'),
  };
}

/** Distinct tags of instances with how many carry each, by name. */
export function tagRows(instances) {
  const all = new Map();
  for (const row of instances) {
    for (const tag of new Set(row.tags)) {
      const found = all.get(tag) || { key: tag, tag, instances: 0, critical: 0, warning: 0 };
      found.instances += 1;
      if (row.status === 'critical') found.critical += 1;
      if (row.status === 'warning') found.warning += 1;
      all.set(tag, found);
    }
  }
  return [...all.values()].sort((a, b) => (a.tag < b.tag ? -1 : 1));
}
