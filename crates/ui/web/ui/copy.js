// Copying without a secure context: on plain http there is no clipboard API.
import { html, useState } from '../vendor/core.js';
import { t } from '../core/i18n.js';

const SHOWN_MS = 1500;

function byField(text) {
  const field = document.createElement('textarea');
  field.value = text;
  field.setAttribute('readonly', '');
  field.className = 'offscreen';
  document.body.append(field);
  field.select();
  const done = document.execCommand('copy');
  field.remove();
  return done;
}

async function copy(text) {
  if (!navigator.clipboard) return byField(text);
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return byField(text);
  }
}

/** A button that copies `text`. */
export function Copy({ text, label }) {
  const [word, setWord] = useState('');
  const pressed = async () => {
    setWord((await copy(text)) ? t('copied') : t('copy.failed'));
    setTimeout(() => setWord(''), SHOWN_MS);
  };
  return html`<button class="button" onClick=${pressed}>${word || label}</button>`;
}

/** Text as one word of a shell. */
export const shellWord = (text) => `'${text.replace(/'/g, "'\\''")}'`;
