// Pages in Chromium before a server that answers what the test says.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { launch, open, skip } from '../chrome.mjs';
import { check, HOSTILE, instance, node, service } from '../data.mjs';
import { fake } from '../fake.mjs';

const axe = skip ? '' : readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
let browser;
before(async () => { if (!skip) browser = await launch(); });
after(() => browser?.close());

const ANSWERS = () => ({
  '/v1/internal/ui/services': { body: [
    service('billing', { ChecksCritical: 1, Tags: ['v3', 'canary', 'team-pay', 'more'] }), service('cache'), service('a/b', { ChecksWarning: 1 }),
    service('quiet', { ChecksPassing: 0 }), service('web-sidecar-proxy', { Kind: 'connect-proxy' }), service('gw', { Kind: 'ingress-gateway' })] },
  '/v1/health/service/web': { body: [
    instance('n1', 'web1', [check('http', 'critical', { ServiceID: 'web1', Output: 'line\n'.repeat(9) }), check('serfHealth', 'passing')]),
    instance('N2', 'web 2', [check('serfHealth', 'passing')])] },
  '/v1/internal/ui/nodes': { body: [node('n1'), node('n2', { Checks: [check('serfHealth', 'critical')] }), node('k8s', { Meta: { 'synthetic-node': 'true' } })] },
  '/v1/internal/ui/node/n1': { body: node('n1') },
  '/v1/status/leader': { body: '"10.0.0.1:8300"' },
  '/v1/agent/members': { body: [{ Name: 'n1', Status: 1 }, { Name: 'n2', Status: 4 }] },
  '/v1/coordinate/nodes': { body: [{ Node: 'n1', Coord: { Vec: [0], Height: 0.001, Adjustment: 0 } }, { Node: 'n2', Coord: { Vec: [0.01], Height: 0.001, Adjustment: 0 } }] },
  '/v1/session/node/n1': { body: [{ ID: 'd1', Name: 'lock', TTL: '15s', LockDelay: 15e9, Behavior: 'release', NodeChecks: ['serfHealth'] }] },
});

