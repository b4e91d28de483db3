#!/usr/bin/env bash
# interop: slow – Patroni elects, switches over, fails over and survives our restart, with PostgreSQL's state in our keys and sessions
. "$(dirname "$0")/lib.sh"
debian_packages patroni patroni python3-consul postgresql dnsutils
bin="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)"
if [ ! -x "$bin/initdb" ]; then
  fail setup "no PostgreSQL server"
  finish
fi

# PostgreSQL refuses to run as root.
as=()
if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid=postgres --regid=postgres --clear-groups); fi
agent_start one
read -r rest1 pg1 rest2 pg2 <<<"$(free_ports 4)"
mkdir -p "$WORK/pg"
chmod 755 "$WORK"
declare -A rest=([pg1]=$rest1 [pg2]=$rest2) port=([pg1]=$pg1 [pg2]=$pg2) pid=()
for name in pg1 pg2; do
  mkdir -p "$WORK/pg/$name"
  sed "s#@NAME@#$name#; s#@REST@#${rest[$name]}#; s#@HTTP@#$HTTP_PORT#; s#@PORT@#${port[$name]}#; s#@DIR@#$WORK/pg#; s#@BIN@#$bin#" \
    "$INTEROP_DIR/patroni/node.yml.in" | sed "s#@NAME@#$name#" >"$WORK/pg/$name.yml"
done
if [ "$(id -u)" = 0 ]; then chown -R postgres:postgres "$WORK/pg"; fi
run() { # run NAME
  background "$1.log" "${as[@]}" env HOME="$WORK/pg/$1" LC_ALL=C.UTF-8 PATH="/usr/bin:/bin" /usr/bin/patroni "$WORK/pg/$1.yml"
  pid[$1]=$BACKGROUND_PID
}
# What the cluster's state in our keys says.
key() { curl -sf "http://$HTTP_ADDR/v1/kv/service/batch/$1?raw"; }
leader_is() { [ "$(key leader)" = "$1" ]; }
# The role that a node tells, from its own interface.
role() { curl -s "http://127.0.0.1:${rest[$1]}/patroni" | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r.get("role"), r.get("state"))' 2>/dev/null; }
role_is() { [ "$(role "$1")" = "$2" ]; }
sql() { psql -h 127.0.0.1 -p "${port[$1]}" -U postgres -d postgres -Atqc "$2"; }
sees() { [ "$(sql "$1" "$2" 2>/dev/null)" = "$3" ]; }
# A wait for PostgreSQL or a lease takes longer than for us.
LONG="${INTEROP_LONG:-90}"
waited() { # waited NAME COMMAND…
  local name="$1"; shift
  if wait_for "$LONG" "$@"; then ok "$name"; else fail "$name" "leader '$(key leader)', pg1 '$(role pg1)', pg2 '$(role pg2)': $(tail -qn 2 "$WORK"/pg?.log | tr '\n' '|' | cut -c1-400)"; fi
}

run pg1
waited "elects the first node" leader_is pg1
waited "the first node runs as primary" role_is pg1 "master running"
session="$(curl -sf "http://$HTTP_ADDR/v1/kv/service/batch/leader" | grep -o '"Session":"[^"]*"')"
check "holds the leader key by a session" test -n "$session"
run pg2
waited "the second node runs as replica" role_is pg2 "replica running"
check "writes to the primary" sql pg1 "create table t (n int); insert into t values (1)"
waited "the replica follows" sees pg2 "select sum(n) from t" 1
members() { [ "$(curl -sf "http://$HTTP_ADDR/v1/kv/service/batch/members/?keys" | grep -o 'pg[12]' | sort | xargs)" = "pg1 pg2" ]; }
waited "both stand among the members" members
tagged() { [ "$(dig +short @127.0.0.1 -p "$DNS_PORT" "$1.batch.service.consul" SRV | awk '{print $3}')" = "${port[$2]}" ]; }
waited "our DNS knows the primary" tagged master pg1
waited "our DNS knows the replica" tagged replica pg2

# A wish from outside, through the keys.
switched() {
  curl -sf -X POST -d '{"leader": "pg1", "candidate": "pg2"}' "http://127.0.0.1:$rest1/switchover"
}
check "switches over on demand" wait_for "$LONG" switched
waited "the second leads" leader_is pg2
waited "the second runs as primary" role_is pg2 "master running"
waited "the first follows" role_is pg1 "replica running"
check "writes to the new primary" sql pg2 "insert into t values (2)"
waited "the old primary has it" sees pg1 "select sum(n) from t" 3
waited "our DNS knows the new primary" tagged master pg2

# Our agent restarts: the sessions and the lock are still theirs, nobody fails over.
before="$(key history | cksum)"
agent_restart one
check "the leader key survives our restart" leader_is pg2
agent_restart one KILL
check "the leader key survives our kill" leader_is pg2
check "the primary still takes writes" sql pg2 "insert into t values (3)"
settled() { role_is pg2 "master running" && role_is pg1 "replica running" && sees pg1 "select sum(n) from t" 6; }
waited "the cluster is as before" settled
check "nobody failed over" test "$(key history | cksum)" = "$before"

# The primary dies without a word: the session's time to live ends its lease, the other takes over.
postmaster="$(head -n 1 "$WORK/pg/pg2/data/postmaster.pid")"
kill -KILL "${pid[pg2]}" "$postmaster" 2>/dev/null
wait "${pid[pg2]}" 2>/dev/null
waited "fails over when the primary is killed" leader_is pg1
waited "the survivor runs as primary" role_is pg1 "master running"
check "the survivor takes writes" sql pg1 "insert into t values (4)"
run pg2
waited "the dead one comes back as replica" role_is pg2 "replica running"
waited "and has caught up" sees pg2 "select sum(n) from t" 10
waited "our DNS knows both again" tagged replica pg2
# Ending in order gives the key back at once.
stop "${pid[pg1]}"
waited "an orderly end hands over" leader_is pg2
stop "${pid[pg2]}"
waited "the last one gives the key back" test "$(key leader)" = ""
finish
