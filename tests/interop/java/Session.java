import com.ecwid.consul.v1.ConsulClient;
import com.ecwid.consul.v1.OperationException;
import com.ecwid.consul.v1.QueryParams;
import com.ecwid.consul.v1.Response;
import com.ecwid.consul.v1.agent.model.NewCheck;
import com.ecwid.consul.v1.agent.model.NewService;
import com.ecwid.consul.v1.catalog.model.CatalogDeregistration;
import com.ecwid.consul.v1.catalog.model.CatalogRegistration;
import com.ecwid.consul.v1.event.model.EventParams;
import com.ecwid.consul.v1.health.model.Check;
import com.ecwid.consul.v1.kv.model.GetValue;
import com.ecwid.consul.v1.kv.model.PutParams;
import com.ecwid.consul.v1.session.model.NewSession;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A session with Ecwid's consul-api. Prints ok / FAIL lines. Arguments: port, node name. */
public class Session {
    static final QueryParams NOW = QueryParams.DEFAULT;
    static final int LIMIT = 20;
    static ConsulClient c;
    static String node;

    interface Part {
        void run() throws Exception;
    }

    static void that(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    static void until(String what, Callable<Boolean> probe) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT);
        while (!probe.call()) {
            that(System.nanoTime() < end, "waited in vain: " + what);
            Thread.sleep(50);
        }
    }

    /** Parameters of a call that waits for a change after this answer. */
    static QueryParams after(Response<?> seen) {
        return new QueryParams(LIMIT, seen.getConsulIndex());
    }

    /** The answer of a blocking call that is under way while the change is made. */
    static <T> T woken(Callable<T> blocking, Part change) throws Exception {
        CompletableFuture<T> answer = CompletableFuture.supplyAsync(() -> {
            try {
                return blocking.call();
            } catch (Exception e) {
                throw new RuntimeException(e);
            }
        });
        change.run();
        return answer.get(LIMIT, TimeUnit.SECONDS);
    }

    static void kv() {
        that(c.getKVValue("k/none").getValue() == null, "missing key");
        PutParams flags = new PutParams();
        flags.setFlags(7);
        that(c.setKVValue("k/a", "one", flags).getValue(), "put");
        GetValue item = c.getKVValue("k/a").getValue();
        that(item.getDecodedValue().equals("one") && item.getFlags() == 7, "get");
        PutParams cas = new PutParams();
        cas.setCas(item.getModifyIndex() - 1);
        that(!c.setKVValue("k/a", "x", cas).getValue(), "stale cas");
        cas.setCas(item.getModifyIndex());
        that(c.setKVValue("k/a", "two", cas).getValue(), "cas");
        byte[] bytes = {0, -1, -2};
        that(c.setKVBinaryValue("k/b", bytes).getValue(), "binary put");
        that(Arrays.equals(c.getKVBinaryValue("k/b").getValue().getValue(), bytes), "binary get");
        c.setKVValue("k/sub/deep", "d");
        that(c.getKVKeysOnly("k/").getValue().equals(List.of("k/a", "k/b", "k/sub/deep")), "keys");
        that(c.getKVKeysOnly("k/", "/", null).getValue().equals(List.of("k/a", "k/b", "k/sub/")), "keys with separator");
        that(c.getKVValues("k/").getValue().size() == 3, "tree");
        c.deleteKVValues("k/");
        that(c.getKVValues("k/").getValue() == null, "deleted tree");
    }

    static void kv_watch() throws Exception {
        c.setKVValue("w", "1");
        Response<GetValue> seen = c.getKVValue("w");
        Response<GetValue> next = woken(() -> c.getKVValue("w", after(seen)), () -> c.setKVValue("w", "2"));
        that(next.getValue().getDecodedValue().equals("2"), "new value");
        that(next.getConsulIndex() > seen.getConsulIndex(), "index grows");
        that(next.isConsulKnownLeader() && next.getConsulLastContact() == 0, "meta headers");
    }

    static void catalog() throws Exception {
        that(c.getCatalogDatacenters().getValue().equals(List.of("dc1")), "datacenters");
        CatalogRegistration registration = new CatalogRegistration();
        registration.setNode("ext");
        registration.setAddress("10.0.0.9");
        CatalogRegistration.Service service = new CatalogRegistration.Service();
        service.setId("db1");
        service.setService("db");
        service.setTags(List.of("m"));
        service.setPort(5432);
        registration.setService(service);
        c.catalogRegister(registration);
        that(c.getCatalogNodes(NOW).getValue().size() == 2, "nodes");
        that(c.getCatalogServices(NOW).getValue().get("db").equals(List.of("m")), "services");
        that(c.getCatalogService("db", "m", NOW).getValue().get(0).getServicePort() == 5432, "service");
        that(c.getCatalogNode("ext", NOW).getValue().getServices().containsKey("db1"), "node");
        Response<?> seen = c.getCatalogServices(NOW);
        CatalogDeregistration gone = new CatalogDeregistration();
        gone.setNode("ext");
        that(!woken(() -> c.getCatalogServices(after(seen)), () -> c.catalogDeregister(gone)).getValue().containsKey("db"),
                "deregistered");
    }

    static void services_and_health() throws Exception {
        NewService web = new NewService();
        web.setId("web1");
        web.setName("web");
        web.setAddress("127.0.0.1");
        web.setPort(80);
        web.setTags(List.of("v1"));
        NewService.Check ttl = new NewService.Check();
        ttl.setTtl("60s");
        web.setCheck(ttl);
        c.agentServiceRegister(web);
        that(c.getAgentServices().getValue().get("web1").getPort() == 80, "agent's services");
        until("check in the catalog", () -> !c.getHealthChecksForService("web", NOW).getValue().isEmpty());
        Response<?> none = c.getHealthServices("web", true, NOW);
        that(((List<?>) none.getValue()).isEmpty(), "nothing passes yet");
        that(woken(() -> c.getHealthServices("web", true, after(none)), () -> c.agentCheckPass("service:web1", "fine"))
                .getValue().get(0).getService().getId().equals("web1"), "passing");
        Response<?> one = c.getHealthServices("web", true, NOW);
        that(woken(() -> c.getHealthServices("web", true, after(one)), () -> c.agentCheckFail("service:web1", "gone"))
                .getValue().isEmpty(), "failing");
        that(c.getHealthChecksState(Check.CheckStatus.CRITICAL, NOW).getValue().get(0).getOutput().equals("gone"), "output");
        c.agentCheckWarn("service:web1");
        until("warning", () -> c.getHealthChecksState(Check.CheckStatus.WARNING, NOW).getValue().size() == 1);
        that(c.getHealthChecksForNode(node, NOW).getValue().size() == 2, "node's checks");
        c.agentServiceSetMaintenance("web1", true, "tea");
        that(c.getAgentChecks().getValue().get("_service_maintenance:web1").getNotes().equals("tea"), "maintenance");
        c.agentServiceSetMaintenance("web1", false);
        c.agentServiceDeregister("web1");
        until("deregistered", () -> !c.getCatalogServices(NOW).getValue().containsKey("web"));
    }

    static void checks() throws Exception {
        NewCheck ttl = new NewCheck();
        ttl.setId("t1");
        ttl.setName("ttl");
        ttl.setTtl("60s");
        ttl.setNotes("n");
        c.agentCheckRegister(ttl);
        c.agentCheckPass("t1", "well");
        that(c.getAgentChecks().getValue().get("t1").getOutput().equals("well"), "output");
        c.agentCheckDeregister("t1");
        that(c.getAgentChecks().getValue().isEmpty(), "deregistered");
        try {
            c.agentCheckPass("t1");
            throw new AssertionError("passed a check that is gone");
        } catch (OperationException e) {
            that(e.getStatusCode() == 404, "status " + e.getStatusCode());
        }
    }

    static String session(String name) {
        NewSession made = new NewSession();
        made.setName(name);
        made.setTtl("600s");
        made.setBehavior(com.ecwid.consul.v1.session.model.Session.Behavior.DELETE);
        return c.sessionCreate(made, NOW).getValue();
    }

    static void sessions_and_locks() throws Exception {
        String one = session("one");
        String two = session("two");
        PutParams first = new PutParams();
        first.setAcquireSession(one);
        PutParams second = new PutParams();
        second.setAcquireSession(two);
        that(c.setKVValue("lock", "1", first).getValue(), "lock");
        that(!c.setKVValue("lock", "2", second).getValue(), "locked");
        that(c.getKVValue("lock").getValue().getSession().equals(one), "holder");
        that(c.getSessionInfo(one, NOW).getValue().getName().equals("one"), "info");
        that(c.renewSession(one, NOW).getValue().getTtl().equals("600s"), "renewed");
        that(c.getSessionList(NOW).getValue().size() == 2 && c.getSessionNode(node, NOW).getValue().size() == 2, "lists");
        PutParams release = new PutParams();
        release.setReleaseSession(one);
        that(c.setKVValue("lock", "1", release).getValue(), "released");
        that(c.setKVValue("lock", "2", second).getValue(), "second lock");
        Response<GetValue> seen = c.getKVValue("lock");
        that(woken(() -> c.getKVValue("lock", after(seen)), () -> c.sessionDestroy(two, NOW)).getValue() == null, "deleted");
        c.sessionDestroy(one, NOW);
        that(c.getSessionList(NOW).getValue().isEmpty(), "no session left");
    }

    static void events() throws Exception {
        String id = c.eventFire("deploy", "payload", new EventParams(), NOW).getValue().getId();
        until("event", () -> !c.eventList("deploy", NOW).getValue().isEmpty());
        that(c.eventList("deploy", NOW).getValue().get(0).getId().equals(id), "event");
    }

    static void agent_and_status() {
        that(c.getAgentSelf().getValue().getConfig().getNodeName().equals(node), "self");
        that(c.getAgentMembers().getValue().size() == 1, "members");
        c.agentSetMaintenance(true, "night");
        that(c.getAgentChecks().getValue().containsKey("_node_maintenance"), "maintenance");
        c.agentSetMaintenance(false);
        c.agentReload();
        that(c.getStatusPeers().getValue().equals(List.of(c.getStatusLeader().getValue())), "leader is the one peer");
    }

    public static void main(String[] arguments) {
        c = new ConsulClient("127.0.0.1", Integer.parseInt(arguments[0]));
        node = arguments[1];
        var parts = new java.util.LinkedHashMap<String, Part>();
        parts.put("kv", Session::kv);
        parts.put("kv_watch", Session::kv_watch);
        parts.put("catalog", Session::catalog);
        parts.put("services_and_health", Session::services_and_health);
        parts.put("checks", Session::checks);
        parts.put("sessions_and_locks", Session::sessions_and_locks);
        parts.put("events", Session::events);
        parts.put("agent_and_status", Session::agent_and_status);
        parts.forEach((name, part) -> {
            try {
                part.run();
                System.out.println("ok " + name);
            } catch (Throwable e) {
                System.out.println("FAIL " + name + " " + e + " at " + e.getStackTrace()[Math.min(1, e.getStackTrace().length - 1)]);
            }
        });
        System.exit(0);
    }
}
