// A list page's body: filter box, chips that count, the table; filtering and sorting in one pass over plain rows.
import { html, useEffect, useMemo, useRef, useState } from '../vendor/core.js';
import { compile } from '../core/query.js';
import { severity } from '../core/status.js';
import { number, t } from '../core/i18n.js';
import { Glyph } from './status-glyph.js';
import { Table } from './table.js';

const MARK_MS = 3000;
/** More changed rows at once than this are told by a number instead of marks. */
const MARKS_MAX = 20;

/** Reads `Field:asc|desc` against the columns; without one the first sorted column counts. */
export function sorting(text, columns, fallback) {
  const [name, order] = text.split(':');
  const found = columns.find((column) => column.sort && column.id === name.toLowerCase());
  return found ? { field: found.id, down: order === 'desc' } : { field: fallback, down: false };
}

const compare = (a, b) => (typeof a === 'number' && typeof b === 'number' ? a - b : a < b ? -1 : a > b ? 1 : 0);

function arrange(rows, test, column, down) {
  const kept = rows.filter(test);
  const value = new Map(kept.map((row) => [row, column.sort(row)]));
  const order = (a, b) => {
    const [x, y] = [value.get(a), value.get(b)];
    const by = Array.isArray(x) ? x.reduce((found, part, at) => found || compare(part, y[at]), 0) : compare(x, y);
    return (down ? -by : by) || compare(a.key, b.key);
  };
  return kept.sort(order);
}

/** Old rows stay where they were, new ones come last: what the pointer is on does not run away. */
function hold(before, next) {
  const places = new Map(before.map((key, at) => [key, at]));
  const place = (row) => places.get(row.key) ?? Infinity;
  return [...next].sort((a, b) => {
    const [x, y] = [place(a), place(b)];
    return x === y ? 0 : x - y;
  });
}

function useMarks(rows) {
  const before = useRef(null);
  const [marks, setMarks] = useState(new Map());
  useEffect(() => {
    const now = new Map(rows.map((row) => [row.key, row]));
    const old = before.current;
    before.current = now;
    if (!old) return undefined;
    const found = new Map();
    for (const [key, row] of now) {
      const was = old.get(key);
      if (!was) found.set(key, 'changed');
      else if (was.status !== row.status) found.set(key, severity(row.status) < severity(was.status) ? 'worse' : 'better');
    }
    if (!found.size) return undefined;
    setMarks(found);
    const timer = setTimeout(() => setMarks(new Map()), MARK_MS);
    return () => clearTimeout(timer);
  }, [rows]);
  return marks;
}

function StatusChips({ rows, statuses, filter, onFilter }) {
  const counts = {};
  for (const row of rows) counts[row.status] = (counts[row.status] || 0) + 1;
  const chip = (status) => {
    const term = `status:${status}`;
    const on = filter.trim() === term;
    return html`<button key=${status} class="chip chip-status" data-status=${status} aria-pressed=${on}
      onClick=${() => onFilter(on ? '' : term)}><${Glyph} status=${status} /> ${number(counts[status])} ${t(`status.${status}`)}</button>`;
  };
  return html`<div class="chip-bar">${statuses.filter((status) => counts[status]).map(chip)}</div>`;
}

function FilterBox({ query, broken, onFilter }) {
  return html`<input class="filter" data-filter type="search" spellcheck="false" autocomplete="off" value=${query.filter}
    aria-label=${t('filter')} placeholder=${t('filter.hint')} aria-invalid=${broken ? 'true' : undefined}
    onInput=${(event) => onFilter(event.target.value, false)} onKeyDown=${(event) => { if (event.key === 'Escape') event.target.blur(); }} />`;
}

/**
 * `rows` need `key` and `status`; `fields` is what the filter knows, `columns` what the table shows; `query` and `onQuery`
 * are the address; `statuses` are those that have a chip.
 */
export function List({ title, rows, columns, fields, query, onQuery, statuses, sortBy, open, settings, level = 1 }) {
  const [held, setHeld] = useState(false);
  const order = useRef({ asked: '', keys: [] });
  const filter = useMemo(() => compile(query.filter, fields), [query.filter, fields]);
  const sort = sorting(query.sort, columns, sortBy);
  const marks = useMarks(rows);
  const asked = `${query.filter}\n${sort.field}\n${sort.down}`;
  const sorted = useMemo(
    () => arrange(rows, filter.test, columns.find((column) => column.id === sort.field), sort.down),
    [rows, filter, sort.field, sort.down],
  );
  const stays = held && order.current.asked === asked;
  const shown = stays ? hold(order.current.keys, sorted) : sorted;
  order.current = { asked, keys: shown.map((row) => row.key) };
  const moved = stays && shown.some((row, at) => row !== sorted[at]);
  const onFilter = (text, push = true) => onQuery({ filter: text }, push);
  const count = shown.length === rows.length ? number(rows.length) : t('count.of', { shown: shown.length, all: rows.length });
  return html`
    <div class="list-head">${level === 1 ? html`<h1 class="page-title">${title}</h1>` : html`<h2 class="panel-title">${title}</h2>`}
      <span class="quiet" role="status">${count}</span>
      ${moved && html`<button class="button" onClick=${() => { order.current = { asked: '', keys: [] }; setHeld(false); }}>${t('order.changed')}</button>`}
      ${marks.size > MARKS_MAX && html`<span class="quiet">${t('rows.changed', { n: marks.size })}</span>`}</div>
    <${FilterBox} query=${query} broken=${filter.broken.length > 0} onFilter=${onFilter} />
    <${StatusChips} rows=${rows} statuses=${statuses} filter=${query.filter} onFilter=${onFilter} />
    ${rows.length > 0 && shown.length === 0 && html`<div class="notice"><p>${t('filter.hides', { n: rows.length })}</p>
      <button class="button" onClick=${() => onFilter('')}>${t('clear')}</button></div>`}
    ${shown.length > 0 && html`<${Table} label=${title} columns=${columns} rows=${shown} sort=${sort} density=${settings.density}
      onSort=${(field, down) => onQuery({ sort: `${field}:${down ? 'desc' : 'asc'}` }, true)} open=${open}
      marks=${marks.size > MARKS_MAX ? undefined : marks} hold=${{ set: setHeld, keys: settings.singleKeys }} />`}`;
}
