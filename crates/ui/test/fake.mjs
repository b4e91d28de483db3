// A server for page tests: the UI's files under the headers of the real one, and an API that answers what the test says.
import { readFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:http';

const web = new URL('../web/', import.meta.url);
const source = readFileSync(new URL('../src/headers.rs', import.meta.url), 'utf8');
/** The policy as the sources of the server say it. */
const policy = /CONTENT_SECURITY_POLICY: &str = "([^"]+)"/.exec(source)[1].replace(/\\\n/g, '');
const TYPES = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', woff2: 'font/woff2' };

function file(name) {
  if (name === 'app.css') return ['tokens', 'base', 'parts', 'pages'].map((part) => readFileSync(new URL(`css/${part}.css`, web))).join('\n');
  const path = new URL(name, web);
  return existsSync(path) ? readFileSync(path) : null;
}

function index(path) {
  const assets = '../'.repeat((path.match(/\//g) || []).length) + 'assets/0/';
  const block = { ContentPath: '/ui/', ACLsEnabled: false, PeeringEnabled: false, LocalDatacenter: 'dc1', Agent: 'n1', Version: 'test', Features: [] };
  return readFileSync(new URL('index.html', web), 'utf8').replace('{preload}', '').replaceAll('{assets}', assets || './').replace('{block}', JSON.stringify(block));
}

/**
 * Starts it. `answers` maps a path of the API to {status, body, headers, index, hang}; blocking queries with the index of
 * the answer wait until `change` is called. Resolves to {origin, answers, change, requests, close}.
 */
export async function fake(answers = {}) {
  const parked = new Set();
  const requests = [];
  const api = (url, response) => {
    const answer = answers[url.pathname] ?? { body: [], index: 1 };
    requests.push(url.pathname);
    if (answer.hang) return;
    if (answer.cut) { response.destroy(); return; }
    const at = answer.index ?? 1;
    if (Number(url.searchParams.get('index')) === at) {
      parked.add(() => api(url, response));
      return;
    }
    const status = answer.status ?? 200;
    response.writeHead(status, { 'content-type': 'application/json', ...(status === 200 ? { 'x-consul-index': String(at) } : {}), ...answer.headers });
    response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body));
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://x');
    if (url.pathname.startsWith('/v1/')) { api(url, response); return; }
    const asset = /\/assets\/0\/(.+)$/.exec(url.pathname);
    const body = asset ? file(asset[1]) : index(url.pathname.slice('/ui/'.length));
    const type = asset ? TYPES[asset[1].split('.').pop()] : 'text/html; charset=utf-8';
    response.writeHead(body === null ? 404 : 200, { 'content-type': type, 'content-security-policy': policy });
    response.end(body ?? '');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    origin: `http://127.0.0.1:${server.address().port}`, answers, requests,
    change() {
      const waiting = [...parked];
      parked.clear();
      waiting.forEach((again) => again());
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
