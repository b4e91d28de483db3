// Every key of words that the sources name exists; every word is used.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { en } from '../../web/i18n/en.js';

const web = new URL('../../web/', import.meta.url);
const sources = readdirSync(web, { recursive: true })
  .filter((name) => name.endsWith('.js') && !/^(vendor|i18n)/.test(name))
  .map((name) => readFileSync(new URL(name, web), 'utf8'))
  .join('\n');

test('no sentence is missing', () => {
  for (const [, key] of sources.matchAll(/\bt\('([^']+)'/g)) {
    assert.ok(key in en || `${key}.other` in en, key);
  }
});

test('no sentence is left over', () => {
  const made = [...sources.matchAll(/t\(`([^$`]+)\$\{/g)].map(([, start]) => start);
  for (const key of Object.keys(en)) {
    const name = key.replace(/\.(one|other)$/, '');
    assert.ok(sources.includes(`'${name}'`) || made.some((start) => name.startsWith(start)), key);
  }
});
