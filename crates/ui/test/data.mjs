// Rows as the API answers them.
export const service = (Name, more = {}) => ({
  Name, Datacenter: 'dc1', Tags: null, Nodes: ['n1'], ExternalSources: null, InstanceCount: 1, ChecksPassing: 2, ChecksWarning: 0, ChecksCritical: 0,
  GatewayConfig: {}, TransparentProxy: false, ConnectNative: false, ConnectedWithProxy: false, ConnectedWithGateway: false, ...more,
});

export const check = (CheckID, Status, more = {}) => ({ CheckID, Name: CheckID, Status, Output: '', Notes: '', ServiceID: '', ServiceName: '', Type: 'tcp', ...more });

export const instance = (Node, ID, checks, more = {}) => ({
  Node: { Node, Address: '10.0.0.1', Datacenter: 'dc1', Meta: {} },
  Service: { ID, Service: 'web', Address: '', Port: 8080, Tags: ['v1'], Meta: { team: 'pay' }, Weights: { Passing: 1, Warning: 1 }, ...more },
  Checks: checks,
});

export const node = (Node, more = {}) => ({
  Node, Address: '10.0.0.1', Meta: { 'consul-version': '1.21.4' }, Services: [{ ID: 'web1', Service: 'web', Port: 80, Tags: [] }], Checks: [check('serfHealth', 'passing')], ...more,
});

/** What a name, tag or output must not be able to do anything with. */
export const HOSTILE = ['<img src=x onerror=window.pwned=1>', '"><script>window.pwned=1</script>', 'javascript:window.pwned=1', '\u202ereversed', 'x'.repeat(10_000), '{{constructor}}', '\u0000\u001b[31m'];
