#!/bin/sh
# Downloads etcd for the interop suite and the chaos run into .cache/etcd, without installing anything on
# the system: the version of Debian (or Ubuntu). Existing files are not downloaded again. Needs apt-get,
# dpkg-deb and flock.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cache=$root/.cache/etcd
mkdir -p "$cache"
# Several groups of the suite run at the same time.
exec 9>"$cache/.lock"
flock 9
[ ! -e "$cache/.complete" ] || exit 0
mkdir -p "$cache/debs"
(cd "$cache/debs" && apt-get download --quiet=2 etcd-server) 2>/dev/null ||
  { apt-get update --quiet=2 && (cd "$cache/debs" && apt-get download --quiet=2 etcd-server); }
for package in "$cache"/debs/*.deb; do dpkg-deb --extract "$package" "$cache"; done
rm -rf "$cache/debs"
"$cache/usr/bin/etcd" --version
: >"$cache/.complete"
