#!/usr/bin/env bash
# interop: quick – a session with the Python client python-consul (PyPI)
. "$(dirname "$0")/lib.sh"

python_env python-consul "python-consul==1.1.0" requests==2.32.5 six==1.17.0
agent_start judge
results < <("$PYTHON" "$INTEROP_DIR/python/session.py" 127.0.0.1 "$HTTP_PORT" judge 2>&1)
finish
