#!/usr/bin/env bash
# interop: quick – a session with the Python client py-consul (PyPI)
. "$(dirname "$0")/lib.sh"

python_env py-consul "py-consul==1.8.0" requests==2.32.5
agent_start judge
results < <("$PYTHON" "$INTEROP_DIR/python/session.py" 127.0.0.1 "$HTTP_PORT" judge 2>&1)
finish
