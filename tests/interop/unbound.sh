#!/usr/bin/env bash
# interop: quick – Unbound and dnsmasq forward the consul. domain and reverse lookups, over UDP and TCP
. "$(dirname "$0")/lib.sh"
debian_packages unbound unbound
debian_packages dnsmasq dnsmasq-base
debian_packages dig dnsutils

put() { curl -sf -X PUT --data-binary "$2" "http://$HTTP_ADDR$1" >/dev/null; }
agent_start one
put /v1/agent/service/register '{"ID": "web1", "Name": "web", "Address": "127.0.0.11", "Port": 8001, "Tags": ["v1"],
  "Check": {"CheckID": "c1", "TTL": "1h", "Status": "passing"}}'
put /v1/agent/service/register '{"ID": "web2", "Name": "web", "Address": "127.0.0.12", "Port": 8002, "Tags": ["v2"],
  "Check": {"CheckID": "c2", "TTL": "1h", "Status": "passing"}}'
# A long answer: it does not fit a plain datagram.
for i in $(seq 60); do
  put /v1/agent/service/register "{\"ID\": \"many$i\", \"Name\": \"many\", \"Address\": \"127.1.0.$i\", \"Port\": $((9000 + i))}"
done
put /v1/catalog/register '{"Node": "far", "Address": "127.0.3.7"}'
curl -sf -X POST -d '{"Name": "pick", "Service": {"Service": "web", "OnlyPassing": true}}' "http://$HTTP_ADDR/v1/query" >/dev/null

read -r unbound_port dnsmasq_port <<<"$(free_ports 2)"
cat >"$WORK/unbound.conf" <<CFG
server:
  interface: 127.0.0.1
  port: $unbound_port
  access-control: 127.0.0.0/8 allow
  do-daemonize: no
  do-not-query-localhost: no
  username: ""
  chroot: ""
  pidfile: "$WORK/unbound.pid"
  directory: "$WORK"
  use-syslog: no
  module-config: "iterator"
  domain-insecure: "consul"
  local-zone: "consul." nodefault
  local-zone: "127.in-addr.arpa." nodefault
  cache-max-negative-ttl: 0
forward-zone:
  name: "consul."
  forward-addr: 127.0.0.1@$DNS_PORT
forward-zone:
  name: "127.in-addr.arpa."
  forward-addr: 127.0.0.1@$DNS_PORT
CFG
check "unbound accepts the configuration" unbound-checkconf "$WORK/unbound.conf"
background unbound.log unbound -d -c "$WORK/unbound.conf"
background dnsmasq.log dnsmasq --keep-in-foreground --no-resolv --no-hosts --no-daemon --port="$dnsmasq_port" --listen-address=127.0.0.1 \
  --bind-interfaces --server="/consul/127.0.0.1#$DNS_PORT" --server="/127.in-addr.arpa/127.0.0.1#$DNS_PORT" --conf-file=/dev/null --user=root

# ask PORT ARGUMENT…: the answers, sorted, on one line.
ask() { local port="$1"; shift; dig +short +tries=1 +timeout=3 @127.0.0.1 -p "$port" "$@" | LC_ALL=C sort | xargs; }
gives() { [ "$(ask "${@:2}")" = "$1" ]; }
# answer NAME WANTED PORT ARGUMENT…
answer() {
  if wait_for "$WAIT" gives "${@:2}"; then ok "$1"; else fail "$1" "'$(ask "${@:3}")', not '$2'"; fi
}
status_of() { dig +tries=1 +timeout=3 @127.0.0.1 -p "$1" "${@:2}" | sed -n 's/.*status: \([A-Z]*\),.*/\1/p'; }
status_is() { [ "$(status_of "${@:2}")" = "$1" ]; }
status() { if wait_for "$WAIT" status_is "${@:2}"; then ok "$1"; else fail "$1" "'$(status_of "${@:3}")', not '$2'"; fi; }
count() { dig +short +tries=1 +timeout=3 @127.0.0.1 -p "$@" | wc -l; }
counted() { [ "$(count "${@:2}")" = "$1" ]; }

# Its serial number is the time.
authority() { ask "$1" consul SOA | grep -E '^ns\.consul\. hostmaster\.consul\. [0-9]+ 3600 600 86400 0$'; }

for pair in "unbound $unbound_port" "dnsmasq $dnsmasq_port"; do
  read -r name port <<<"$pair"
  answer "$name: A of a service" "127.0.0.11 127.0.0.12" "$port" web.service.consul A
  answer "$name: A with a tag" "127.0.0.12" "$port" v2.web.service.consul A
  answer "$name: SRV" "1 1 8001 7f00000b.addr.dc1.consul. 1 1 8002 7f00000c.addr.dc1.consul." "$port" _web._tcp.service.consul SRV
  answer "$name: the target of an SRV" "127.0.0.11" "$port" 7f00000b.addr.dc1.consul A
  answer "$name: names in mixed case" "127.0.0.11 127.0.0.12" "$port" WeB.SerVice.ConSul A
  answer "$name: a node" "127.0.0.1" "$port" one.node.consul A
  answer "$name: a prepared query" "127.0.0.11 127.0.0.12" "$port" pick.query.consul A
  answer "$name: over TCP" "127.0.0.11 127.0.0.12" "$port" +tcp web.service.consul A
  answer "$name: reverse" "far.node.dc1.consul." "$port" -x 127.0.3.7
  status "$name: an unknown service" NXDOMAIN "$port" nosuch.service.consul A
  status "$name: a type without records" NOERROR "$port" web.service.consul AAAA
  check "$name: the start of authority" authority "$port"
  check "$name: an answer longer than a datagram, whole" wait_for "$WAIT" counted 60 "$port" +tcp many.service.consul A
done

# Answers have no lifetime by default: changes show at once, through the caches too.
put /v1/agent/check/fail/c1 ""
answer "unbound: leaves a critical instance" "127.0.0.12" "$unbound_port" web.service.consul A
answer "dnsmasq: leaves a critical instance" "127.0.0.12" "$dnsmasq_port" web.service.consul A
put /v1/agent/check/pass/c1 ""
answer "unbound: comes back to it" "127.0.0.11 127.0.0.12" "$unbound_port" web.service.consul A
answer "dnsmasq: comes back to it" "127.0.0.11 127.0.0.12" "$dnsmasq_port" web.service.consul A
finish
