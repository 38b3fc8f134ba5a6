#!/bin/sh
# Install one of the lock files into the environment $VENV; called by make.
set -eu
which="$1"
venv="${VENV:-.venv}"

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

if ! { [ -x "$venv/bin/python" ] && fits "$venv/bin/python"; }; then
    found=""
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if fits "$candidate"; then found="$candidate"; break; fi
    done
    if [ -z "$found" ]; then
        echo "reelhouse needs Python 3.11, 3.12 or 3.13; name one with: make PYTHON=/path/to/python" >&2
        exit 2
    fi
    echo "Making the environment $venv with $("$found" --version) ..."
    "$found" -m venv --clear "$venv" || {
        echo "This Python cannot make environments; on Debian and Ubuntu: sudo apt install python3-venv" >&2
        exit 2
    }
fi

echo "Installing requirements/$which.lock (only what is missing) ..."
# The lock is complete, so nothing is resolved: pip before 24 looks at newer releases of what is asked for with extras.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r "requirements/$which.lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
touch "$venv/.$which"
