#!/usr/bin/env bash
# Make the virtual environment of this checkout and install the library into it, with everything that `make demo` and
# `make test` use. Running it again only brings it up to date.
#
#   PYTHON=python3.12  the interpreter to use, instead of the first fitting one of python3.11, 3.12, 3.13, python3
#   TORCH="torch==2.9.1 --index-url URL"  what pip installs as torch, instead of the choice below
set -euo pipefail
cd "$(dirname "$0")/.."
venv="${1:-.venv}"
extras="mujoco,retarget,formats,corpus,synthesis,export,dev"

fits() { # A shim may exist for a Python that is not installed, so ask the interpreter itself.
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null
}

if ! fits "$venv/bin/python"; then
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
        if fits "$candidate"; then
            echo "setup: a virtual environment in $venv from $("$candidate" --version)"
            "$candidate" -m venv --clear "$venv"
            break
        fi
    done
fi
if ! fits "$venv/bin/python"; then
    echo "setup: no Python 3.11, 3.12 or 3.13 with the venv module was found; install one, or name it:" \
        "make setup PYTHON=/path/to/python3.11" >&2
    exit 2
fi

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@"; }
has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }

install_torch() {
    if [ -n "${TORCH:-}" ]; then
        # shellcheck disable=SC2086 # the variable may hold options too
        pip install $TORCH
    elif has_gpu || [ "$(uname -s)" = Darwin ]; then
        pip install "torch>=2.6,<3"
    else
        # The plain package for Linux pulls gigabytes of CUDA libraries. A CPU build comes from an index that is
        # configured for pip, or else from PyTorch's own index for CPU builds; the plain package is the last resort.
        echo "setup: no GPU here, so a CPU build of torch"
        pip install --quiet "torch==2.13.0+cpu" 2>/dev/null ||
            pip install --retries 1 --timeout 20 --index-url https://download.pytorch.org/whl/cpu "torch>=2.6,<3" ||
            pip install "torch==2.13.0"
    fi
}

"$venv/bin/python" -c 'import torch' 2>/dev/null || install_torch
pip install --quiet --editable ".[$extras]"
"$venv/bin/athena" --version
