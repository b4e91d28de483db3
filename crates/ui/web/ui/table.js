// A virtual table: only the rows in sight exist, each as high as the others. An ARIA grid with one tab stop.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../vendor/core.js';
import { t } from '../core/i18n.js';

const SPARE = 6;
const NARROW_PX = 720;
const NARROW_ROW_PX = 56;
const HEIGHTS = { compact: 28, normal: 32, comfortable: 40 };

function useBox(box) {
  const [size, setSize] = useState({ top: 0, height: 800, narrow: innerWidth < NARROW_PX });
  useLayoutEffect(() => {
    const measure = () => {
      const element = box.current;
      if (element) setSize({ top: element.scrollTop, height: element.clientHeight, narrow: innerWidth < NARROW_PX });
    };
    const observer = new ResizeObserver(measure);
    observer.observe(box.current);
    box.current.addEventListener('scroll', measure, { passive: true });
    measure();
    return () => observer.disconnect();
  }, []);
  return size;
}

function Head({ columns, sort, onSort }) {
  const cell = (column) => {
    const sorted = sort.field === column.id;
    const turn = () => onSort(column.id, sorted && !sort.down);
    return html`<div role="columnheader" key=${column.id} class=${`th ${column.align || ''}`}
      aria-sort=${sorted ? (sort.down ? 'descending' : 'ascending') : undefined}>
      ${column.sort ? html`<button class="th-button" tabindex="-1" onClick=${turn}>${column.title}${sorted ? (sort.down ? ' ↓' : ' ↑') : ''}</button>`
        : html`<span>${column.title}</span>`}</div>`;
  };
  return html`<div role="rowgroup" class="grid-head"><div role="row" aria-rowindex="1" class="tr"
    style=${{ gridTemplateColumns: template(columns) }}>${columns.map(cell)}</div></div>`;
}

const template = (columns) => columns.map((column) => column.width).join(' ');

/**
 * `columns`: {id, title, width, cell(row), sort?, align?}; the first two are status and name. `open(row)` is what Enter and a
 * click on the row do; `marks` maps keys of rows to worse, better or changed. `density` names the height of rows.
 */
export function Table({ label, columns, rows, sort, onSort, open, marks, density, hold }) {
  const box = useRef();
  const size = useBox(box);
  const [at, setAt] = useState(-1);
  const height = size.narrow ? NARROW_ROW_PX : HEIGHTS[density] || HEIGHTS.normal;
  const first = Math.max(0, Math.floor(size.top / height) - SPARE);
  const last = Math.min(rows.length, Math.ceil((size.top + size.height) / height) + SPARE);
  const move = (to) => {
    const next = Math.max(0, Math.min(rows.length - 1, to));
    setAt(next);
    const element = box.current;
    const head = element.firstElementChild.offsetHeight;
    const top = next * height;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + height + head > element.scrollTop + element.clientHeight) element.scrollTop = top + height + head - element.clientHeight;
  };
  const pressed = (event) => {
    if (event.target.closest('button, input') || event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(size.height / height) - 2);
    const by = { ArrowDown: at + 1, j: at + 1, ArrowUp: at - 1, k: at - 1, PageDown: at + page, PageUp: at - page, Home: 0, End: rows.length - 1 }[event.key];
    if (by !== undefined) move(by);
    else if (event.key === 'Enter' && rows[at] && open && !event.target.closest('a')) open(rows[at]);
    else return;
    event.preventDefault();
  };
  useEffect(() => {
    // j and k work from anywhere on the page: the table takes the focus.
    const anywhere = (event) => {
      const busy = event.target.closest?.('input, textarea, select, dialog, [role=grid]');
      if (busy || event.ctrlKey || event.metaKey || event.altKey || (event.key !== 'j' && event.key !== 'k')) return;
      if (hold?.keys === false) return;
      box.current.focus();
      move(at < 0 ? 0 : at);
      event.preventDefault();
    };
    addEventListener('keydown', anywhere);
    return () => removeEventListener('keydown', anywhere);
  });
  const row = (item, index) => html`<div role="row" key=${item.key} id=${`row-${index}`} class="tr row" aria-rowindex=${index + 2}
    aria-selected=${index === at} data-mark=${marks?.get(item.key)} style=${{ gridTemplateColumns: template(columns), transform: `translateY(${index * height}px)`, height: `${height}px` }}
    onClick=${(event) => { setAt(index); if (open && !event.target.closest('a, button') && !String(getSelection())) open(item); }}>
    ${columns.map((column) => html`<div role="gridcell" key=${column.id} class=${`td td-${column.id} ${column.align || ''}`} data-title=${column.title}>${column.cell(item)}</div>`)}</div>`;
  return html`<div ref=${box} role="grid" class="grid" tabindex="0" aria-label=${label} aria-rowcount=${rows.length + 1} aria-colcount=${columns.length}
    aria-activedescendant=${at >= first && at < last ? `row-${at}` : undefined} onKeyDown=${pressed}
    onPointerEnter=${() => hold?.set(true)} onPointerLeave=${() => hold?.set(false)} title=${rows.length ? undefined : t('nothing')}>
    <${Head} columns=${columns} sort=${sort} onSort=${onSort} />
    <div role="rowgroup" class="grid-body" style=${{ height: `${rows.length * height}px` }}>${rows.slice(first, last).map((item, n) => row(item, first + n))}</div>
  </div>`;
}
