"""A session with a Python client (py-consul and its ancestor python-consul share the interface). Prints ok / FAIL lines."""
import base64
import sys
import threading
import time

import consul

HOST, PORT, NODE = sys.argv[1], int(sys.argv[2]), sys.argv[3]
c = consul.Consul(host=HOST, port=PORT)
LIMIT = 20


def until(probe):
    """The first true answer of `probe`."""
    end = time.monotonic() + LIMIT
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < end, "waited %d s in vain" % LIMIT
        time.sleep(0.05)


def woken(blocking, change):
    """The answer of a blocking call that is parked before `change` is made."""
    out = []
    thread = threading.Thread(target=lambda: out.append(blocking()))
    thread.start()
    # The call may also reach the agent after the change: then it answers at once, which is right as well.
    change()
    thread.join(LIMIT)
    assert out, "the blocking call was not woken"
    return out[0]


def kv():
    index, none = c.kv.get("k/missing")
    assert none is None and int(index) > 0
    assert c.kv.put("k/a", "one", flags=7) is True
    index, item = c.kv.get("k/a")
    assert item["Value"] == b"one" and item["Flags"] == 7 and item["ModifyIndex"] <= int(index)
    assert c.kv.put("k/a", "no", cas=item["ModifyIndex"] - 1) is False
    assert c.kv.put("k/a", "two", cas=item["ModifyIndex"]) is True
    assert c.kv.put("k/b", b"\x00\xff\xfe") is True
    assert c.kv.get("k/b")[1]["Value"] == b"\x00\xff\xfe"
    assert c.kv.put("k/empty", "") is True
    assert c.kv.get("k/empty")[1]["Value"] in (None, b"")
    assert c.kv.put("k/sub/x/y", "deep") is True
    assert [i["Key"] for i in c.kv.get("k/", recurse=True)[1]] == ["k/a", "k/b", "k/empty", "k/sub/x/y"]
    assert c.kv.get("k/", keys=True, separator="/")[1] == ["k/a", "k/b", "k/empty", "k/sub/"]
    assert c.kv.put("k/ü and space", "unicode ✓") is True
    assert c.kv.get("k/ü and space")[1]["Value"].decode() == "unicode ✓"
    assert c.kv.delete("k/a", cas=1) is False
    assert c.kv.delete("k/", recurse=True) is True
    assert c.kv.get("k/", recurse=True)[1] is None


def kv_watch():
    c.kv.put("w", "1")
    index, _ = c.kv.get("w")
    index2, item = woken(lambda: c.kv.get("w", index=index, wait="30s"), lambda: c.kv.put("w", "2"))
    assert item["Value"] == b"2" and int(index2) > int(index)
    begin = time.monotonic()
    index3, _ = c.kv.get("w", index=index2, wait="1s")
    assert index3 == index2 and time.monotonic() - begin >= 1


def catalog():
    assert c.catalog.datacenters() == ["dc1"]
    assert c.catalog.register("ext", "10.0.0.9", service={"Service": "db", "ID": "db1", "Tags": ["m"], "Port": 5432}) is True
    assert {n["Node"] for n in c.catalog.nodes()[1]} == {NODE, "ext"}
    assert c.catalog.services()[1]["db"] == ["m"]
    rows = c.catalog.service("db", tag="m")[1]
    assert [(r["Node"], r["ServicePort"], r["Address"]) for r in rows] == [("ext", 5432, "10.0.0.9")]
    assert c.catalog.node("ext")[1]["Services"]["db1"]["Port"] == 5432
    index = c.catalog.services()[0]
    answer = woken(
        lambda: c.catalog.services(index=index, wait="30s"), lambda: c.catalog.deregister("ext", service_id="db1")
    )
    assert "db" not in answer[1]
    assert c.catalog.deregister("ext") is True
    assert {n["Node"] for n in c.catalog.nodes()[1]} == {NODE}


def agent_and_health():
    assert c.agent.self()["Config"]["NodeName"] == NODE
    assert c.agent.service.register(
        "web", service_id="web1", address="127.0.0.1", port=80, tags=["v1"], check=consul.Check.ttl("60s")
    )
    assert c.agent.services()["web1"]["Tags"] == ["v1"]
    assert c.agent.checks()["service:web1"]["Status"] == "critical"
    until(lambda: c.health.checks("web")[1])
    assert c.health.service("web", passing=True)[1] == []
    index, _ = c.health.service("web")
    assert c.agent.check.ttl_pass("service:web1", notes="fine")
    nodes = until(lambda: c.health.service("web", passing=True)[1])
    assert nodes[0]["Service"]["ID"] == "web1" and {k["Status"] for k in nodes[0]["Checks"]} == {"passing"}
    assert int(c.health.service("web")[0]) > int(index)
    index, _ = c.health.service("web", passing=True)
    answer = woken(
        lambda: c.health.service("web", passing=True, index=index, wait="30s"),
        lambda: c.agent.check.ttl_fail("service:web1", notes="gone"),
    )
    assert answer[1] == []
    assert [k["Output"] for k in c.health.state("critical")[1]] == ["gone"]
    assert c.agent.check.ttl_warn("service:web1")
    until(lambda: [k["CheckID"] for k in c.health.state("warning")[1]] == ["service:web1"])
    assert "service:web1" in {k["CheckID"] for k in c.health.node(NODE)[1]}
    assert c.agent.service.maintenance("web1", True, "tea")
    assert c.agent.checks()["_service_maintenance:web1"]["Notes"] == "tea"
    assert c.agent.service.maintenance("web1", False)
    assert c.agent.maintenance(True, "night") and c.agent.maintenance(False)
    assert c.agent.service.deregister("web1")
    until(lambda: "web" not in c.catalog.services()[1])


