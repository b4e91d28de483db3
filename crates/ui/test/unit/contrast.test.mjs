// Contrast of the tokens in both themes: text 4.5, shapes and borders of controls 3, on each ground they stand on.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

const css = readFileSync(new URL('../../web/css/tokens.css', import.meta.url), 'utf8');
const tokens = Object.fromEntries([...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)].map(([, name, light, dark]) => [name, [light, dark]]));

function luminance(hex) {
  const part = (at) => {
    const value = parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
}

function contrast(a, b) {
  const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
  return (x + 0.05) / (y + 0.05);
}

test('every pair is readable', () => {
  const grounds = ['canvas', 'surface', 'hover', 'selected'];
  const pairs = [
    ...['text', 'text-2', 'text-3', 'accent'].flatMap((name) => grounds.map((ground) => [name, ground, 4.5])),
    ...['pass-dot', 'warn-dot', 'crit-dot', 'none-dot', 'maint-dot', 'control'].flatMap((name) => grounds.map((ground) => [name, ground, 3])),
    ...['pass', 'warn', 'crit', 'none', 'maint'].map((name) => [name, `${name}-bg`, 4.5]),
  ];
  for (const [front, back, least] of pairs) {
    for (const theme of [0, 1]) {
      const found = contrast(tokens[front][theme], tokens[back][theme]);
      assert.ok(found >= least, `${front} on ${back}, ${theme ? 'dark' : 'light'}: ${found.toFixed(2)} < ${least}`);
    }
  }
});
