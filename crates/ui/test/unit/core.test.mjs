import assert from 'node:assert/strict';
import { test } from 'node:test';
import { safe, setLanguage, t } from '../../web/core/i18n.js';
import { estimate, roundTrips } from '../../web/core/rtt.js';
import { address, instanceRow, nodeRow, serviceRow, tagRows, worst } from '../../web/core/status.js';
import { en } from '../../web/i18n/en.js';
import { zh } from '../../web/i18n/zh.js';

const check = (Status, CheckID = 'c', ServiceID = '') => ({ Status, CheckID, ServiceID });

test('the worst status counts, maintenance before it', () => {
  assert.equal(worst([]), 'empty');
  assert.equal(worst([check('passing'), check('warning')]), 'warning');
  assert.equal(worst([check('critical'), check('warning')]), 'critical');
  assert.equal(worst([check('critical', '_node_maintenance')]), 'maintenance');
  assert.equal(worst([check('critical', '_service_maintenance:web')]), 'maintenance');
});

test('rows of services', () => {
  const row = (more) => serviceRow({ Name: 'a', InstanceCount: 1, ChecksCritical: 0, ChecksWarning: 0, ChecksPassing: 0, ...more });
  assert.equal(row({}).status, 'empty');
  assert.equal(row({ ChecksPassing: 2 }).status, 'passing');
  assert.equal(row({ ChecksPassing: 2, ChecksWarning: 1 }).status, 'warning');
  assert.equal(row({ PeerName: 'p', InstanceCount: 0 }).status, 'unknown');
  assert.equal(row({ ConnectedWithProxy: true }).kind, 'in-mesh');
  assert.deepEqual(row({ Tags: null, ExternalSources: null }).tags, []);
});

test('checks of an instance and of its node stay apart', () => {
  const row = instanceRow({ Node: { Node: 'n', Address: '::1' }, Service: { ID: 'i', Service: 's', Port: 80 }, Checks: [check('critical', 'a', 'i'), check('passing', 'serfHealth')] });
  assert.deepEqual([row.own.length, row.nodeChecks.length, row.status, row.address], [1, 1, 'critical', '[::1]:80']);
  assert.equal(address('/run/x', 'h', 1), '/run/x');
});

test('a node takes its status from its own checks, and leads when its raft address does', () => {
  const node = { Node: 'n', Address: '10.0.0.1', Checks: [check('critical', 'x', 'web'), check('passing', 'serfHealth')], Services: [{ Service: 'consul' }, { Service: 'p', Kind: 'connect-proxy' }] };
  assert.deepEqual([nodeRow(node, '10.0.0.1:8300').status, nodeRow(node, '10.0.0.1:8300').leader, nodeRow(node, '10.0.0.11:8300').leader, nodeRow(node, '').services], ['passing', true, false, 1]);
});

test('tags count once per instance', () => {
  assert.deepEqual(tagRows([{ tags: ['b', 'a', 'a'], status: 'critical' }, { tags: ['a'], status: 'passing' }]).map((r) => [r.tag, r.instances, r.critical]), [['a', 2, 1], ['b', 1, 1]]);
});

test('round trips', () => {
  const at = (Node, x) => ({ Node, Coord: { Vec: [x, 0], Height: 0.001, Adjustment: 0 } });
  const found = roundTrips('a', [at('a', 0), at('b', 0.01), at('c', 0.03)]);
  assert.deepEqual(found.list.map((r) => [r.node, r.ms.toFixed(3)]), [['b', '12.000'], ['c', '32.000']]);
  assert.equal(found.median.toFixed(3), '22.000');
  assert.equal(roundTrips('a', [at('a', 0)]), null);
  const pulled = { Vec: [0], Height: 0.001, Adjustment: -1 };
  assert.equal(estimate(pulled, pulled).toFixed(3), '2.000', 'an adjustment below zero is left out');
});

test('both languages have the same keys and places', () => {
  const places = (text) => (text.match(/\{\w+\}/g) || []).sort().join();
  const missing = (a, b) => Object.keys(a).filter((key) => !(key in b) && !(key.endsWith('.one')));
  assert.deepEqual(missing(en, zh), []);
  assert.deepEqual(Object.keys(zh).filter((key) => !(key in en)), []);
  for (const key of Object.keys(zh)) assert.equal(places(zh[key]), places(en[key]), key);
});

test('plurals, numbers and marks of what has no shape', () => {
  setLanguage('en', en, en);
  assert.equal(t('rows.changed', { n: 1 }), '1 row changed');
  assert.equal(t('rows.changed', { n: 1200 }), '1,200 rows changed');
  setLanguage('zh', zh, en);
  assert.equal(t('rows.changed', { n: 1 }), '1 行已变更');
  assert.equal(safe('a\u202eb\u0000'), 'a‹U+202E›b‹U+0000›');
});
