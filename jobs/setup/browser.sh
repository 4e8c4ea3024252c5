#!/usr/bin/env bash
# Installs headless Chromium where the tests that draw the report could use it: as root on Debian.
# Elsewhere it says so in one line and lets those tests be skipped.
set -euo pipefail
command -v chromium >/dev/null || command -v google-chrome >/dev/null && exit 0
cd "$(dirname "$0")/../.."
logs=.altiplano/logs
if [ -n "${ALTIPLANO_NO_APT:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "setup: no Chromium, so tests that draw pages are skipped; install 'chromium' for them"
    exit 0
fi
echo "setup: installing chromium"
mkdir -p "$logs"
export DEBIAN_FRONTEND=noninteractive
{ apt-get update -q && apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=300 chromium fonts-dejavu-core; } >"$logs/chromium.log" 2>&1 </dev/null ||
    echo "setup: chromium could not be installed, see $logs/chromium.log; its tests are skipped"
