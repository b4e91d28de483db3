# What every script in this folder sources: agents under test, waiting, and keeping the score.
# It owns ports, processes and the scratch folder of one script; it knows nothing about any client.
#
#   . "$(dirname "$0")/lib.sh"
#   agent_start a1 '{"node_name": "a1"}'     # each further argument is one configuration file (JSON, or HCL text)
#   check "kv round trip" some command       # ok / FAIL by its exit status
#   ok NAME ; fail NAME "why"                # or say it yourself
#   finish                                   # the figure line, and the exit status
#
# After agent_start: $HTTP_ADDR $HTTP_PORT $DNS_PORT $AGENT_DIR $AGENT_PID name the last agent; agent_of NAME selects another.
# $WORK is an empty scratch folder, removed at the end (kept, and named, with INTEROP_KEEP=1). $CACHE outlives the run: put
# installed clients there, by name and version. Everything listens on 127.0.0.1.

set -uo pipefail

INTEROP_DIR="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
INTEROP_NAME="$(basename "$0" .sh)"
REPO_DIR="$(cd "$INTEROP_DIR/../.." && pwd)"
PROCONSUL_BIN="$(readlink -f "${PROCONSUL_BIN:-${CARGO_TARGET_DIR:-$REPO_DIR/target}/ci/proconsul}")"
CACHE="${INTEROP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/proconsul-interop}"
# How long a wait may take before it counts as failed, in seconds. Nobody waits this long when things work.
WAIT="${INTEROP_WAIT:-30}"

if [ ! -x "$PROCONSUL_BIN" ]; then
  echo "FAIL setup no binary at ${PROCONSUL_BIN:-target/ci/proconsul}: cargo build --profile ci -p proconsul, or set PROCONSUL_BIN" >&2
  exit 2
fi

WORK="$(mktemp -d "${TMPDIR:-/tmp}/interop-$INTEROP_NAME.XXXXXX")"
mkdir -p "$CACHE" "$WORK/bin"
# The clients look for a program called consul.
ln -s "$PROCONSUL_BIN" "$WORK/bin/consul"
export PATH="$WORK/bin:$PATH"
# Nothing of the caller's environment may decide a result.
unset CONSUL_HTTP_ADDR CONSUL_HTTP_TOKEN CONSUL_HTTP_TOKEN_FILE CONSUL_HTTP_AUTH CONSUL_HTTP_SSL CONSUL_NAMESPACE CONSUL_PARTITION

declare -A _agent_dir=() _agent_pid=() _agent_http=() _agent_dns=()
_pids=()
_passed=0
_failed=0
: >"$WORK/results"

_stop_all() {
  local status=$? pid
  trap - EXIT INT TERM
  for pid in ${_pids[@]+"${_pids[@]}"}; do kill -TERM "$pid" 2>/dev/null; done
  for pid in ${_pids[@]+"${_pids[@]}"}; do
    for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  if [ "${INTEROP_KEEP:-}" = 1 ]; then echo "kept $WORK" >&2; else chmod -R u+w "$WORK" 2>/dev/null; rm -rf "$WORK"; fi
  exit "$status"
}
trap _stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# free_ports N: N distinct ports free for TCP and UDP on 127.0.0.1, below the range from which outgoing connections are drawn.
free_ports() {
  python3 - "$1" <<'PY'
import random, socket, sys
held, out = [], []
while len(out) < int(sys.argv[1]):
    port = random.SystemRandom().randrange(12000, 32000)
    try:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            s = socket.socket(socket.AF_INET, kind)
            held.append(s)
            s.bind(("127.0.0.1", port))
        out.append(port)
    except OSError:
        pass
print(*out)
PY
}

# wait_for SECONDS COMMAND…: tries the command until it succeeds; fails when the time is over.
wait_for() {
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# background LOG COMMAND…: starts a program that is stopped at the end; its id in $BACKGROUND_PID, its output in $WORK/LOG.
background() {
  local log="$1"; shift
  "$@" >"$WORK/$log" 2>&1 &
  BACKGROUND_PID=$!
  _pids+=("$BACKGROUND_PID")
}

# stop PID [SIGNAL]: ends one program and waits for it.
stop() {
  kill "-${2:-TERM}" "$1" 2>/dev/null
  wait "$1" 2>/dev/null
}

agent_of() {
  AGENT_NAME="$1" AGENT_DIR="${_agent_dir[$1]}" AGENT_PID="${_agent_pid[$1]}" HTTP_ADDR="${_agent_http[$1]}" DNS_PORT="${_agent_dns[$1]}"
  HTTP_PORT="${HTTP_ADDR##*:}"
  export CONSUL_HTTP_ADDR="$HTTP_ADDR"
}

_agent_ready() {
  curl -sf "http://$1/v1/status/leader" | grep -q ':' \
    && [ "$(curl -sf "http://$1/v1/catalog/service/consul" | python3 -c 'import json,sys; print(len(json.load(sys.stdin)))')" = 1 ]
}

_agent_run() {
  background "$1/agent.log" "$PROCONSUL_BIN" agent -config-dir "$WORK/$1/config"
  _agent_pid[$1]=$BACKGROUND_PID
  agent_of "$1"
  local end=$((SECONDS + WAIT))
  until _agent_ready "$HTTP_ADDR" 2>/dev/null; do
    if ! kill -0 "$AGENT_PID" 2>/dev/null || [ "$SECONDS" -ge "$end" ]; then
      echo "FAIL setup agent $1 did not come up:" >&2
      tail -n 20 "$WORK/$1/agent.log" >&2
      return 1
    fi
    sleep 0.05
  done
}

# agent_start NAME [CONFIG…]: a single server on ports of its own, waited for until it leads and has registered itself.
agent_start() {
  local name="$1" http dns lan wan server n=0 text; shift
  read -r http dns lan wan server <<<"$(free_ports 5)"
  mkdir -p "$WORK/$name/config" "$WORK/$name/data"
  cat >"$WORK/$name/config/00-base.json" <<JSON
{"node_name": "$name", "data_dir": "$WORK/$name/data", "server": true, "bootstrap_expect": 1, "bind_addr": "127.0.0.1",
 "client_addr": "127.0.0.1", "disable_update_check": true,
 "ports": {"http": $http, "dns": $dns, "serf_lan": $lan, "serf_wan": $wan, "server": $server, "grpc": -1, "grpc_tls": -1, "https": -1}}
JSON
  for text in "$@"; do
    n=$((n + 1))
    case "$text" in
      '{'*) printf '%s\n' "$text" >"$WORK/$name/config/1$n.json" ;;
      *) printf '%s\n' "$text" >"$WORK/$name/config/1$n.hcl" ;;
    esac
  done
  _agent_dir[$name]="$WORK/$name" _agent_http[$name]="127.0.0.1:$http" _agent_dns[$name]=$dns
  _agent_run "$name" || exit 2
}

