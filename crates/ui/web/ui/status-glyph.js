// A status is a shape, a colour and a word: told apart in grey print as well.
import { html } from '../vendor/core.js';
import { t } from '../core/i18n.js';

const STROKE = { fill: 'none', stroke: 'var(--surface)', 'stroke-width': 1.6, 'stroke-linecap': 'round' };

const SHAPES = {
  passing: html`<circle cx="6" cy="6" r="6" fill="currentColor" /><path d="M3.200 6.200 5.200 8.200 8.800 4.200" ...${STROKE} />`,
  warning: html`<path d="M6 .5 11.800 11.200H.2z" fill="currentColor" /><path d="M6 4.500v3M6 9.400v.1" ...${STROKE} />`,
  critical: html`<path d="M6 0 12 6 6 12 0 6z" fill="currentColor" /><path d="M4.200 4.200 7.800 7.800M7.800 4.200 4.200 7.800" ...${STROKE} />`,
  maintenance: html`<rect width="12" height="12" rx="2.500" fill="currentColor" /><path d="M4.300 3.600v4.800M7.700 3.600v4.800" ...${STROKE} />`,
  empty: html`<circle cx="6" cy="6" r="5" fill="none" stroke="currentColor" stroke-width="1.600" stroke-dasharray="2.600 2" />`,
  unknown: html`<circle cx="6" cy="6" r="5.200" fill="none" stroke="currentColor" stroke-width="1.400" /><path d="M4.600 4.700a1.500 1.500 0 1 1 2 1.400c-.4.2-.6.4-.6.9M6 8.800v.1" fill="none" stroke="currentColor" stroke-width="1.300" stroke-linecap="round" />`,
};

/** The glyph with its word for readers; with `word` it is shown, too. */
export function Glyph({ status, word }) {
  return html`<span class="status" data-status=${status}>
    <svg class="glyph" viewBox="0 0 12 12" role="img" aria-label=${t(`status.${status}`)} aria-hidden=${word ? 'true' : undefined}>${SHAPES[status]}</svg>
    ${word && html`<span>${t(`status.${status}`)}</span>`}</span>`;
}

/** Critical, warning and passing as three numbers; only what is bad has a colour. */
export function Counts({ counts }) {
  const part = (name) => html`<span class=${counts[name] ? `count count-${name}` : 'count count-zero'}>${counts[name]}</span>`;
  return html`<span class="counts mono" role="img" aria-label=${t('counts', counts)}>${part('critical')} / ${part('warning')} / ${part('passing')}</span>`;
}
