// Live answers by blocking queries: one loop per source, shared by all who show it, ended with the last of them.
import { signal } from '../vendor/core.js';
import { prefix } from './config.js';

const WAIT = '55s';
const BACKOFF = [500, 1000, 2000, 4000, 8000, 15000];
/** A source is kept this long after the last page that showed it, so that Back finds its rows. */
const LINGER_MS = 30_000;

/** Whether changes are followed; `false` shows what was there when it was switched off. */
export const following = signal(true);
/** How the newest answer came: live, paused, reconnecting, behind. Shown in the head. */
export const connection = signal({ state: 'live' });

const sources = new Map();

/** Path and query of a request; undefined values are left out. */
export function url(path, query = {}) {
  const pairs = Object.entries(query).filter(([, v]) => v !== undefined && v !== '');
  const text = pairs.map(([k, v]) => `${k}=${encodeURIComponent(v)}`).join('&');
  return prefix + path + (text ? `?${text}` : '');
}

/**
 * Follows `path`. The signal holds {phase, data, at, error, filtered, leader, contact, since}; phase is loading, live,
 * denied, gone or error. `gap` is the least time between two answers in ms.
 */
export function open(path, query = {}, { gap = 1000, once = false } = {}) {
  const key = url(path, query);
  let source = sources.get(key);
  if (!source) {
    source = new Source(key, path, query, gap, once);
    sources.set(key, source);
  }
  source.take();
  return { state: source.state, retry: () => source.restart(), close: () => source.drop() };
}

class Source {
  constructor(key, path, query, gap, once) {
    Object.assign(this, { key, path, query, gap, once });
    this.state = signal({ phase: 'loading', data: null, since: Date.now(), request: `GET ${key}` });
    this.users = 0;
    this.run = 0;
  }

  take() {
    this.users += 1;
    clearTimeout(this.ending);
    if (!this.running) this.restart();
  }

  drop() {
    this.users -= 1;
    if (this.users > 0) return;
    this.ending = setTimeout(() => {
      this.stop();
      sources.delete(this.key);
    }, LINGER_MS);
  }

  stop() {
    this.run += 1;
    this.running = false;
    this.abort?.abort();
    this.wake?.();
  }

  restart() {
    this.stop();
    this.running = true;
    this.index = 0;
    this.follow(this.run);
  }

  pause(ms) {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.wake = () => { clearTimeout(timer); done(); };
    });
  }

  async follow(run) {
    let failures = 0;
    while (run === this.run) {
      const begun = Date.now();
      const again = await this.ask(run);
      if (run !== this.run) return;
      if (again === 'end') { this.running = false; return; }
      if (again === 'retry') {
        const wait = BACKOFF[Math.min(failures, BACKOFF.length - 1)] * (0.8 + Math.random() * 0.4);
        failures += 1;
        connection.value = { state: 'reconnecting', until: Date.now() + wait };
        await this.pause(wait);
        continue;
      }
      failures = 0;
      await this.pause(Math.max(0, this.gap - (Date.now() - begun)));
      while (!following.value && run === this.run) await unpaused();
    }
  }

  async ask(run) {
    this.abort = new AbortController();
    const query = this.index ? { ...this.query, index: this.index, wait: WAIT } : this.query;
    let response;
    let text;
    try {
      response = await fetch(url(this.path, query), { signal: this.abort.signal, cache: 'no-store' });
      text = await response.text();
    } catch (error) {
      if (run !== this.run) return 'end';
      this.fail('error', 0, String(error.message || error));
      return 'retry';
    }
    if (run !== this.run) return 'end';
    return response.ok ? this.answered(response, text) : this.refused(response.status, text);
  }

  answered(response, text) {
    const index = Number(response.headers.get('x-consul-index')) || 0;
    const unchanged = index && index === this.index && this.state.peek().phase === 'live';
    // An index that goes back means another state: begin anew.
    this.index = index < this.index ? 0 : index;
    connection.value = { state: following.value ? 'live' : 'paused' };
    if (!unchanged) {
      let data;
      try {
        data = JSON.parse(text);
      } catch {
        this.fail('error', response.status, text.slice(0, 200));
        return 'retry';
      }
      this.state.value = {
        phase: 'live', data, at: Date.now(), request: `GET ${this.key}`,
        filtered: response.headers.has('x-consul-results-filtered-by-acls'),
        contact: Number(response.headers.get('x-consul-lastcontact')) || 0,
      };
    }
    return this.once || !index ? 'end' : 'more';
  }

  refused(status, text) {
    if (status === 403) { this.fail('denied', status, text); return 'end'; }
    if (status === 404) { this.fail('gone', status, text); return 'end'; }
    this.fail('error', status, text);
    return status >= 500 ? 'retry' : 'end';
  }

  // Rows that were shown stay.
  fail(phase, status, text) {
    this.index = 0;
    this.state.value = { ...this.state.peek(), phase, status, error: text, request: `GET ${this.key}` };
  }
}

/** Resolves when changes are followed again. */
function unpaused() {
  connection.value = { state: 'paused' };
  return new Promise((done) => {
    const stop = following.subscribe((on) => {
      if (on) queueMicrotask(() => { stop(); done(); });
    });
  });
}

/** One write; resolves to {ok, status, text} and never throws. */
export async function write(method, path, query) {
  try {
    const response = await fetch(url(path, query), { method });
    return { ok: response.ok, status: response.status, text: await response.text() };
  } catch (error) {
    return { ok: false, status: 0, text: String(error.message || error) };
  }
}
