#!/usr/bin/env bash
# interop: quick – Debian's serf and our gossip nodes in one pool, plain and encrypted, each side asking the other
. "$(dirname "$0")/lib.sh"
debian_packages serf serf

if ! cargo build --quiet --profile ci --manifest-path "$REPO_DIR/Cargo.toml" -p gossip --example node >"$WORK/cargo.log" 2>&1; then
  fail setup "could not build: $(tail -n 5 "$WORK/cargo.log" | tr '\n' '|')"
  finish
fi
NODE="${CARGO_TARGET_DIR:-$REPO_DIR/target}/ci/examples/node"
KEY1="AAECAwQFBgcICQoLDA0ODw==" KEY2="Dw4NDAsKCQgHBgUEAwIBAA==" KEY3="AQEBAQEBAQEBAQEBAQEBAQ=="
declare -A rpc=() gossip=() pid=() wire=()
turn=0

# theirs NAME [OPTION…]: a serf agent, with handlers that note events and answer the question `load`.
theirs() {
  local name="$1" port control; shift
  [ -n "${gossip[$name]:-}" ] || { read -r port control <<<"$(free_ports 2)"; gossip[$name]=127.0.0.1:$port rpc[$name]=127.0.0.1:$control; }
  background "$name.log" serf agent -node="$name" -bind="${gossip[$name]}" -rpc-addr="${rpc[$name]}" -profile=lan -tag role=theirs \
    -event-handler="user=cat >>$WORK/$name.events" \
    -event-handler="query:load=echo $name-says" "$@"
  pid[$name]=$BACKGROUND_PID
  wait_for "$WAIT" serf info -rpc-addr="${rpc[$name]}" || fail "$mode: serf agent $name starts" "$(tail -n 3 "$WORK/$name.log" | tr '\n' '|')"
}
their() { local command="$1" name="$2"; shift 2; timeout "$WAIT" serf "$command" -rpc-addr="${rpc[$name]}" "$@"; }

# ours NAME [FOLDER KEY]: a node of ours that takes lines.
ours() {
  local name="$1" port; shift
  [ -n "${gossip[$name]:-}" ] || { read -r port <<<"$(free_ports 1)"; gossip[$name]=127.0.0.1:$port; }
  rm -f "$WORK/$name.in"; mkfifo "$WORK/$name.in"
  background "$name.out" sh -c 'exec "$@" <"$0"' "$WORK/$name.in" "$NODE" "$name" "${gossip[$name]}" "$@"
  pid[$name]=$BACKGROUND_PID
  exec {fd}>"$WORK/$name.in"; wire[$name]=$fd
  wait_for "$WAIT" grep -q ^started "$WORK/$name.out" || fail "$mode: our node $name starts" "$(tail -n 3 "$WORK/$name.out" | tr '\n' '|')"
}
# our NAME COMMAND…: its answer; fails when it says `error`.
our() {
  local name="$1" answer; shift
  turn=$((turn + 1)); local number="$BASHPID-$turn"
  echo "$number $*" >&"${wire[$name]}"
  wait_for "$WAIT" grep -q "^$number " "$WORK/$name.out" || { echo "no answer to $*"; return 1; }
  answer="$(sed -n "s/^$number //p" "$WORK/$name.out")"
  printf '%s\n' "${answer#* }"
  [ "${answer%% *}" = ok ]
}

# Who is there, in the words of one side: NAME:STATUS:ROLE…, sorted.
seen_by_them() { their members "$1" | awk '{role = $4; sub(/.*role=/, "", role); sub(/,.*/, "", role); print $1 ":" $3 ":" role}' | LC_ALL=C sort | xargs; }
seen_by_us() { our "$1" members; }
them() { [ "$(seen_by_them "$1")" = "$2" ]; }
us() { [ "$(seen_by_us "$1")" = "$2" ]; }
# both NAME WANTED: everybody who runs knows that.
both() {
  local name
  for name in $running; do
    case "$name" in
      s*) wait_for "$WAIT" them "$name" "$2" || { fail "$mode: $1" "$name sees $(seen_by_them "$name"), not $2"; return; } ;;
      o*) wait_for "$WAIT" us "$name" "$2" || { fail "$mode: $1" "$name sees $(seen_by_us "$name"), not $2"; return; } ;;
    esac
  done
  ok "$mode: $1"
}
says() { local wanted="$1" said; shift; said="$("$@" 2>&1)" && [ "$said" = "$wanted" ] || { echo "$said, not $wanted"; return 1; }; }
refuses() { ! "$@" >/dev/null 2>&1; }
asked_by_them() {
  their query "$1" -format=json -timeout=3s echo hello | python3 -c '
import json, sys
said = json.load(sys.stdin)
assert sorted(said["Acks"]) == ["o1", "o2", "s1", "s2"], said
assert said["Responses"] == {"o1": "hello", "o2": "hello"}, said'
}
measured() { their rtt "$1" "$1" "$2" | grep -q 'ms'; }
once() { [ "$(grep -c "$1" "$2")" = 1 ]; }

