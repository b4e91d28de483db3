#!/usr/bin/env bash
# interop: quick – a session with the npm client consul
. "$(dirname "$0")/lib.sh"

VERSION=2.0.1
modules="$CACHE/npm-consul-$VERSION"
if [ ! -f "$modules/.complete" ]; then
  rm -rf "$modules" && mkdir -p "$modules"
  npm install --silent --no-audit --no-fund --prefix "$modules" "consul@$VERSION" >"$WORK/npm.log" 2>&1 && touch "$modules/.complete" \
    || absent "could not install: $(tail -n 3 "$WORK/npm.log" | tr '\n' '|')"
fi
agent_start judge
results < <(node "$INTEROP_DIR/npm/session.js" "$modules/node_modules" "$HTTP_PORT" judge 2>&1)
finish
