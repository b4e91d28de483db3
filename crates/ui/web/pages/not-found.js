// No page has this address.
import { html } from '../vendor/core.js';
import { t } from '../core/i18n.js';
import { path } from '../core/routes.js';
import { useTitle } from '../data/use.js';
import { href } from '../data/location.js';
import { Empty } from '../ui/states.js';

export function View({ dc }) {
  useTitle(t('not.found'));
  return html`<h1 class="page-title">${t('not.found')}</h1>
    <${Empty} title=${t('not.found.text')} />
    <p class="actions"><a class="link" href=${href(path`${dc}/services`)}>${t('nav.services')}</a>
    <a class="link" href=${href(path`${dc}/nodes`)}>${t('nav.nodes')}</a></p>`;
}
