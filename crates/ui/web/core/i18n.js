// Words by key: t(key, {n: 3}). Plurals choose `key.one` or `key.other`; what one language lacks the other has.
let words = {};
let fallback = {};
let plural = new Intl.PluralRules('en');
let numbers = new Intl.NumberFormat('en');

/** Sets the language of everything drawn from now on. */
export function setLanguage(name, table, other) {
  const tag = name === 'zh' ? 'zh-Hans' : 'en';
  words = table;
  fallback = other;
  plural = new Intl.PluralRules(tag);
  numbers = new Intl.NumberFormat(tag);
}

/** The sentence of a key, `{name}` replaced by values; numbers are written as the language does. */
export function t(key, values = {}) {
  const form = 'n' in values ? `${key}.${plural.select(values.n)}` : key;
  const text = words[form] ?? words[`${key}.other`] ?? words[key] ?? fallback[form] ?? fallback[`${key}.other`] ?? fallback[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? show(values[name]) : whole));
}

function show(value) {
  return typeof value === 'number' ? numbers.format(value) : String(value);
}

/** A number as the language writes it. */
export const number = (value) => numbers.format(value);

/** Time of the day. */
export const clock = (ms) => new Date(ms).toLocaleTimeString(undefined, { hour12: false });

// What turns text around or has no shape of its own: bidi controls, zero width, C0 and C1.
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text of the cluster with invisible characters as marks. */
export function safe(text) {
  return String(text).replace(INVISIBLE, (c) => `\u2039U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}\u203a`);
}
