#!/usr/bin/env bash
# Make the Python environment for Isaac Lab: Python 3.12, Isaac Lab 3 and this library. It is apart from .venv, since
# Isaac Lab holds an older MuJoCo than the MuJoCo shell needs.
#
#   PYTHON312=/path/to/python3.12  the interpreter to use
set -euo pipefail
cd "$(dirname "$0")/.."
venv="${1:-.venv-isaaclab}"

fits() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null; }

if ! fits "$venv/bin/python"; then
    python=""
    for candidate in ${PYTHON312:-python3.12 "$HOME"/.pyenv/versions/3.12.*/bin/python3.12}; do
        if fits "$candidate"; then python="$candidate"; break; fi
    done
    if [ -z "$python" ]; then
        echo "setup: Isaac Lab 3 needs Python 3.12; install it, or name it: make test-isaaclab PYTHON312=/path" >&2
        exit 2
    fi
    echo "setup: a virtual environment in $venv from $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi
"$venv/bin/python" -m pip install --disable-pip-version-check --quiet --editable ".[isaaclab]" "pytest>=8"
"$venv/bin/athena" --version
