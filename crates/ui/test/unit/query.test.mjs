import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compile, quantity } from '../../web/core/query.js';

const fields = {
  name: { from: (r) => r.name, search: true },
  tag: { from: (r) => r.tags, search: true },
  status: { from: (r) => r.status, exact: true },
  instances: { from: (r) => r.instances },
  'meta.*': { from: (r, key) => r.meta?.[key] },
};
const rows = [
  { name: 'web', tags: ['v3', 'canary'], status: 'critical', instances: 4, meta: { version: '3', rack: 'R 1' } },
  { name: 'db-1', tags: [], status: 'passing', instances: 12 },
  { name: 'db-2', tags: ['team-pay'], status: 'warning', instances: 2 },
];
const names = (filter) => rows.filter(compile(filter, fields).test).map((row) => row.name).join(' ');

test('values, fields, wildcards and lists', () => {
  for (const [filter, want] of [
    ['', 'web db-1 db-2'],
    ['DB', 'db-1 db-2'],
    ['status:critical,warning', 'web db-2'],
    ['status:crit', ''],
    ['tag:team-*', 'db-2'],
    ['name=db', ''],
    ['name!=web', 'db-1 db-2'],
    ['name~^db-[12]$', 'db-1 db-2'],
    ['instances>=4', 'web db-1'],
    ['instances<4', 'db-2'],
    ['meta.version=3', 'web'],
    ['meta.rack="r 1"', 'web'],
    ['"b-1"', 'db-1'],
  ]) assert.equal(names(filter), want, filter);
});

test('and binds before or, not before both', () => {
  for (const [filter, want] of [
    ['web or db status:passing', 'web db-1'],
    ['(web or db) -status:passing', 'web db-2'],
    ['not web', 'db-1 db-2'],
    ['not not web', 'web'],
    ['-tag:canary db', 'db-1 db-2'],
    ['db and not (name:1 or name:9)', 'db-2'],
  ]) assert.equal(names(filter), want, filter);
});

test('what is not finished is ignored and marked, never an error', () => {
  for (const filter of ['status:', '(', ')', 'or', 'web or', 'not', '"', 'name~[', 'instances>x', '-', '((((', 'and and']) {
    assert.equal(typeof compile(filter, fields).test(rows[0]), 'boolean', filter);
  }
  assert.deepEqual(compile('web name~[ instances>x', fields).broken, [4, 11]);
  assert.equal(names('web status:'), 'web');
  assert.equal(names('('.repeat(100_000)), 'web db-1 db-2');
});

test('quantities', () => {
  assert.equal(quantity('10KB'), 10_240);
  assert.equal(quantity('5m'), 300);
  assert.ok(Number.isNaN(quantity('5x')));
});

test('a word of one character does not make a pattern of another', () => {
  assert.equal(names('name:.*'), '');
  assert.equal(names('name:$'), '');
});
