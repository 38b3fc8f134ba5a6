#!/bin/sh
# Resolve the lock files anew. The largest first; the smaller ones take its versions, so that they agree.
set -eu
cd "$(dirname "$0")/.."
command -v uv >/dev/null || { echo "make lock needs uv: pip install uv" >&2; exit 2; }

resolve() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --no-annotate --no-header pyproject.toml requirements/build.in "$@"
}

resolve --extra dev -o requirements/dev.lock
resolve --extra notebook -c requirements/dev.lock -o requirements/notebook.lock
resolve -c requirements/dev.lock -o requirements/run.lock
