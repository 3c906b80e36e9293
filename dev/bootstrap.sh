#!/usr/bin/env bash
# Makes the Python environment from requirements.lock; says in one line what the machine lacks.
set -euo pipefail
venv=${1:?usage: dev/bootstrap.sh VENV}
cd "$(dirname "$0")/.."

fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

python=${PYTHON:-}
if [ -z "$python" ]; then
  for candidate in python3 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      python=$candidate
      break
    fi
  done
fi
[ -n "$python" ] || fail "Python 3.11 or newer is needed and none was found on PATH (set PYTHON=/path/to/python3.11)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$python is older than Python 3.11"
"$python" -c 'import venv, ensurepip' 2>/dev/null || fail "$python has no venv module; on Debian: apt-get install python3-venv"
command -v cargo >/dev/null || fail "cargo is not on PATH; install a Rust toolchain (1.85 or newer): https://rustup.rs"
command -v cc >/dev/null || fail "no C compiler (cc) on PATH; on Debian: apt-get install gcc libc6-dev"

[ -x "$venv/bin/python" ] || { echo "making $venv with $($python --version) …"; "$python" -m venv "$venv"; }
echo "installing the locked dependencies …"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
