#!/usr/bin/env bash
# interop: slow – Ansible's modules for services, checks, keys, sessions and locks; a second run changes nothing but what they cannot know
. "$(dirname "$0")/lib.sh"

# The package `ansible` holds every collection there is; only community.general is unpacked from it.
python_env ansible ansible-core==2.18.6 python-consul==1.1.0 requests==2.32.4
COLLECTIONS="$CACHE/ansible-collections-11.0.0"
unpack() {
  "${PYTHON%python}pip" download --quiet --no-deps --dest "$WORK/wheel" ansible==11.0.0 && python3 - "$WORK/wheel" "$COLLECTIONS.new" <<'PY'
import pathlib, sys, zipfile
wheel = zipfile.ZipFile(next(pathlib.Path(sys.argv[1]).glob("*.whl")))
wheel.extractall(sys.argv[2], [n for n in wheel.namelist() if n.startswith("ansible_collections/community/general/")])
PY
}
if [ ! -d "$COLLECTIONS" ]; then
  rm -rf "$COLLECTIONS.new"
  if ! unpack >"$WORK/pip.log" 2>&1 || ! mv "$COLLECTIONS.new" "$COLLECTIONS"; then
    fail setup "could not get the collection: $(tail -n 2 "$WORK/pip.log" | tr '\n' '|')"
    finish
  fi
fi
export ANSIBLE_COLLECTIONS_PATH="$COLLECTIONS" ANSIBLE_HOME="$WORK/ansible" ANSIBLE_NOCOLOR=1 ANSIBLE_LOCALHOST_WARNING=0 LC_ALL=C.UTF-8
export ANSIBLE_REMOTE_TMP="$WORK/remote" ANSIBLE_PYTHON_INTERPRETER="$PYTHON"

agent_start one
play() { timeout 300 "${PYTHON%python}ansible-playbook" -i "$INTEROP_DIR/ansible/hosts" -e "http_port=$HTTP_PORT" "$INTEROP_DIR/ansible/$1.yml" >"$WORK/$2.log" 2>&1; }
# tasks LOG: one result for each task of a play.
tasks() {
  python3 - "$WORK/$1.log" "$1" "${2:-}" <<'PY' >"$WORK/$1.results"
import re, sys
task, seen = None, []
for line in open(sys.argv[1], encoding="utf-8"):
    if m := re.match(r"TASK \[(.*?)\]", line):
        task = m[1]
        if task in seen or task.startswith("ansible.builtin.assert") or task == "assert":
            task = f"{task} ({len(seen)})"
        seen.append(task)
    elif m := re.match(r"(ok|changed|fatal|failed)\b.*", line):
        name = f"{sys.argv[2]}: {task}"
        if m[1] in ("ok", "changed") and not (sys.argv[3] and m[1] != sys.argv[3]):
            print("ok", name)
        else:
            print("FAIL", name.replace(" ", "_"), line.strip()[:600])
PY
  results <"$WORK/$1.results"
}
play play first
tasks first
recap() { sed -n 's/.*\(changed=[0-9]*\).*\(failed=[0-9]*\).*/\1 \2/p' "$WORK/$1.log"; }
check "the first run changes" test "$(recap first)" = "changed=5 failed=0"
web_is() { [ "$(curl -sf "http://$HTTP_ADDR/v1/health/service/web?passing" | grep -o '"Service":"web"' | wc -l)" -ge 1 ]; }
check "the service is there and passes" wait_for "$WAIT" web_is
play play second
tasks second
# The modules register checks each time: no answer of the agent tells all that a check was registered with.
changed() { awk '/^TASK/ { gsub(/TASK \[|\].*/, ""); task = $0 } /^changed:/ { printf "%s;", task }' "$WORK/$1.log"; }
check "the second run changes nothing but the checks" test "$(changed second)" = "a service with a check;a check of the node;"
play session session
tasks session
play gone gone
tasks gone changed
play gone gone-again
check "a second removal changes nothing" test "$(recap gone-again)" = "changed=0 failed=0"
check "nothing is left" test "$(curl -sf "http://$HTTP_ADDR/v1/agent/services") $(curl -s "http://$HTTP_ADDR/v1/kv/?keys")" = "{} []"

finish
