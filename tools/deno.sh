#!/bin/sh
# Runs Deno with the given arguments: the one on PATH if it is of the release line (major.minor)
# that .deno-version pins and no older, else .deno/bin/deno, which is installed with npm or pip when it
# is missing.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
version=$(cat "$root/.deno-version")
local_deno=$root/.deno/bin/deno

fail() {
  echo "tools/deno.sh: $1" >&2
  exit 1
}

# version_of DENO: prints its version, or nothing.
version_of() {
  "$1" --version 2>/dev/null | sed -n '1s/^deno \([0-9.]*\).*/\1/p'
}

# npm has a package with the executable for each platform. Its install script would only copy that,
# and npm may be configured not to run scripts.
with_npm() {
  command -v npm >/dev/null && npm install --prefix "$1" --no-save --no-audit --no-fund \
    --ignore-scripts --include=optional --loglevel=error "deno@$version" >/dev/null &&
    mv "$1"/node_modules/@deno/*/deno "$1/deno"
}

with_pip() {
  for python in python3 python; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      PIP_ROOT_USER_ACTION=ignore "$python" -m pip install --quiet --disable-pip-version-check \
        --no-deps --target "$1/pip" "deno==$version" >/dev/null && mv "$1/pip/bin/deno" "$1/deno"
      return
    fi
  done
  return 1
}

# The executable is moved into place with a rename: an interrupted run leaves none, and of two
# concurrent runs, the later one replaces an identical file.
install() {
  case $(uname -s) in
    Linux | Darwin) ;;
    *) fail "cannot install Deno on $(uname -s): install Deno ${version%.*} and call it directly" ;;
  esac
  command -v npm >/dev/null || python3 -m pip --version >/dev/null 2>&1 ||
    python -m pip --version >/dev/null 2>&1 ||
    fail "Deno ${version%.*} is not on PATH, and neither npm nor pip is there to install it"
  mkdir -p "$root/.deno/bin"
  work=$(mktemp -d "$root/.deno/install.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  echo "tools/deno.sh: installing Deno $version into $root/.deno" >&2
  with_npm "$work" || with_pip "$work" || fail "Deno $version could not be installed"
  chmod +x "$work/deno"
  [ "$(version_of "$work/deno")" = "$version" ] || fail "the installed Deno $version does not run here"
  mv -f "$work/deno" "$local_deno"
  rm -rf "$work"
  trap - EXIT HUP INT TERM
}

# is_fit VERSION: whether this version of Deno can be used.
is_fit() {
  case $1 in
    "${version%.*}".*) [ "${1##*.}" -ge "${version##*.}" ] ;;
    *) false ;;
  esac
}

if ! is_fit "$(version_of deno)"; then
  [ "$(version_of "$local_deno")" = "$version" ] || install
  PATH=$root/.deno/bin:$PATH
  export PATH
fi
exec deno "$@"