def checks():
    assert c.agent.check.register("mem", consul.Check.ttl("60s"), check_id="mem1", notes="n")
    assert c.agent.checks()["mem1"]["Notes"] == "n"
    assert c.agent.check.ttl_pass("mem1", "ok then")
    assert c.agent.checks()["mem1"]["Output"] == "ok then"
    url = "http://%s:%d/v1/status/leader" % (HOST, PORT)
    assert c.agent.check.register("http", consul.Check.http(url, "1s", timeout="1s"), check_id="h1")
    until(lambda: c.agent.checks()["h1"]["Status"] == "passing")
    assert c.agent.check.register("tcp", consul.Check.tcp(HOST, PORT, "1s"), check_id="t1")
    until(lambda: c.agent.checks()["t1"]["Status"] == "passing")
    for check in ("mem1", "h1", "t1"):
        assert c.agent.check.deregister(check)
    assert c.agent.checks() == {}


def sessions_and_locks():
    one = c.session.create("one", ttl=600, behavior="delete", lock_delay=0)
    two = c.session.create("two", lock_delay=0)
    assert c.kv.put("lock", "1", acquire=one) is True
    assert c.kv.put("lock", "2", acquire=two) is False
    assert c.kv.get("lock")[1]["Session"] == one
    assert c.session.info(one)[1]["Name"] == "one"
    assert {s["ID"] for s in c.session.list()[1]} == {one, two} == {s["ID"] for s in c.session.node(NODE)[1]}
    renewed = c.session.renew(one)
    assert (renewed[0] if isinstance(renewed, list) else renewed)["ID"] == one
    assert c.kv.put("lock", "1", release=one) is True
    assert c.kv.put("lock", "2", acquire=two) is True
    index, _ = c.kv.get("lock")
    freed = woken(lambda: c.kv.get("lock", index=index, wait="30s"), lambda: c.session.destroy(two))
    assert "Session" not in freed[1]
    c.kv.put("gone", "", acquire=one)
    assert c.session.destroy(one) is True and c.kv.get("gone")[1] is None
    try:
        c.session.renew(one)
        assert False, "renewed a session that is gone"
    except consul.NotFound:
        pass


def transactions():
    def value(text):
        return base64.b64encode(text.encode()).decode()

    done = c.txn.put([
        {"KV": {"Verb": "set", "Key": "t/a", "Value": value("1")}},
        {"KV": {"Verb": "set", "Key": "t/b", "Value": value("2"), "Flags": 9}},
        {"KV": {"Verb": "get", "Key": "t/b"}},
    ])
    assert done["Errors"] is None and done["Results"][2]["KV"]["Value"] == value("2")
    try:
        c.txn.put([
            {"KV": {"Verb": "set", "Key": "t/c", "Value": value("3")}},
            {"KV": {"Verb": "cas", "Key": "t/a", "Value": value("4"), "Index": 1}},
        ])
        assert False, "a stale cas went through"
    except consul.ConsulException as error:
        assert "409" in str(error) and "index is stale" in str(error), error
    assert c.kv.get("t/c")[1] is None


def events():
    fired = c.event.fire("deploy", "payload")
    event = fired[0] if isinstance(fired, list) else fired
    found = until(lambda: c.event.list("deploy")[1])
    assert found[-1]["ID"] == event["ID"] and found[-1]["Payload"] == b"payload"


def prepared_queries():
    c.agent.service.register("pq", service_id="pq1", port=81, tags=["p"])
    until(lambda: c.catalog.service("pq")[1])
    made = c.query.create("pq", name="find-pq", onlypassing=True, tags=["p"], ttl="10s")
    listed = c.query.list()
    assert [q["Name"] for q in listed] == ["find-pq"]
    assert c.query.get(made["ID"])[0]["Service"]["Service"] == "pq"
    found = c.query.execute("find-pq")
    assert found["Service"] == "pq" and found["Nodes"][0]["Service"]["Port"] == 81 and found["DNS"]["TTL"] == "10s"
    assert c.query.explain("find-pq")["Query"]["ID"] == made["ID"]
    assert c.query.delete(made["ID"]) is True and c.query.list() == []
    c.agent.service.deregister("pq1")


def errors():
    try:
        c.kv.put("x", "y", acquire="not-a-session")
        assert False, "acquired with no session"
    except consul.ConsulException as error:
        assert "500" in str(error), error
    assert c.agent.check.ttl_pass("nobody") is False
    assert c.agent.service.deregister("nobody") is False


def status():
    assert ":" in c.status.leader() and c.status.peers() == [c.status.leader()]
    assert c.operator.raft_config()["Servers"][0]["Leader"] is True
    assert {m["Name"] for m in c.agent.members()} == {NODE}
    assert [n["Node"] for n in c.coordinate.nodes()[1]] in ([NODE], [])


for test in (
    kv, kv_watch, catalog, agent_and_health, checks, sessions_and_locks, transactions, events, prepared_queries, errors, status,
):
    try:
        test()
        print("ok", test.__name__, flush=True)
    except Exception as error:  # each part is judged on its own
        line = error.__traceback__.tb_next.tb_lineno if error.__traceback__.tb_next else 0
        print("FAIL", test.__name__, "line %d: %s %s" % (line, type(error).__name__, str(error)[:300].replace("\n", " ")), flush=True)
