// The filter language of every list. Pure: text in, a predicate out; never an error, a broken rest is marked and ignored.
//   query = or; or = and {"or" and}; and = not {["and"] not}; not = ["not" | "-"] term; term = "(" or ")" | [field op] values

const WORD_END = /[\s()]/;

function tokens(text) {
  const out = [];
  let at = 0;
  while (at < text.length) {
    const c = text[at];
    if (/\s/.test(c)) { at += 1; continue; }
    if (c === '(' || c === ')') { out.push({ kind: c, at }); at += 1; continue; }
    if (c === '-' && at + 1 < text.length && !WORD_END.test(text[at + 1])) { out.push({ kind: 'not', at }); at += 1; continue; }
    const from = at;
    let quoted = false;
    while (at < text.length && (quoted || !WORD_END.test(text[at]))) {
      if (text[at] === '"') quoted = !quoted;
      at += 1;
    }
    const word = text.slice(from, at);
    const lower = word.toLowerCase();
    out.push({ kind: ['and', 'or', 'not'].includes(lower) ? lower : 'word', word, at: from });
  }
  return out;
}

const TERM = /^([A-Za-z][\w.-]*)(!=|>=|<=|[:=~><])([\s\S]*)$/;
const UNITS = { b: 1, kb: 1024, mb: 1048576, gb: 1073741824, s: 1, m: 60, min: 60, h: 3600, d: 86400 };

/** A number, a size (10KB) or an age in seconds (5m); NaN for anything else. */
export function quantity(text) {
  const found = /^(-?\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text);
  if (!found) return NaN;
  return Number(found[1]) * (found[2] ? UNITS[found[2].toLowerCase()] ?? NaN : 1);
}

/** Parts at commas that stand outside quotes, quotes taken off. */
function split(text) {
  const out = [''];
  let quoted = false;
  for (const c of text) {
    if (c === '"') quoted = !quoted;
    else if (c === ',' && !quoted) out.push('');
    else out[out.length - 1] += c;
  }
  return out.filter((value) => value !== '');
}

function wild(value) {
  const source = value.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.');
  return new RegExp(`^${source}$`, 'is');
}

/** One value against one text: contained, or matched as a whole when it has wildcards or `exact` is asked. */
function tester(value, exact) {
  if (/[*?]/.test(value)) {
    const pattern = wild(value);
    return (text) => pattern.test(text);
  }
  const low = value.toLowerCase();
  return exact ? (text) => text.toLowerCase() === low : (text) => text.toLowerCase().includes(low);
}

function texts(field, row, name) {
  const value = field.from(row, name);
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value.map(String) : [String(value)];
}

function fieldOf(fields, name) {
  const exact = fields[name.toLowerCase()];
  if (exact) return { field: exact };
  const dot = name.indexOf('.');
  const keyed = dot > 0 ? fields[`${name.slice(0, dot).toLowerCase()}.*`] : undefined;
  return keyed ? { field: keyed, key: name.slice(dot + 1) } : null;
}

function term(word, fields) {
  const found = TERM.exec(word);
  const known = found && fieldOf(fields, found[1]);
  if (!known) {
    const tests = split(word).map((value) => tester(value, false));
    if (!tests.length) return null;
    const searched = Object.values(fields).filter((field) => field.search);
    return (row) => searched.some((field) => texts(field, row).some((text) => tests.some((test) => test(text))));
  }
  const [, , op, rest] = found;
  const { field, key } = known;
  if (op === '~') {
    try {
      const pattern = new RegExp(rest, 'i');
      return (row) => texts(field, row, key).some((text) => pattern.test(text));
    } catch {
      return null;
    }
  }
  if ('<>'.includes(op[0])) {
    const limit = quantity(rest);
    if (Number.isNaN(limit)) return null;
    const compare = { '<': (n) => n < limit, '<=': (n) => n <= limit, '>': (n) => n > limit, '>=': (n) => n >= limit }[op];
    return (row) => texts(field, row, key).some((text) => compare(Number(text)));
  }
  const values = split(rest);
  if (!values.length) return null;
  const tests = values.map((value) => tester(value, op !== ':' || Boolean(field.exact)));
  const any = (row) => texts(field, row, key).some((text) => tests.some((test) => test(text)));
  return op === '!=' ? (row) => !any(row) : any;
}

/**
 * Compiles a filter. `fields` maps a name to {from(row, key), search, exact}; a name that ends in `.*` takes any key.
 * Returns {test(row), broken: [positions of words that were ignored], empty}.
 */
export function compile(text, fields) {
  const list = tokens(text);
  const broken = [];
  let at = 0;

  const or = (depth) => {
    let left = and(depth);
    while (list[at]?.kind === 'or') {
      at += 1;
      left = join(left, and(depth), (a, b) => (row) => a(row) || b(row));
    }
    return left;
  };
  const and = (depth) => {
    let left = null;
    while (at < list.length && list[at].kind !== 'or' && !(list[at].kind === ')' && depth > 0)) {
      if (list[at].kind === 'and') { at += 1; continue; }
      if (list[at].kind === ')') { broken.push(list[at].at); at += 1; continue; }
      left = join(left, not(depth), (a, b) => (row) => a(row) && b(row));
    }
    return left;
  };
  const not = (depth) => {
    let negative = false;
    while (list[at]?.kind === 'not') { negative = !negative; at += 1; }
    const inner = one(depth);
    return inner && negative ? (row) => !inner(row) : inner;
  };
  const one = (depth) => {
    const token = list[at];
    if (!token || token.kind === 'or' || token.kind === 'and' || token.kind === ')') return null;
    at += 1;
    if (token.kind === '(') {
      if (depth >= 32) { broken.push(token.at); return null; }
      const inner = or(depth + 1);
      if (list[at]?.kind === ')') at += 1;
      return inner;
    }
    const made = term(token.word, fields);
    if (!made) broken.push(token.at);
    return made;
  };

  const test = or(0);
  return { test: test || (() => true), broken, empty: !test };
}

/** What is missing on one side does not decide. */
function join(a, b, both) {
  if (!a) return b;
  return b ? both(a, b) : a;
}