const PAGES = ['dc1/services', 'dc1/services/web/instances', 'dc1/services/web/tags', 'dc1/services/web/instances/n1/web1/health-checks', 'dc1/services/web/instances/n1/web1/metadata',
  'dc1/nodes', 'dc1/nodes/n1/health-checks', 'dc1/nodes/n1/service-instances', 'dc1/nodes/n1/round-trip-time', 'dc1/nodes/n1/lock-sessions', 'dc1/nodes/n1/metadata', 'settings', 'dc1/none'];

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run({ resultTypes: ['violations'] }));
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(', ')}`);
}

const settled = (page) => page.waitForFunction(() => document.querySelector('main h1') && !document.querySelector('.skeleton'));
const text = (page) => page.$eval('main', (main) => main.innerText);

async function on(answers, options, path, run) {
  const server = await fake(answers);
  const tab = await open(browser, options);
  try {
    await tab.page.goto(`${server.origin}/ui/${path}`);
    await run(tab.page, server);
    assert.deepEqual(tab.complaints, []);
  } finally {
    await tab.close();
    server.close();
  }
}

for (const [look, options] of [['light', {}], ['dark', { dark: true }], ['375 px', { width: 375, height: 800 }], ['Chinese', { language: 'zh-CN' }]]) {
  test(`every page, ${look}: title, no complaint, no violation, nothing too wide`, { skip }, async () => {
    for (const path of PAGES) {
      await on(ANSWERS(), options, path, async (page) => {
        await settled(page);
        await page.waitForFunction(() => / · proconsul$/.test(document.title));
        assert.deepEqual(await violations(page), [], path);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, path);
        if (look === 'Chinese') assert.doesNotMatch(await page.$eval('nav', (nav) => nav.innerText), /[A-Za-z]/, path);
      });
    }
  });
}

test('services: proxies left out, the worst first, filter in the address, Back', { skip }, async () => {
  await on(ANSWERS(), {}, 'dc1/services', async (page) => {
    await settled(page);
    const names = () => page.$$eval('.row .td-name', (cells) => cells.map((cell) => cell.innerText));
    assert.deepEqual(await names(), ['billing', 'a/b', 'cache', 'gw', 'quiet']);
    await page.keyboard.press('/');
    await page.keyboard.type('status:warning');
    assert.deepEqual(await names(), ['a/b']);
    assert.match(page.url(), /filter=status%3Awarning/);
    await page.click('.row .td-name a');
    await page.waitForFunction(() => location.pathname.endsWith('/services/a%2Fb/instances'));
    await page.goBack();
    await settled(page);
    assert.deepEqual(await names(), ['a/b']);
  });
});

test('a change is marked and does not move the row under the pointer', { skip }, async () => {
  await on(ANSWERS(), {}, 'dc1/services', async (page, server) => {
    await page.waitForSelector('.row');
    await page.hover('.row');
    server.answers['/v1/internal/ui/services'] = { index: 2, body: [service('billing'), service('cache', { ChecksCritical: 1 }), service('fresh')] };
    server.change();
    await page.waitForSelector('.row[data-mark="worse"]');
    const names = await page.$$eval('.row .td-name', (cells) => cells.map((cell) => cell.innerText));
    assert.deepEqual(names, ['billing', 'cache', 'fresh']);
  });
});

test('keys: rows, Enter, views, go, help', { skip }, async () => {
  await on(ANSWERS(), {}, 'dc1/services/web/instances', async (page) => {
    await page.waitForSelector('.row');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => location.pathname.endsWith('/instances/n1/web1/health-checks'));
    await page.waitForSelector('[data-tab]');
    await page.keyboard.press(']');
    await page.waitForFunction(() => location.pathname.endsWith('/metadata'));
    await page.keyboard.press('g');
    await page.keyboard.press('n');
    await page.waitForFunction(() => location.pathname.endsWith('/dc1/nodes'));
    await page.keyboard.press('?');
    await page.waitForSelector('dialog[open]');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('dialog'));
  });
});

test('states: slow, refused, failing, gone, filtered, old', { skip }, async () => {
  const one = (answer) => ({ '/v1/internal/ui/services': answer });
  for (const [answer, wanted] of [
    [{ status: 403, body: 'Permission denied: x' }, /Not allowed · 403[\s\S]*Permission denied: x/],
    [{ status: 500, body: 'No cluster leader' }, /failed · 500[\s\S]*No cluster leader/],
    [{ body: [], headers: { 'x-consul-results-filtered-by-acls': 'true' } }, /may not read[\s\S]*No service is registered/],
    [{ body: [service('a')], headers: { 'x-consul-lastcontact': '9000' } }, /9 s behind/],
  ]) {
    await on(one(answer), {}, 'dc1/services', async (page) => {
      await settled(page);
      assert.match(await text(page), wanted);
    });
  }
  await on(one({ hang: true }), {}, 'dc1/services', async (page) => {
    await page.waitForSelector('.skeleton-row');
    await page.waitForFunction(() => /Waiting for GET/.test(document.querySelector('main').innerText), { timeout: 20_000 });
  });
});

test('rows stay when the server is gone, and go on when it is back', { skip }, async () => {
  await on(ANSWERS(), {}, 'dc1/services', async (page, server) => {
    await page.waitForSelector('.row');
    server.answers['/v1/internal/ui/services'] = { cut: true, index: 2 };
    server.change();
    await page.waitForSelector('.strip-crit');
    assert.equal((await page.$$('.row')).length, 5);
    server.answers['/v1/internal/ui/services'] = { index: 3, body: [service('back')] };
    await page.waitForFunction(() => document.querySelectorAll('.row').length === 1 && !document.querySelector('.strip-crit'), { timeout: 20_000 });
  });
});

test('hostile strings are text', { skip }, async () => {
  const answers = ANSWERS();
  answers['/v1/internal/ui/services'] = { body: HOSTILE.map((name) => service(name, { Tags: HOSTILE })) };
  answers['/v1/health/service/web'] = { body: HOSTILE.map((name) => instance('n1', name, [check(name, 'critical', { Output: HOSTILE.join('\n'), Notes: name, Name: name })], { Tags: HOSTILE, Meta: Object.fromEntries(HOSTILE.map((n) => [n, n])) })) };
  answers['/v1/internal/ui/nodes'] = { body: HOSTILE.map((name) => node(name, { Address: name })) };
  const first = encodeURIComponent(HOSTILE[0]);
  for (const path of ['dc1/services', 'dc1/services/web/instances', 'dc1/services/web/tags', `dc1/services/web/instances/n1/${first}/health-checks`, `dc1/services/web/instances/n1/${first}/metadata`, 'dc1/nodes']) {
    await on(answers, {}, path, async (page) => {
      await settled(page);
      assert.equal(await page.evaluate(() => globalThis.pwned), undefined, path);
      assert.equal(await page.$$eval('main img, main script, a[href^="javascript:"]', (found) => found.length), 0, path);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, path);
    });
  }
});

test('5,000 services: few elements, no row left out when scrolled', { skip }, async () => {
  const answers = { '/v1/internal/ui/services': { body: Array.from({ length: 5000 }, (_, n) => service(`service-${String(n).padStart(4, '0')}`)) } };
  await on(answers, {}, 'dc1/services', async (page) => {
    await page.waitForSelector('.row');
    assert.ok((await page.metrics()).Nodes <= 2500);
    await page.$eval('.grid', (grid) => { grid.scrollTop = 60_000; });
    await page.waitForFunction(() => [...document.querySelectorAll('.row .td-name')].some((cell) => cell.innerText === 'service-1880'));
    assert.ok((await page.metrics()).Nodes <= 2500);
  });
});
