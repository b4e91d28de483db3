#!/usr/bin/env bash
# interop: quick – the official Go client's own tests (module github.com/hashicorp/consul/api)
#
# Runs the module's tests as published, each against agents the tests start themselves from the `consul` on PATH. go-api.passing
# names the tests that must pass; what the others lack is told in docs/compatibility.md. Some of the tests race with the clock: a
# test of the list that fails is run once more by itself. Arguments are tests to run alone, e.g. `go-api.sh 'TestAPI_KV.*'`, with
# the whole output of those that fail.
. "$(dirname "$0")/lib.sh"

VERSION=v1.32.4
only="${1:-}"

command -v go >/dev/null || absent "no Go toolchain"
source="$(cd "$WORK" && go mod download -json "github.com/hashicorp/consul/api@$VERSION" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')"
[ -d "$source" ] || absent "could not fetch the module"

# The module cache is read-only, and the module names a sibling folder that is not published with it.
cp -r "$source" "$WORK/api"
chmod -R u+w "$WORK/api"
cd "$WORK/api" || exit 2
go mod edit -dropreplace github.com/hashicorp/consul/sdk

# One test waits for ever where leaf certificates are not made: then it is not started, and has failed.
skip=""
agent_start probe '{"connect": {"enabled": true}}'
if ! wait_for 2 curl -sf "http://$HTTP_ADDR/v1/agent/connect/ca/leaf/probe"; then
  skip='^TestConnectLeafWatch$'
  fail watch.TestConnectLeafWatch "waits for a leaf certificate"
fi
stop "$AGENT_PID"
unset CONSUL_HTTP_ADDR

mkdir "$WORK/tmp"
export TMPDIR="$WORK/tmp" GOFLAGS="-buildvcs=false -mod=mod"
group=""
trap 'status=$?; [ -z "$group" ] || kill -TERM -- "-$group" 2>/dev/null; (exit "$status"); _stop_all' EXIT

# round PATTERN: runs tests and adds to what they said. In a group of processes of its own: some tests leave their agents behind,
# and these end with the group. One package after the other: several agents start at once within one anyway, and mostly wait.
round() {
  setsid go test -json -count=1 -p 1 -parallel "${INTEROP_PARALLEL:-12}" -timeout 8m ${skip:+-skip "$skip"} ${1:+-run "$1"} ./... \
    >>"$WORK/go.json" 2>>"$WORK/go.err" &
  group=$!
  wait "$group"
  kill -TERM -- "-$group" 2>/dev/null
  group=""
}

# verdicts: a line for each test, by its latest run that passed, or else its latest run.
verdicts() {
  INTEROP_VERBOSE="$only" python3 - "$WORK/go.json" <<'PY'
import collections, json, os, sys
said, verdict = collections.defaultdict(list), {}
for line in open(sys.argv[1]):
    try:
        event = json.loads(line)
    except ValueError:
        continue
    test = event.get("Test")
    if not test:
        continue
    # The module's packages are api and api/watch: name a test by its package below the module.
    package = event["Package"].split("/consul/api")[-1].strip("/")
    name = (package + "." if package else "") + test
    if event["Action"] == "output":
        said[name].append(event["Output"])
    elif event["Action"] in ("pass", "fail", "skip") and verdict.get(name) != "pass":
        verdict[name] = event["Action"]
for name in list(said):
    verdict.setdefault(name, "fail")  # cut off: a panic or the time limit
for name, word in sorted(verdict.items()):
    shown = name.replace(" ", "_")
    if word == "pass":
        print("ok", shown)
    elif word == "fail":
        lines = [l.strip() for l in said[name] if l.strip() and not l.lstrip().startswith(("=== ", "--- "))]
        print("FAIL", shown, " | ".join(lines)[:200].replace("\n", " "))
        if os.environ.get("INTEROP_VERBOSE"):
            print("".join("    " + l for l in said[name]), file=sys.stderr)
    else:
        print("skipped", shown)
PY
}

: >"$WORK/go.json"
round "${only:+^($only)\$}"
if [ -z "$only" ]; then
  again="$(verdicts | sed -n 's/^ok //p' | LC_ALL=C sort | LC_ALL=C comm -13 - <(LC_ALL=C sort -u "$INTEROP_DIR/go-api.passing") \
    | sed 's/^watch\.//; s,/.*,,' | sort -u | paste -sd '|')"
  if [ -n "$again" ]; then
    echo "   once more: $again"
    INTEROP_PARALLEL=1 round "^($again)\$"
  fi
fi
verdicts >"$WORK/go.results"
results <"$WORK/go.results"
[ -s "$WORK/go.results" ] || fail setup "the tests did not run: $(tail -n 3 "$WORK/go.err" | tr '\n' '|')"
# Part of the list cannot be held against a run of some tests.
[ -z "$only" ] || exit 0
finish
