#!/bin/sh
# Makes .venv (everything that tests and demo need) and .peers/* (other people's plugins, each in a venv of its own).
# Usage: scripts/environment.sh [PEER...]; called by make, which skips it while nothing has changed.
set -eu
cd "$(dirname "$0")/.."

oldest='3.10'
unset VIRTUAL_ENV PYTHONHOME PYTHONPATH CONDA_PREFIX || true
export UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=.venv UV_NO_PROGRESS=1 PIP_DISABLE_PIP_VERSION_CHECK=1

say() { echo "[setup] $*"; }
stop() { echo "[setup] $*" >&2; exit 1; }

# A name on PATH proves nothing: a pyenv shim may stand there for a version that is not installed.
full_path() {
    "$1" -c 'import sys; sys.version_info >= (3, 10) or sys.exit(1); print(sys.executable)' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        full_path "$PYTHON" && return
        stop "PYTHON=$PYTHON does not run, or is older than $oldest."
    fi
    for name in .venv/bin/python python3 python3.13 python3.12 python3.14 python3.11 python3.10 python; do
        full_path "$name" && return
    done
    stop "No Python $oldest or newer found. Install one, or name it: make PYTHON=/path/to/python3"
}

new_enough() {
    case $("$1" --version 2>/dev/null) in
        'uv 0.'[0-8].*) return 1 ;;
        'uv '*) return 0 ;;
        *) return 1 ;;
    esac
}

find_uv() {
    if new_enough uv; then
        echo uv
        return
    fi
    home=.cache/bootstrap
    if ! new_enough "$home/bin/uv"; then
        say "no uv 0.9 or newer on PATH: putting one into $home" >&2
        rm -rf "$home"
        if "$1" -m venv "$home" >/dev/null 2>&1; then
            "$home/bin/python" -m pip install --quiet 'uv>=0.9' >&2
        elif "$1" -m pip --version >/dev/null 2>&1; then
            # Debian without python3-venv: pip can still fill a folder.
            "$1" -m pip install --quiet --target "$home" 'uv>=0.9' >&2
        else
            stop "$1 has neither venv nor pip: install one of them (Debian: apt install python3-venv), or uv."
        fi
    fi
    echo "$home/bin/uv"
}

python=$(find_python)
uv=$(find_uv "$python")

if [ "$#" -eq 0 ]; then
    say "Python $("$python" -c 'import platform; print(platform.python_version())'), $("$uv" --version | cut -d' ' -f1,2): .venv from uv.lock"
    if [ -z "${UV_DEFAULT_INDEX:-}" ]; then
        "$uv" sync --quiet --locked --python "$python"
    else
        # uv.lock names PyPI's own addresses: from another index its versions and hashes are taken, not its addresses.
        say "packages come from the index that your environment names"
        mkdir -p .cache
        "$uv" export --quiet --frozen --no-emit-project --output-file .cache/requirements.txt
        "$uv" venv --quiet --allow-existing --python "$python" .venv
        "$uv" pip sync --quiet --python .venv/bin/python .cache/requirements.txt
        "$uv" pip install --quiet --python .venv/bin/python --no-deps --editable .
    fi
else
    for peer in "$@"; do
        say "$peer into .peers/$peer, for the tests"
        "$uv" venv --quiet --clear --python "$python" ".peers/$peer"
        "$uv" pip install --quiet --python ".peers/$peer/bin/python" --requirements "tests/peers/$peer.txt"
    done
fi
