// A session with the npm client `consul`. Prints ok / FAIL lines. Arguments: folder of node_modules, port, node name.
const assert = require("node:assert/strict");
const path = require("node:path");
const [, , modules, port, NODE] = process.argv;
const Consul = require(path.join(modules, "consul"));
const c = new Consul({ host: "127.0.0.1", port: Number(port) });
const LIMIT = 20000;
// The client hands out the body `false` as undefined.
const refused = (answer) => assert(!answer);

async function until(probe) {
  const end = Date.now() + LIMIT;
  for (;;) {
    const found = await probe();
    if (found) return found;
    assert(Date.now() < end, "waited in vain");
    await new Promise((done) => setTimeout(done, 50));
  }
}

// The changes a watch reports, one at a time.
function watching(method, options) {
  const watch = c.watch({ method, options, backoffFactor: 100 });
  const seen = [];
  let wake = () => {};
  watch.on("change", (data) => { seen.push(data); wake(); });
  watch.on("error", (error) => { seen.push(error); wake(); });
  return {
    async next() {
      if (!seen.length) {
        let timer;
        await Promise.race([
          new Promise((done) => { wake = done; }),
          new Promise((_, fail) => { timer = setTimeout(() => fail(new Error("the watch saw nothing")), LIMIT); }),
        ]);
        clearTimeout(timer);
      }
      const value = seen.shift();
      if (value instanceof Error) throw value;
      return value;
    },
    end: () => watch.end(),
  };
}

