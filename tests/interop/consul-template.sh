#!/usr/bin/env bash
# interop: slow – consul-template renders keys, services, nodes and health, follows changes, and shares its work with -dedup
. "$(dirname "$0")/lib.sh"

VERSION=v0.41.1
GOBIN="$CACHE/consul-template-$VERSION"
TEMPLATE="$GOBIN/consul-template"
if [ ! -x "$TEMPLATE" ] && ! GOBIN="$GOBIN" go install "github.com/hashicorp/consul-template@$VERSION" >"$WORK/go.log" 2>&1; then
  fail setup "could not build consul-template: $(tail -n 2 "$WORK/go.log" | tr '\n' '|')"
  finish
fi

put() { curl -sf -X PUT --data-binary "$2" "http://$HTTP_ADDR$1"; }
# The line of KEY in the rendered FILE.
line() { sed -n "s/^$2=//p" "$1" 2>/dev/null; }
shows() { [ "$(line "$1" "$2")" = "$3" ]; }
# becomes NAME FILE KEY VALUE: the line is waited for.
becomes() {
  if wait_for "$WAIT" shows "$2" "$3" "$4"; then ok "$1"; else fail "$1" "$3 is '$(line "$2" "$3")', not '$4'"; fi
}
web() {
  put /v1/agent/service/register "{\"ID\": \"$1\", \"Name\": \"web\", \"Address\": \"127.0.0.9\", \"Port\": $2, \"Tags\": $3,
    \"Meta\": {\"zone\": \"z-$1\"}, \"Check\": {\"CheckID\": \"ttl-$1\", \"TTL\": \"1h\", \"Status\": \"passing\"}}"
}

