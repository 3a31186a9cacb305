#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs through apt what the build and the tests need on Debian 12, and only what is missing. On another system, or
# with MLIR_DIR set, it installs nothing: it checks that the tools are there and says what is not.
set -euo pipefail

packages=(
  cmake ninja-build ccache git ca-certificates
  clang-22 lld-22 clang-format-22 libclang-rt-22-dev
  llvm-22-dev libmlir-22-dev mlir-22-tools llvm-22-tools
  libzstd-dev zlib1g-dev libxml2-dev libedit-dev libcurl4-openssl-dev libffi-dev
  libgtest-dev libxxhash-dev python3-dev python3-venv
)

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: error: %s\n' "$@" >&2
  exit 1
}

needs=(
  "what Falloff needs on another system:"
  "  cmake 3.25, ninja, a C++17 compiler (clang or g++ 12), GoogleTest, xxHash, Python 3.11 with headers and venv"
  "  LLVM and MLIR 22 with FileCheck, lit and mlir-tblgen; then"
  "  export MLIR_DIR=<prefix>/lib/cmake/mlir"
)

is_debian_12() {
  [ -r /etc/os-release ] && (. /etc/os-release && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ])
}

check_other_system() {
  [ -n "${MLIR_DIR:-}" ] || fail "this system is not Debian 12, and MLIR_DIR is not set" "${needs[@]}"
  [ -f "$MLIR_DIR/MLIRConfig.cmake" ] || fail "expects MLIRConfig.cmake in MLIR_DIR, but found none in '$MLIR_DIR'"
  for tool in cmake ninja python3; do
    command -v "$tool" >/dev/null || fail "expects '$tool' on the PATH, but found none" "${needs[@]}"
  done
}

if [ -n "${MLIR_DIR:-}" ] || ! is_debian_12; then
  check_other_system
  exit 0
fi

installed=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "${packages[@]}" 2>/dev/null | sed -n 's/^ii *//p' || true)
missing=()
for package in "${packages[@]}"; do
  grep -qxF "$package" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || fail "these packages are missing, and installing them needs root: ${missing[*]}" \
    "as root: apt-get update && apt-get install --no-install-recommends ${missing[*]}"
  as_root=(sudo)
fi
say "installing Debian packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get -qq update
"${as_root[@]}" apt-get -qq -y --no-install-recommends install "${missing[@]}" >/dev/null || fail \
  "apt could not install: ${missing[*]}" \
  "LLVM 22 comes from bookworm-security: is it among this system's sources?"
say "Debian packages are in place"
