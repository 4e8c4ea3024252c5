#!/usr/bin/env bash
# Brings a checkout from nothing to ready: system parts, .venv, kenlm's tools, the language-ID
# model. Idempotent, and silent and quick where nothing is missing. Everything it makes lies in
# .venv and .altiplano; the slow parts run side by side, their output in .altiplano/logs.
#
# ALTIPLANO_NO_APT=1: install no system package, only say which are missing.
# PYTHON=path: the Python 3.11 to use.
set -euo pipefail
cd "$(dirname "$0")/../.."

state=.altiplano
logs=$state/logs
lock=jobs/setup/requirements.lock
compiled=(fasttext kenlm) # ship as source only, so they are built beside the big download

say() { echo "setup: $*"; }
die() {
    echo "setup: $*" >&2
    exit 1
}

key() { # all that can change what set-up makes; .venv holds absolute paths, so the place too
    { cat pyproject.toml "$lock" jobs/setup/*.sh jobs/models.py && pwd; } | sha256sum | cut -c1-24
}

ready() {
    [ "$(cat "$state/setup.stamp" 2>/dev/null)" = "$(key)" ] &&
        .venv/bin/python -c '' 2>/dev/null && [ -x .venv/bin/altiplano ] &&
        [ -x $state/kenlm/bin/lmplz ] && [ -x $state/kenlm/bin/build_binary ] &&
        [ -s $state/models/lid.176.ftz ] && has_java
}

has_java() {
    local java=${JAVA_HOME:+$JAVA_HOME/bin/}java version
    version=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)
    [ "${version:-0}" -ge 17 ]
}

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

links_boost() {
    echo '#include <boost/program_options.hpp>
          #include <boost/thread.hpp>
          int main() { return 0; }' |
        c++ -x c++ - -o $state/probe -lboost_program_options -lboost_thread -lboost_system \
            >"$logs/boost.log" 2>&1 && rm -f $state/probe
}

missing_packages() { # Debian's names of the system parts that are not there
    local python
    if python=$(find_python); then
        "$python" -c 'import ensurepip, venv' 2>/dev/null || echo python3.11-venv
        "$python" -c 'import os, sys, sysconfig
sys.exit(not os.path.exists(sysconfig.get_paths()["include"] + "/Python.h"))' ||
            echo python3.11-dev
    else
        echo python3.11 python3.11-venv python3.11-dev
    fi
    has_java || echo openjdk-17-jre-headless
    command -v cmake >/dev/null || echo cmake
    command -v c++ >/dev/null || echo g++
    { command -v c++ >/dev/null && links_boost; } ||
        echo libboost-program-options-dev libboost-system-dev libboost-thread-dev
}

system_parts() {
    local packages
    packages=$(missing_packages | tr '\n' ' ')
    packages=${packages% }
    [ -n "$packages" ] || return 0
    if [ -n "${ALTIPLANO_NO_APT:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "missing system parts; run 'sudo apt-get install -y $packages'" \
            "(or your system's equivalents), then the same command again"
    fi
    say "installing $packages"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 $packages; } >"$logs/apt.log" 2>&1 </dev/null || failed apt
    packages=$(missing_packages | tr '\n' ' ')
    [ -z "$packages" ] || die "apt-get left these unusable: ${packages% }; see $logs/apt.log"
}

failed() {
    echo "setup: '$1' failed; the end of $logs/$1.log:" >&2
    tail -n 15 "$logs/$1.log" >&2
    exit 1
}

pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"; }

satisfied() { # whether every pin is installed; pip takes many seconds to say so
    .venv/bin/python - "$lock" <<'PYTHON' 2>/dev/null
import sys
from importlib.metadata import version
pins = [line.strip().split("==") for line in open(sys.argv[1]) if not line.startswith("#")]
sys.exit(any(version(name).partition("+")[0] != wanted for name, wanted in pins))
PYTHON
}

packages() { # everything that comes as a wheel
    grep -v -E "^($(
        IFS='|'
        echo "${compiled[*]}"
    ))==" "$lock" >$state/wheels.lock
    pip install -r $state/wheels.lock
}

compile() {
    local name pin
    for name in "${compiled[@]}"; do
        pin=$(grep "^$name==" "$lock")
        compgen -G "$state/wheels/$name-${pin#*==}-*.whl" >/dev/null ||
            pip wheel --no-deps -w $state/wheels "$pin"
    done
}

declare -A running=() # process id -> name
start() { # start NAME COMMAND...: in the background, its output in a log of that name
    local name=$1
    shift
    set -m # a process group each, so that stopping one stops all it started
    "$@" >"$logs/$name.log" 2>&1 </dev/null &
    set +m
    running[$!]=$name
}

finish() { # waits for all that was started; the first that fails ends everything
    local pid
    while [ ${#running[@]} -gt 0 ]; do
        wait -n -p pid "${!running[@]}" || failed "${running[$pid]}"
        unset "running[$pid]"
    done
}

stop() {
    local pid
    for pid in "${!running[@]}"; do
        kill -- "-$pid" 2>/dev/null || true
    done
}
trap stop EXIT
trap 'exit 130' INT TERM

main() {
    ready && return
    mkdir -p "$logs" $state/wheels
    local began=$SECONDS
    system_parts
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        say "making .venv with $(find_python)"
        rm -rf .venv
        start venv "$(find_python)" -m venv .venv
        finish
    fi
    if satisfied; then
        start kenlm jobs/setup/kenlm.sh .venv/bin/python $state/kenlm
    else
        say "installing the pinned packages and building kenlm's tools (minutes the first time)"
        start setuptools pip install "$(grep '^setuptools==' "$lock")"
        finish
        start packages packages
        start compile compile
        start kenlm jobs/setup/kenlm.sh .venv/bin/python $state/kenlm
        finish
        start project pip install --find-links $state/wheels -r "$lock"
    fi
    finish
    start project pip install --no-deps --no-build-isolation -e .
    finish
    say "getting the language-ID model"
    start models .venv/bin/python -c 'from jobs import models; models.fetch("lid")'
    finish
    say "compiling the passes over text, and keeping Spark's classes for quick starts"
    start classes .venv/bin/python -m jobs.setup.spark_classes
    start kernels .venv/bin/python -c "from pathlib import Path
from jobs.setup.kernels import compile_all
compile_all('$state/models/lid.176.ftz', Path('$state/kenlm/bin'))"
    finish
    key >$state/setup.stamp
    say "ready after $((SECONDS - began)) s"
}

main
