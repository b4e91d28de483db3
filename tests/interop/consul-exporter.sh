#!/usr/bin/env bash
# interop: slow – our exporter's series beside those of Prometheus' consul_exporter: names, labels, values
. "$(dirname "$0")/lib.sh"

VERSION=v0.13.0
put() { curl -sf -X PUT --data-binary "$2" "http://$HTTP_ADDR$1" >/dev/null; }
agent_start one '{"telemetry": {"prometheus_retention_time": "10m", "disable_hostname": true}}'
put /v1/agent/service/register '{"ID": "web1", "Name": "web", "Port": 8001, "Tags": ["first", "blue", "blue"],
  "Meta": {"team": "core", "zone": "z"}, "Check": {"CheckID": "c-web1", "Name": "Alive \"enough\"", "TTL": "1h", "Status": "passing"}}'
put /v1/agent/service/register '{"ID": "web2", "Name": "web", "Port": 8002, "Tags": ["blue"]}'
put "/v1/agent/service/maintenance/web2?enable=true&reason=work" ""
put /v1/agent/service/register '{"Name": "plain", "Port": 8003}'
put /v1/catalog/register '{"Node": "far", "Address": "127.0.3.7", "Service": {"Service": "db", "Port": 5432},
  "Check": {"CheckID": "disk", "Name": "disk", "Status": "warning"}}'
put /v1/kv/numbers/size 3
put /v1/kv/numbers/deep/half 0.5
put /v1/kv/numbers/word three
put /v1/kv/numbers/spaced ' 3'
put /v1/kv/numbers/skipped 7
put /v1/kv/other 4

# series FILE OTHER: what FILE has of the families of OTHER, and of our list; labels and lines sorted.
cat >"$WORK/series.py" <<'PY'
import re, sys
def rows(path):
    out = set()
    for line in open(path, encoding="utf-8"):
        if line.startswith("#") or not line.strip():
            continue
        name, labels, value = re.fullmatch(r'([\w:]+)(?:\{(.*)\})? (\S+)\n?', line).groups()
        pairs = sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or ""))
        out.add((name, tuple(pairs), float(value)))
    return out
ours, theirs = rows(sys.argv[1]), rows(sys.argv[2])
names = {name for name, _, _ in theirs}
bad = [("only ours", r) for r in ours - theirs if r[0] in names] + [("missing", r) for r in theirs - ours]
for what, (name, labels, value) in sorted(bad):
    print(what, name + "{" + ",".join(f'{k}="{v}"' for k, v in labels) + "}", value)
sys.exit(bool(bad))
PY
query="format=prometheus&exporter&kv-prefix=/numbers/&kv-filter=size|half|word|spaced&meta-filter=^team$"
same() { curl -sf -G "http://$HTTP_ADDR/v1/agent/metrics?${query//|/%7C}" >"$WORK/ours.txt" && python3 "$WORK/series.py" "$WORK/ours.txt" "$1"; }
# The catalog follows the agent's registrations by itself.
wait_for "$WAIT" same "$INTEROP_DIR/consul-exporter/expected.txt"
check "every series of the list, and no other of these names" same "$INTEROP_DIR/consul-exporter/expected.txt"

EXPORTER="${CONSUL_EXPORTER_BIN:-$(command -v consul_exporter || echo "$CACHE/consul_exporter-$VERSION/consul_exporter")}"
# By a module that requires this one version: `go install` would ask for all versions, which not every proxy tells.
build() {
  mkdir -p "$WORK/build" "$(dirname "$EXPORTER")" && cd "$WORK/build" \
    && printf 'module build\n\ngo 1.23\n\nrequire github.com/prometheus/consul_exporter %s\n' "$VERSION" >go.mod \
    && GOFLAGS="-mod=mod -buildvcs=false" go build -o "$EXPORTER" github.com/prometheus/consul_exporter/cmd/consul_exporter
}
if [ ! -x "$EXPORTER" ] && ! (build) >"$WORK/go.log" 2>&1; then
  fail "the real exporter says the same" "could not be built: $(tail -n 1 "$WORK/go.log")"
  finish
fi
read -r port <<<"$(free_ports 1)"
background exporter.log "$EXPORTER" --consul.server="$HTTP_ADDR" --web.listen-address="127.0.0.1:$port" \
  --kv.prefix=/numbers/ --kv.filter='size|half|word|spaced' --meta.filter='^team$'
real() { curl -sf "http://127.0.0.1:$port/metrics" | grep -E '^consul_' | grep -v '^consul_exporter_' >"$WORK/theirs.txt" && [ -s "$WORK/theirs.txt" ]; }
wait_for "$WAIT" real
# Our list is theirs, too.
check "the list is what the real exporter says" python3 "$WORK/series.py" "$WORK/theirs.txt" "$INTEROP_DIR/consul-exporter/expected.txt"
check "the real exporter says the same" same "$WORK/theirs.txt"
finish