const tests = {
  async kv() {
    assert.equal(await c.kv.get("k/none"), undefined);
    assert.equal(await c.kv.set({ key: "k/a", value: "one", flags: 7 }), true);
    const item = await c.kv.get("k/a");
    assert.equal(item.Value, "one");
    assert.equal(item.Flags, 7);
    refused(await c.kv.set({ key: "k/a", value: "x", cas: String(item.ModifyIndex - 1) }));
    assert.equal(await c.kv.set({ key: "k/a", value: "two", cas: String(item.ModifyIndex) }), true);
    await c.kv.set("k/b", Buffer.from([0, 255, 254]));
    assert.deepEqual((await c.kv.get({ key: "k/b", buffer: true })).Value, Buffer.from([0, 255, 254]));
    await c.kv.set("k/sub/deep", "d");
    assert.deepEqual(await c.kv.keys("k/"), ["k/a", "k/b", "k/sub/deep"]);
    assert.deepEqual(await c.kv.keys({ key: "k/", separator: "/" }), ["k/a", "k/b", "k/sub/"]);
    assert.equal((await c.kv.get({ key: "k/", recurse: true })).length, 3);
    assert.equal(await c.kv.del({ key: "k/", recurse: true }), true);
    assert.equal(await c.kv.get("k/a"), undefined);
  },
  async kv_watch() {
    await c.kv.set("w", "1");
    const watch = watching(c.kv.get, { key: "w" });
    try {
      assert.equal((await watch.next()).Value, "1");
      await c.kv.set("w", "2");
      assert.equal((await watch.next()).Value, "2");
      await c.kv.del("w");
      assert.equal(await watch.next(), undefined);
    } finally { watch.end(); }
  },
  async catalog() {
    assert.deepEqual(await c.catalog.datacenters(), ["dc1"]);
    assert.deepEqual((await c.catalog.node.list()).map((n) => n.Node), [NODE]);
    assert.deepEqual(await c.catalog.service.list(), { consul: [] });
    assert.equal((await c.catalog.service.nodes("consul"))[0].Node, NODE);
    assert.equal((await c.catalog.node.services(NODE)).Node.Node, NODE);
  },
  async services_and_health() {
    const watch = watching(c.health.service, { service: "web", passing: true });
    try {
      assert.deepEqual(await watch.next(), []);
      await c.agent.service.register({ name: "web", id: "web1", address: "127.0.0.1", port: 80, tags: ["v1"], check: { ttl: "60s", status: "critical" } });
      assert.equal((await c.agent.service.list()).web1.Port, 80);
      await until(async () => (await c.health.checks("web")).length);
      await c.agent.check.pass({ id: "service:web1", note: "fine" });
      // Changes may be seen together, or one by one.
      for (;;) {
        const nodes = await watch.next();
        if (!nodes.length) continue;
        assert.equal(nodes[0].Service.ID, "web1");
        break;
      }
      await c.agent.check.fail({ id: "service:web1", note: "gone" });
      while ((await watch.next()).length);
    } finally { watch.end(); }
    assert.deepEqual((await c.health.state("critical")).map((k) => k.Output), ["gone"]);
    await c.agent.check.warn("service:web1");
    await until(async () => (await c.health.state("warning")).length === 1);
    assert((await c.health.node(NODE)).some((k) => k.CheckID === "service:web1"));
    await c.agent.service.maintenance({ id: "web1", enable: true, reason: "tea" });
    assert.equal((await c.agent.check.list())["_service_maintenance:web1"].Notes, "tea");
    await c.agent.service.maintenance({ id: "web1", enable: false });
    await c.agent.service.deregister("web1");
    await until(async () => !(await c.catalog.service.list()).web);
  },
  async checks() {
    await c.agent.check.register({ name: "ttl", id: "t1", ttl: "60s", notes: "n" });
    await c.agent.check.register({ name: "http", id: "h1", http: `http://127.0.0.1:${port}/v1/status/leader`, interval: "1s" });
    await c.agent.check.pass("t1");
    await until(async () => (await c.agent.check.list()).h1.Status === "passing");
    await c.agent.check.deregister("t1");
    await c.agent.check.deregister("h1");
    assert.deepEqual(await c.agent.check.list(), {});
  },
  async sessions_and_locks() {
    const one = (await c.session.create({ name: "one", ttl: "600s", behavior: "delete", lockdelay: "1ms" })).ID;
    const two = (await c.session.create({ name: "two", lockdelay: "1ms" })).ID;
    assert.equal(await c.kv.set({ key: "lock", value: "1", acquire: one }), true);
    refused(await c.kv.set({ key: "lock", value: "2", acquire: two }));
    assert.equal((await c.kv.get("lock")).Session, one);
    assert.equal((await c.session.get(one)).Name, "one");
    assert.equal([].concat(await c.session.renew(one))[0].TTL, "600s");
    assert.equal((await c.session.node(NODE)).length, 2);
    const watch = watching(c.kv.get, { key: "lock" });
    try {
      assert.equal((await watch.next()).Session, one);
      await c.session.destroy(one);
      assert.equal(await watch.next(), undefined);
    } finally { watch.end(); }
    await until(() => c.kv.set({ key: "lock", value: "2", acquire: two }));
    assert.equal(await c.kv.set({ key: "lock", value: "2", release: two }), true);
    await c.session.destroy(two);
    assert.deepEqual(await c.session.list(), []);
  },
  async transactions() {
    const value = (text) => Buffer.from(text).toString("base64");
    const done = await c.transaction.create([
      { KV: { Verb: "set", Key: "t/a", Value: value("1") } },
      { KV: { Verb: "get", Key: "t/a" } },
    ]);
    assert.equal(done.Results[1].KV.Value, value("1"));
    await assert.rejects(
      c.transaction.create([
        { KV: { Verb: "set", Key: "t/b", Value: value("1") } },
        { KV: { Verb: "check-not-exists", Key: "t/a" } },
      ]),
      (error) => error.response.statusCode === 409,
    );
    assert.equal(await c.kv.get("t/b"), undefined);
  },
  async events() {
    const fired = await c.event.fire("deploy", "payload");
    const found = await until(async () => { const l = await c.event.list("deploy"); return l.length && l; });
    assert.equal(found[0].ID, fired.ID);
    assert.equal(found[0].Payload, "payload");
  },
  async prepared_queries() {
    await c.agent.service.register({ name: "pq", port: 81 });
    await until(async () => (await c.catalog.service.nodes("pq")).length);
    const { ID } = await c.query.create({ name: "find-pq", service: { service: "pq", onlypassing: true } });
    assert.equal((await c.query.list()).length, 1);
    assert.equal((await c.query.execute("find-pq")).Nodes[0].Service.Port, 81);
    await c.query.update({ query: ID, name: "other", service: { service: "pq" } });
    assert.equal((await c.query.get(ID)).Name, "other");
    await c.query.destroy(ID);
    assert.deepEqual(await c.query.list(), []);
    await c.agent.service.deregister("pq");
  },
  async agent() {
    assert.equal((await c.agent.self()).Config.NodeName, NODE);
    assert.deepEqual((await c.agent.members()).map((m) => m.Name), [NODE]);
    await c.agent.maintenance({ enable: true, reason: "night" });
    assert.equal((await c.agent.check.list())._node_maintenance.Notes, "night");
    await c.agent.maintenance(false);
    assert.match(await c.status.leader(), /:/);
    assert.deepEqual(await c.status.peers(), [await c.status.leader()]);
  },
};

(async () => {
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test();
      console.log("ok", name);
    } catch (error) {
      console.log("FAIL", name, String(error.stack).replace(/\s*\n\s*/g, " | ").slice(0, 500));
    }
  }
  process.exit(0);
})();
