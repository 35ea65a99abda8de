#!/bin/sh
# Installs Chromium for tests/browser from Debian. The user must be root.
set -eu

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "There is no chromium. As root, on Debian: apt-get install chromium" >&2
  exit 1
fi
apt-get update --quiet=2
DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes --no-install-recommends \
  chromium fonts-dejavu-core fonts-wqy-zenhei
