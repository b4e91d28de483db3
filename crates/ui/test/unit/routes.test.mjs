import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldQuery, match, path } from '../../web/core/routes.js';

test('addresses of the reference open their page', () => {
  for (const [address, want] of [
    ['', { redirect: 'dc1/services' }],
    ['dc2', { redirect: 'dc2/services' }],
    ['dc2/', { redirect: 'dc2/services' }],
    ['dc2/services', { page: 'services', params: { dc: 'dc2' } }],
    ['dc2/services/web', { redirect: 'dc2/services/web/instances' }],
    ['dc2/services/a%2Fb/tags', { page: 'service', params: { dc: 'dc2', service: 'a/b', tab: 'tags' } }],
    ['dc1/services/web/instances/n1/web1', { redirect: 'dc1/services/web/instances/n1/web1/health-checks' }],
    ['dc1/services/web/n1/web1', { redirect: 'dc1/services/web/instances/n1/web1/health-checks' }],
    ['dc1/services/web/instances/N1/w%20%231/metadata', { page: 'instance', params: { dc: 'dc1', service: 'web', node: 'N1', id: 'w #1', tab: 'metadata' } }],
    ['dc1/nodes', { page: 'nodes', params: { dc: 'dc1' } }],
    ['dc1/nodes/n1', { redirect: 'dc1/nodes/n1/health-checks' }],
    ['dc1/nodes/n1/lock-sessions', { page: 'node', params: { dc: 'dc1', node: 'n1', tab: 'lock-sessions' } }],
    ['dc1/nodes/n1/other', { page: 'not-found', params: { dc: 'dc1' } }],
    ['_default/dc1/nodes', { page: 'nodes', params: { dc: 'dc1' } }],
    ['dc1/~default/services', { page: 'services', params: { dc: 'dc1' } }],
    ['settings', { page: 'settings', params: { dc: 'dc1' } }],
    ['setting', { redirect: 'settings' }],
    ['dc1/nothing', { page: 'not-found', params: { dc: 'dc1' } }],
    ['dc1/services/%E0%A4%A', { redirect: 'dc1/services/%25E0%25A4%25A/instances' }],
  ]) assert.deepEqual(match(address, 'dc1'), want, address);
});

test('every redirect ends', () => {
  for (let address of ['', 'setting', 'dc1', 'dc1/services/x', 'dc1/services/x/y/z', 'dc1/nodes/n', 'dc1/services/a/instances/b/c']) {
    let steps = 0;
    for (let found = match(address, 'dc1'); found.redirect !== undefined; found = match(address, 'dc1')) {
      address = found.redirect;
      steps += 1;
      assert.ok(steps <= 4, address);
    }
  }
});

test('parts are encoded by themselves', () => {
  assert.equal(path`dc1/services/${'a/b #?'}`, 'dc1/services/a%2Fb%20%23%3F');
});

test('parameters of old addresses fold into the filter', () => {
  assert.deepEqual(foldQuery('?filter=web&status=critical&sort=Name:asc&searchproperty=Name,Tags'), { filter: 'web status:critical', sort: 'Name:asc', peek: '' });
});