agent_start one
put /v1/kv/app/motto "first" >/dev/null
put /v1/kv/app/deep/size "3" >/dev/null
web web1 8001 '["blue"]'
web web2 8002 '["canary", "green"]'
registered() { [ "$(curl -sf "http://$HTTP_ADDR/v1/health/service/web?passing" | grep -o '"Service":{' | wc -l)" = 2 ]; }
wait_for "$WAIT" registered || fail setup "the services never reached the catalog"

once="$WORK/once.txt"
check "renders once and ends" timeout "$WAIT" "$TEMPLATE" -once -consul-addr "$HTTP_ADDR" \
  -template "$INTEROP_DIR/consul-template/all.tpl:$once"
expect() { if shows "$once" "$2" "$3"; then ok "$1"; else fail "$1" "$2 is '$(line "$once" "$2")', not '$3'"; fi; }
expect "key" motto "first"
expect "keyOrDefault" absent "fallback"
expect "keyExists" exists "true/false"
expect "ls" ls "motto:first;"
expect "tree" tree "deep/size:3;motto:first;"
expect "safeTree" safe "deep/size;motto;"
expect "datacenters" datacenters "dc1;"
expect "nodes" nodes "one@127.0.0.1;"
expect "node" node "one:consul/consul;web/web1;web/web2;"
expect "services" services "consul[];web[blue,canary,green];"
expect "service" web "web1=127.0.0.9:8001[blue]passing;web2=127.0.0.9:8002[canary,green]passing;"
expect "service of any status" any "web1:passing;web2:passing;"
expect "service with a tag" canary "web2;"
expect "service near the agent" near "web1;web2;"
expect "service meta" meta "z-web1;z-web2;"
expect "checks of a service" checks "serfHealth:passing;ttl-web1:passing;serfHealth:passing;ttl-web2:passing;"

# Everything again while it runs: each change comes through by a blocking query.
live="$WORK/live.txt"
background template.log "$TEMPLATE" -kill-signal SIGTERM -consul-addr "$HTTP_ADDR" -log-level info -template "$INTEROP_DIR/consul-template/all.tpl:$live:echo rendered >> $WORK/commands"
running=$BACKGROUND_PID
becomes "the running one renders" "$live" motto "first"
put /v1/kv/app/motto "second" >/dev/null
becomes "follows a key" "$live" motto "second"
put /v1/kv/app/absent "here now" >/dev/null
becomes "follows a key that appears" "$live" absent "here now"
put /v1/kv/app/deep/width "4" >/dev/null
becomes "follows a tree" "$live" tree "absent:here now;deep/size:3;deep/width:4;motto:second;"
curl -sf -X DELETE "http://$HTTP_ADDR/v1/kv/app/deep?recurse" >/dev/null
becomes "follows a deleted tree" "$live" tree "absent:here now;motto:second;"
put /v1/agent/check/fail/ttl-web1 "" >/dev/null
becomes "drops a critical instance" "$live" web "web2=127.0.0.9:8002[canary,green]passing;"
becomes "shows it where any status is asked for" "$live" any "web1:critical;web2:passing;"
put /v1/agent/check/warn/ttl-web1 "" >/dev/null
becomes "follows a warning" "$live" any "web1:warning;web2:passing;"
put /v1/agent/check/pass/ttl-web1 "" >/dev/null
becomes "takes it back" "$live" web "web1=127.0.0.9:8001[blue]passing;web2=127.0.0.9:8002[canary,green]passing;"
put "/v1/agent/service/maintenance/web2?enable=true" "" >/dev/null
becomes "drops an instance in maintenance" "$live" canary ""
put "/v1/agent/service/maintenance/web2?enable=false" "" >/dev/null
becomes "takes it back from maintenance" "$live" canary "web2;"
web web3 8003 '[]'
becomes "follows a new instance" "$live" near "web1;web2;web3;"
put /v1/agent/service/deregister/web3 "" >/dev/null
put /v1/agent/service/register '{"Name": "db", "Tags": ["primary"]}' >/dev/null
becomes "follows the list of services" "$live" services "consul[];db[primary];web[blue,canary,green];"
check "runs its command on changes" test "$(wc -l <"$WORK/commands")" -ge 5
# An agent that goes away and comes back with the same data: the template's queries go on.
agent_restart one
put /v1/kv/app/motto "after a restart" >/dev/null
becomes "goes on after the agent's restart" "$live" motto "after a restart"
stop "$running"

# De-duplication: one of two locks a key and writes there what it fetched, the other renders from it.
dedup() { # dedup NAME OUT
  background "$1.log" "$TEMPLATE" -kill-signal SIGTERM -consul-addr "$HTTP_ADDR" -log-level debug -dedup -template "$INTEROP_DIR/consul-template/all.tpl:$2"
}
lock_of() {
  curl -sf "http://$HTTP_ADDR/v1/kv/consul-template/dedup/?recurse" | python3 -c '
import json, sys
print(next((row.get("Session", "") for row in json.load(sys.stdin) if row["Key"].endswith("/data")), ""))' 2>/dev/null
}
held() { [ -n "$(lock_of)" ]; }
moved() { local now; now="$(lock_of)"; [ -n "$now" ] && [ "$now" != "$first" ]; }
dedup leader "$WORK/leader.txt"
leader=$BACKGROUND_PID
becomes "dedup: the first renders" "$WORK/leader.txt" motto "after a restart"
check "dedup: the first holds the lock" wait_for "$WAIT" held
first="$(lock_of)"
dedup follower "$WORK/follower.txt"
follower=$BACKGROUND_PID
becomes "dedup: the second renders" "$WORK/follower.txt" motto "after a restart"
put /v1/kv/app/motto "shared" >/dev/null
becomes "dedup: the first follows a change" "$WORK/leader.txt" motto "shared"
becomes "dedup: the second gets it from the first" "$WORK/follower.txt" motto "shared"
stop "$leader"
check "dedup: the second takes the lock over" wait_for 60 moved
put /v1/kv/app/motto "alone" >/dev/null
becomes "dedup: the second goes on alone" "$WORK/follower.txt" motto "alone"
stop "$follower"
finish