# The whole life of a pool; $1 says what it is called, the rest of the options are serf's.
life() {
  mode="$1"; shift
  rpc=() gossip=() pid=() wire=() running="s1 s2 o1 o2"
  rm -f "$WORK"/*.events
  local key="-"; [ "$mode" = encrypted ] && key="$KEY1"
  theirs s1 "$@" && theirs s2 "$@"
  ours o1 "$WORK/o1-$mode" "$key" && ours o2 "$WORK/o2-$mode" "$key"
  check "$mode: they join each other" their join s2 "${gossip[s1]}"
  check "$mode: we join them" says 1 our o1 join "${gossip[s1]}"
  check "$mode: they join us" their join s1 "${gossip[o2]}"
  both "everybody sees everybody" "o1:alive:ours o2:alive:ours s1:alive:theirs s2:alive:theirs"

  check "$mode: they tell of an event" their event s1 deploy theirs-1
  check "$mode: we tell of an event" says "" our o2 event release ours-1
  for name in s1 s2; do check "$mode: $name hears of ours" wait_for "$WAIT" once "^ours-1$" "$WORK/$name.events"; done
  for name in o1 o2; do check "$mode: $name hears of theirs" wait_for "$WAIT" once "heard event deploy theirs-1" "$WORK/$name.out"; done
  check "$mode: they ask" asked_by_them s2
  check "$mode: we ask" says "ack:o1 ack:o2 ack:s1 ack:s2 s1=s1-says s2=s2-says" our o1 query load -
  check "$mode: they change their tags" their tags s2 -set role=changed
  check "$mode: we change our tags" says "" our o2 role other
  both "tags travel" "o1:alive:ours o2:alive:other s1:alive:theirs s2:alive:changed"
  check "$mode: their estimate of the way to us" wait_for "$WAIT" measured s1 o1
  check "$mode: our coordinate of them" wait_for "$WAIT" our o1 measured s1

  [ "$mode" = encrypted ] && rotation

  stop "${pid[s2]}" KILL; running="s1 o1 o2"
  both "a dead one of theirs has failed" "o1:alive:ours o2:alive:other s1:alive:theirs s2:failed:changed"
  check "$mode: we make it leave" says "" our o1 force-leave s2
  both "it has left" "o1:alive:ours o2:alive:other s1:alive:theirs s2:left:changed"
  check "$mode: we prune it" says "" our o1 prune s2
  both "it is forgotten" "o1:alive:ours o2:alive:other s1:alive:theirs"
  stop "${pid[o2]}" KILL; running="s1 o1"
  both "a dead one of ours has failed" "o1:alive:ours o2:failed:other s1:alive:theirs"
  check "$mode: they make it leave" their force-leave s1 o2
  both "it has left too" "o1:alive:ours o2:left:other s1:alive:theirs"
  check "$mode: they prune it" their force-leave s1 -prune o2
  both "it is forgotten too" "o1:alive:ours s1:alive:theirs"

  ours o2 "$WORK/o2-$mode" "$key"; running="s1 o1 o2"
  both "one of ours finds the pool again" "o1:alive:ours o2:alive:ours s1:alive:theirs"
  check "$mode: one of ours leaves" says "" our o1 leave
  stop "${pid[o1]}"; running="s1 o2"
  both "it left, and did not fail" "o1:left:ours o2:alive:ours s1:alive:theirs"
  check "$mode: one of theirs leaves" their leave s1
  running="o2"
  both "it left too, and did not fail" "o1:left:ours o2:alive:ours s1:left:theirs"
  stop "${pid[o2]}"
}

# Keys change under a running pool, one turn asked by each side.
rotation() {
  check "encrypted: the key is everywhere" says "$KEY1:4" our o1 keys list -
  check "encrypted: they install a key" their keys s1 -install="$KEY2"
  check "encrypted: they use it" their keys s1 -use="$KEY2"
  check "encrypted: they remove the first" their keys s1 -remove="$KEY1"
  check "encrypted: all have the second" says "$KEY2:4" our o2 keys list -
  check "encrypted: we install a key" says "" our o1 keys install "$KEY3"
  check "encrypted: we use it" says "" our o1 keys use "$KEY3"
  check "encrypted: nobody removes the key in use" refuses our o1 keys remove "$KEY3"
  check "encrypted: we remove the second" says "" our o1 keys remove "$KEY2"
  check "encrypted: they list the third" sh -c "serf keys -rpc-addr=${rpc[s2]} -list | grep -F '$KEY3' | grep -q '4/4'"
  check "encrypted: it is on our disk" grep -qF "$KEY3" "$WORK/o1-encrypted/local.keyring"
  theirs s9 && ours o9
  check "encrypted: they cannot join without a key" refuses their join s9 "${gossip[o1]}"
  check "encrypted: we cannot join without a key" refuses our o9 join "${gossip[s1]}"
  stop "${pid[s9]}"; stop "${pid[o9]}"
  both "nobody came in" "o1:alive:ours o2:alive:other s1:alive:theirs s2:alive:changed"
}

life plain
life encrypted -encrypt="$KEY1"
finish
