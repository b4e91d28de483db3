#!/usr/bin/env bash
# interop: slow – Prometheus discovers targets by consul_sd_configs, follows changes, and scrapes the agent's metrics without a warning
. "$(dirname "$0")/lib.sh"

# Built with this one kind of discovery: all of them together take many times as long. Debian's package has none but files.
VERSION=v0.305.0 # of the Go module; the program calls it 3.5.0
PROMETHEUS="$CACHE/prometheus-$VERSION/prometheus"
build() {
  local source
  source="$(go mod download -json "github.com/prometheus/prometheus@$VERSION" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')" \
    && cp -r "$source" "$WORK/source" && chmod -R u+w "$WORK/source" && cd "$WORK/source" \
    && printf 'package plugins\n\nimport _ "github.com/prometheus/prometheus/discovery/consul"\n' >plugins/plugins.go \
    && go build -buildvcs=false -o "$PROMETHEUS" ./cmd/prometheus
}
if [ ! -x "$PROMETHEUS" ] && ! (build) >"$WORK/go.log" 2>&1; then
  fail setup "could not build Prometheus: $(tail -n 2 "$WORK/go.log" | tr '\n' '|')"
  finish
fi

put() { curl -sf -X PUT --data-binary "$2" "http://$HTTP_ADDR$1" >/dev/null; }
agent_start one '{"telemetry": {"prometheus_retention_time": "10m", "disable_hostname": true}, "node_meta": {"rack": "r1"}}'
read -r port <<<"$(free_ports 1)"
# The targets are the agent itself: what is discovered answers, too.
app() {
  put /v1/agent/service/register "{\"ID\": \"$1\", \"Name\": \"app\", \"Address\": \"127.0.0.1\", \"Port\": $HTTP_PORT, \"Tags\": $2,
    \"Meta\": {\"team\": \"t-$1\"}, \"Check\": {\"CheckID\": \"c-$1\", \"TTL\": \"1h\", \"Status\": \"passing\"}}"
}
app app1 '["blue", "first"]'
app app2 '["green"]'
put /v1/kv/numbers/size 3.5
put /v1/kv/numbers/word seven
sed "s/@HTTP_ADDR@/$HTTP_ADDR/" "$INTEROP_DIR/prometheus/prometheus.yml.in" >"$WORK/prometheus.yml"
background prometheus.log "$PROMETHEUS" --config.file="$WORK/prometheus.yml" --storage.tsdb.path="$WORK/tsdb" \
  --web.listen-address="127.0.0.1:$port" --log.level=debug
api() { curl -sf "http://127.0.0.1:$port/api/v1/$1"; }
check "starts" wait_for "$WAIT" curl -sf "http://127.0.0.1:$port/-/ready"

# targets JOB LABEL…: the labels of its targets, sorted.
targets() {
  api "targets?state=active" | python3 -c '
import json, sys
job, *labels = sys.argv[1:]
rows = [t["labels"] for t in json.load(sys.stdin)["data"]["activeTargets"] if t["labels"]["job"] == job]
print(" ".join(sorted("/".join(row.get(name, "") for name in labels) for row in rows)))' "$@"
}
targets_are() { [ "$(targets "${@:2}")" = "$1" ]; }
discovers() { if wait_for "$WAIT" targets_are "${@:2}"; then ok "$1"; else fail "$1" "'$(targets "${@:3}")', not '$2'"; fi; }
# value EXPRESSION: the single value, or nothing.
value() {
  curl -sf -G "http://127.0.0.1:$port/api/v1/query" --data-urlencode "query=$1" | python3 -c '
import json, sys
rows = json.load(sys.stdin)["data"]["result"]
print(rows[0]["value"][1] if len(rows) == 1 else f"{len(rows)} rows")'
}
value_is() { [ "$(value "$2")" = "$1" ]; }
measures() { if wait_for "$WAIT" value_is "$2" "$3"; then ok "$1"; else fail "$1" "$3 is '$(value "$3")', not '$2'"; fi; }

labels="id service team tags health"
discovers "all services, with their labels" "app1/app/t-app1/,blue,first,/passing app2/app/t-app2/,green,/passing" catalog $labels
discovers "services with a tag" "app1" tagged id
discovers "services that a filter on nodes leaves" "app1 app2" filtered id
app app3 '["blue"]'
discovers "a new instance" "app1 app3" tagged id
put /v1/agent/check/fail/c-app2 ""
discovers "a changed health" "app1/app/t-app1/,blue,first,/passing app2/app/t-app2/,green,/critical app3/app/t-app3/,blue,/passing" catalog $labels
put /v1/agent/service/deregister/app3 ""
discovers "an instance that is gone" "app1" tagged id
put /v1/agent/service/register "{\"Name\": \"other\", \"Address\": \"127.0.0.1\", \"Port\": $HTTP_PORT}"
discovers "a new service" "app1/app app2/app other/other" catalog id service
agent_restart one
# A TTL check that no heartbeat has kept alive starts critical.
put /v1/agent/check/pass/c-app1 ""
app app4 '["blue"]'
discovers "goes on after the agent's restart" "app1 app4" tagged id

measures "the agent is up" 1 'up{job="registry"}'
measures "its leadership" 1 'max(consul_server_isLeader{job="registry"})'
measures "the exporter is up" 1 'consul_up{job="registry"}'
measures "health of an instance" 1 'consul_catalog_service_node_healthy{service_id="app1"}'
measures "health of a critical instance" 1 'consul_health_service_status{check="c-app2", status="critical"}'
measures "names of services" 3 'consul_catalog_services'
measures "numbers among the keys" 3.5 'consul_catalog_kv{key="numbers/size"}'
measures "words among the keys are left out" "0 rows" 'consul_catalog_kv{key="numbers/word"}'
put /v1/agent/check/pass/c-app2 ""
measures "health that came back" 0 'consul_health_service_status{check="c-app2", status="critical"}'
# Nobody answers while the agent restarts; that is not meant here.
quiet() { ! grep -E 'level=(WARN|ERROR)' "$WORK/prometheus.log" | grep -E 'ingesting|[Aa]ppend|out of order|[Dd]uplicate'; }
check "scrapes without a duplicate or odd sample" quiet

# Every expression of the dashboard is understood, and uses series that exist (those of a follower, of errors or of time to come excepted).
expressions() { python3 - "$REPO_DIR/docs/grafana/proconsul.json" <<'PY'
import json, sys
def walk(panels):
    for panel in panels:
        yield from (t["expr"] for t in panel.get("targets", []))
        yield from walk(panel.get("panels", []))
print(*walk(json.load(open(sys.argv[1]))["panels"]), sep="\n")
PY
}
dig @127.0.0.1 -p "$DNS_PORT" +short app.service.consul >/dev/null 2>&1
while IFS= read -r expression; do
  query="$(printf '%s' "$expression" | sed 's/\$instance/.*/g; s/\$service/.*/g; s/\$datacenter/.*/g; s/\$__rate_interval/1m/g')"
  answered() {
    curl -sf -G "http://127.0.0.1:$port/api/v1/query" --data-urlencode "query=$query" | grep -q '"value"'
  }
  if wait_for 8 answered; then ok "dashboard: $expression"; else fail "dashboard: $expression" "no data: $(curl -s -G "http://127.0.0.1:$port/api/v1/query" --data-urlencode "query=$query" | cut -c1-200)"; fi
done < <(expressions | sort -u)
finish