# agent_restart NAME [SIGNAL]: the same agent again on the same data.
agent_restart() {
  stop "${_agent_pid[$1]}" "${2:-TERM}"
  _agent_run "$1" || exit 2
}

# ok NAME / fail NAME WHY: one result.
ok() {
  _passed=$((_passed + 1))
  printf '%s\n' "$1" >>"$WORK/results"
  printf 'ok %s\n' "$1"
}
fail() {
  _failed=$((_failed + 1))
  printf 'FAIL %s %s\n' "$1" "${2:-}"
}

# check NAME COMMAND…: ok when the command succeeds; else FAIL with the end of what it said.
check() {
  local name="$1" said; shift
  if said="$("$@" 2>&1)"; then ok "$name"; else fail "$name" "$(printf '%s' "$said" | tail -n 5 | tr '\n' '|' | cut -c1-800)"; fi
}

# results: reads lines `ok NAME`, `FAIL NAME why` (a client program's own score) from standard input; other lines pass through.
results() {
  local word rest
  while read -r word rest; do
    case "$word" in
      ok) ok "$rest" ;;
      FAIL) fail "${rest%% *}" "${rest#* }" ;;
      *) printf '   %s %s\n' "$word" "$rest" ;;
    esac
  done
}

# finish: the figure line. Where NAME.passing is committed, just the names in it must pass, each of them; else everything must, and
# there must be something. INTEROP_RECORD=1 adds what passed to the list (a list only grows).
finish() {
  local list="$INTEROP_DIR/$INTEROP_NAME.passing" lost=0 name
  LC_ALL=C sort -u "$WORK/results" >"$WORK/results.sorted"
  if [ -f "$list" ]; then
    if [ "${INTEROP_RECORD:-}" = 1 ]; then
      LC_ALL=C sort -u "$list" "$WORK/results.sorted" >"$WORK/list" && cp "$WORK/list" "$list"
    fi
    while read -r name; do
      printf 'LOST %s\n' "$name"
      lost=$((lost + 1))
    done < <(LC_ALL=C sort -u "$list" | LC_ALL=C comm -23 - "$WORK/results.sorted")
  else
    lost=$_failed
  fi
  printf '%s: %d of %d passed\n' "$INTEROP_NAME" "$_passed" "$((_passed + _failed))"
  [ "$lost" = 0 ] && [ "$_passed" -gt 0 ]
  exit
}

# absent WHY: the judge cannot be had on this machine, so nothing is judged: status 75.
absent() {
  printf 'ABSENT %s %s\n' "$INTEROP_NAME" "$1"
  exit 75
}

# python_env NAME REQUIREMENT…: a virtual environment with these packages, made once; $PYTHON is its interpreter.
python_env() {
  local dir="$CACHE/venv-$1-$(printf '%s' "${*:2} $(python3 -V)" | cksum | cut -d' ' -f1)"; shift
  PYTHON="$dir/bin/python"
  [ -f "$dir/.complete" ] && return
  rm -rf "$dir"
  python3 -m venv "$dir" && "$dir/bin/pip" install --quiet --disable-pip-version-check "$@" && touch "$dir/.complete" && return
  absent "could not install $*"
}

# debian_packages PROGRAM PACKAGE…: installs packages unless the program is there.
debian_packages() {
  local program="$1"; shift
  command -v "$program" >/dev/null && return
  { apt-get install -y --no-install-recommends "$@" || { apt-get update && apt-get install -y --no-install-recommends "$@"; }; } \
    >"$WORK/apt.log" 2>&1 && command -v "$program" >/dev/null && return
  absent "could not install $*: $(tail -n 3 "$WORK/apt.log" | tr '\n' '|')"
}
