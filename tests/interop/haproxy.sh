#!/usr/bin/env bash
# interop: quick – HAProxy fills a server template from SRV records and follows changes of services and health
. "$(dirname "$0")/lib.sh"
debian_packages haproxy haproxy

put() { curl -sf -X PUT --data-binary "$2" "http://$HTTP_ADDR$1" >/dev/null; }
agent_start one
read -r front a b c <<<"$(free_ports 4)"

# Three little web servers that say their name.
declare -A at=([alpha]=127.0.0.21 [beta]=127.0.0.22 [gamma]=127.0.0.23)
serve() {
  mkdir -p "$WORK/$1" && printf '%s' "$1" >"$WORK/$1/index.html"
  background "$1.log" python3 -m http.server --bind "${at[$1]}" --directory "$WORK/$1" "$2"
  wait_for "$WAIT" curl -sf "http://${at[$1]}:$2/"
}
serve alpha "$a" && serve beta "$b" && serve gamma "$c" || fail setup "no web servers"
web() {
  put /v1/agent/service/register "{\"ID\": \"$1\", \"Name\": \"web\", \"Address\": \"${at[$1]}\", \"Port\": $2,
    \"Weights\": {\"Passing\": 10, \"Warning\": 1}, \"Check\": {\"CheckID\": \"c-$1\", \"TTL\": \"1h\", \"Status\": \"passing\"}}"
}
web alpha "$a"
web beta "$b"

cat >"$WORK/haproxy.cfg" <<CFG
global
  stats socket $WORK/haproxy.sock level admin
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
resolvers registry
  nameserver agent 127.0.0.1:$DNS_PORT
  accepted_payload_size 8192
  resolve_retries 3
  timeout resolve 200ms
  timeout retry 200ms
  hold valid 200ms
  hold obsolete 200ms
frontend in
  bind 127.0.0.1:$front
  default_backend web
backend web
  balance roundrobin
  server-template web 5 _web._tcp.service.consul resolvers registry resolve-prefer ipv4 init-addr none
CFG
check "accepts the configuration" haproxy -c -f "$WORK/haproxy.cfg"
background haproxy.log haproxy -db -f "$WORK/haproxy.cfg"

# The ports of the servers that HAProxy took from DNS and holds usable, sorted.
usable() {
  python3 - "$WORK/haproxy.sock" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"show servers state web\n")
text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
names, out = None, []
for line in text.splitlines():
    if line.startswith("# be_id"):
        names = line[2:].split()
    elif names and line.strip():
        row = dict(zip(names, line.split()))
        if row["srv_op_state"] == "2" and int(row["srv_admin_state"]) & 0x3F == 0:
            out.append(int(row["srv_port"]))
print(*sorted(out))
PY
}
sorted() { printf '%s\n' "$@" | sort -n | xargs; }
has() { [ "$(usable)" = "$1" ]; }
becomes() {
  local name="$1" want; shift
  want="$(sorted "$@")"
  if wait_for "$WAIT" has "$want"; then ok "$name"; else fail "$name" "servers are '$(usable)', not '$want'"; fi
}
# Who answers ten requests, sorted.
answers() { for _ in $(seq 10); do curl -sf "http://127.0.0.1:$front/" || printf 'none'; echo; done | sort -u | xargs; }
said() { [ "$(answers)" = "$1" ]; }
speaks() { if wait_for "$WAIT" said "$2"; then ok "$1"; else fail "$1" "'$(answers)' answered, not '$2'"; fi; }

becomes "fills its servers from SRV records" "$a" "$b"
speaks "sends requests to both" "alpha beta"
web gamma "$c"
becomes "takes a new instance" "$a" "$b" "$c"
speaks "sends requests to all three" "alpha beta gamma"
put /v1/agent/check/fail/c-alpha ""
becomes "leaves a critical instance" "$b" "$c"
speaks "sends it nothing" "beta gamma"
put /v1/agent/check/pass/c-alpha ""
becomes "comes back to it" "$a" "$b" "$c"
put "/v1/agent/service/maintenance/beta?enable=true" ""
becomes "leaves an instance in maintenance" "$a" "$c"
put "/v1/agent/service/maintenance/beta?enable=false" ""
becomes "comes back from maintenance" "$a" "$b" "$c"
put /v1/agent/service/deregister/beta ""
becomes "leaves an instance that is gone" "$a" "$c"
speaks "sends requests to the rest" "alpha gamma"
agent_restart one
put /v1/agent/check/fail/c-gamma ""
becomes "follows after the agent's restart" "$a"
# What HAProxy counted of a kind of answer.
counted() {
  python3 - "$WORK/haproxy.sock" "$1" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b"show resolvers registry\n")
text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
print(sum(int(line.split(":")[1]) for line in text.splitlines() if line.strip().startswith(sys.argv[2] + ":")))
PY
}
check "counts valid answers" test "$(counted valid)" -gt 0
for kind in cname_error any_err refused other invalid too_big truncated; do
  check "counts no answer as $kind" test "$(counted "$kind")" = 0
done
finish
