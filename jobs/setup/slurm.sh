#!/bin/bash
# A private SLURM of two nodes, both on this machine, for tests, apart from any SLURM it has: its
# configuration, state, key and socket lie in one folder, its ports are free ones, and it ends with
# `stop`. Nodes' names are no hosts' names: jobs on both need MASTER_ADDR=127.0.0.1.
#
#   slurm.sh install         installs slurm-wlm and munge where missing and root on Debian
#   slurm.sh start FOLDER    starts it; then `export SLURM_CONF=FOLDER/slurm.conf` and sbatch
#   slurm.sh stop FOLDER
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin

wait_seconds=30
nodes="alt1 alt2"

die() {
    echo "slurm: $*" >&2
    exit 1
}

installed() {
    local tool
    for tool in munged slurmctld slurmd sbatch scontrol; do
        command -v "$tool" >/dev/null || return 1
    done
}

install_packages() {
    installed && return
    if [ -n "${ALTIPLANO_NO_APT:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        die "SLURM is missing; run 'sudo apt-get install -y slurm-wlm munge'" \
            "(or your system's equivalents), then the same command again"
    fi
    echo "slurm: installing slurm-wlm and munge"
    local log
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    # Debian starts services at installation; this SLURM is only for tests and has its own.
    local policy=/usr/sbin/policy-rc.d ours=0
    [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && ours=1; }
    local done=0
    { apt-get update -q && apt-get install -y -q --no-install-recommends \
        -o DPkg::Lock::Timeout=300 slurm-wlm munge; } >"$log" 2>&1 </dev/null || done=$?
    [ $ours = 0 ] || rm -f $policy
    [ $done = 0 ] || { tail -n 15 "$log" >&2 && die "apt-get failed; its output is in $log"; }
    rm -f "$log"
}

free_port() {
    local port
    while port=$((20000 + RANDOM % 10000)); do
        (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null || break
    done
    echo "$port"
}

configure() {
    local folder=$1 host
    host=$(hostname -s)
    mkdir -p "$folder/state"
    chmod 700 "$folder"
    (umask 077 && head -c 1024 /dev/urandom >"$folder/munge.key")
    # cred_expire is also how long a requeued job waits before it starts again.
    cat >"$folder/slurm.conf" <<CONF
ClusterName=altiplano
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$folder/munge.socket,cred_expire=5
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
MailProg=/bin/true
ReturnToService=2
JobRequeue=1
SchedulerParameters=sched_interval=5
KillWait=10
PartitionName=main Nodes=${nodes// /,} Default=YES MaxTime=INFINITE State=UP
CONF
    local node
    for node in $nodes; do
        echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$(free_port)" \
            "CPUs=$(nproc) State=UNKNOWN" >>"$folder/slurm.conf"
    done
}

start() {
    local folder=$1 deadline=$((SECONDS + wait_seconds))
    case $folder in
        *[[:space:]]*) die "'$folder' has a space, which slurm.conf cannot hold; choose another" ;;
        /*) ;;
        *) die "'$folder' is not absolute; give an absolute folder" ;;
    esac
    [ "$(id -u)" = 0 ] || die "slurmd starts jobs only as root; run this as root"
    [ -e "$folder/munge.pid" ] && die "'$folder' holds a running SLURM; stop it first"
    installed || die "SLURM is not installed; 'jobs/setup/slurm.sh install' does it"
    configure "$folder"
    export SLURM_CONF=$folder/slurm.conf
    # --force: the folder may lie below one that others can write to, as /tmp is.
    munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" \
        --pid-file="$folder/munge.pid" --log-file="$folder/munge.log" \
        --seed-file="$folder/munge.seed" </dev/null
    slurmctld -c </dev/null
    local node
    for node in $nodes; do
        mkdir -p "$folder/spool-$node"
        slurmd -c -N "$node" </dev/null
    done
    until [ "$(sinfo --noheader --Node --format=%T 2>/dev/null | grep -cx idle)" = 2 ]; do
        if [ $SECONDS -ge $deadline ]; then
            tail -n 10 "$folder"/slurmctld.log "$folder"/slurmd-*.log >&2 || true
            stop "$folder"
            die "the nodes were not idle after $wait_seconds s"
        fi
        sleep 0.3
    done
}

stop() {
    local folder=$1 name pid
    [ -d "$folder" ] || return 0
    for name in ${nodes//alt/slurmd-alt} slurmctld munge; do
        pid=$(cat "$folder/$name.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 100); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -f "$folder"/{slurmd-*,slurmctld,munge}.pid
}

case ${1:-} in
    install) install_packages ;;
    start) start "${2:?start FOLDER}" ;;
    stop) stop "${2:?stop FOLDER}" ;;
    *) die "usage: slurm.sh install | start FOLDER | stop FOLDER" ;;
esac
