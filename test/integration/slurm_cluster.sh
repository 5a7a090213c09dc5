#!/usr/bin/env bash
# A SLURM cluster on this machine: two nodes, n1 and n2, of two processors each, on the loopback; everything lies below
# FOLDER. As root, with slurmctld, slurmd and munged (Debian: slurm-wlm, munge), without systemd, cgroups and database.
#   slurm_cluster.sh start FOLDER        then: export SLURM_CONF=FOLDER/slurm.conf
#   slurm_cluster.sh stop FOLDER         ends it, with all of its jobs
#   slurm_cluster.sh daemon FOLDER NAME  starts slurmctld, slurmd.n1 or slurmd.n2 again
# Its limits are small, so that a test meets them: arrays of at most 10 (MaxArraySize=11), a lost node after 15 s, 5 s from
# SIGTERM to SIGKILL; partition 'second' is n2 for 10 minutes. SLURM_TEST_PORT is the first of three ports.
set -euo pipefail
usage() { echo "Usage: $0 start|stop FOLDER, $0 daemon FOLDER NAME" >&2; exit 2; }
[ $# -ge 2 ] || usage
action=$1
unset CDPATH  # in its folders cd would look first, and it would print where it goes
folder=$(mkdir -p "$2" && cd "$2" && pwd -P)
port=${SLURM_TEST_PORT:-26917}
export SLURM_CONF=${folder}/slurm.conf

write_config() {
    local host node
    host=$(hostname -s)
    node="NodeHostname=${host} NodeAddr=127.0.0.1 CPUs=2 Boards=1 SocketsPerBoard=1 CoresPerSocket=2 ThreadsPerCore=1"
    # Any device will do: SLURM counts these and looks no further.
    printf 'NodeName=%s Name=gpu File=%s\n' n1 /dev/null n2 /dev/zero > "${folder}/gres.conf"
    cat > "${SLURM_CONF}" << END
ClusterName=test
SlurmctldHost=${host}(127.0.0.1)
SlurmctldPort=${port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${folder}/munge/socket
StateSaveLocation=${folder}/state/controller
SlurmdSpoolDir=${folder}/state/%n
SlurmctldPidFile=${folder}/run/slurmctld.pid
SlurmdPidFile=${folder}/run/slurmd.%n.pid
SlurmctldLogFile=${folder}/log/slurmctld.log
SlurmdLogFile=${folder}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SlurmdTimeout=15
KillWait=5
MinJobAge=60
MaxArraySize=11
GresTypes=gpu
NodeName=n1 Port=$((port + 1)) RealMemory=6000 Gres=gpu:1 ${node} State=UNKNOWN
NodeName=n2 Port=$((port + 2)) RealMemory=6000 Gres=gpu:1 ${node} State=UNKNOWN
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
PartitionName=second Nodes=n2 MaxTime=10 State=UP
END
}

start_daemon() {  # start_daemon NAME
    case "$1" in
        munged)
            # Users reach the socket; the folder of the key must be root's alone.
            munged --key-file="${folder}/key/munge.key" --socket="${folder}/munge/socket" --pid-file="${folder}/munge/munged.pid" \
                --log-file="${folder}/key/munged.log" --seed-file="${folder}/key/munged.seed" --force
            ;;
        slurmctld) slurmctld ;;
        slurmd.*) slurmd -N "${1#slurmd.}" ;;
        *) usage ;;
    esac
}

start() {
    local name
    for name in munged slurmctld slurmd sinfo; do
        command -v "${name}" > /dev/null || { echo "$0: no ${name} here; apt-get install slurm-wlm munge" >&2; exit 3; }
    done
    [ "$(id -u)" -eq 0 ] || { echo "$0: the daemons want to be started by root" >&2; exit 3; }
    [ ! -e "${folder}/run" ] || { echo "$0: ${folder} has been a cluster's; name a new folder" >&2; exit 2; }
    chmod 755 "${folder}"
    mkdir -p "${folder}"/{run,log,munge} "${folder}"/state/{controller,n1,n2}
    (umask 077 && mkdir "${folder}/key" && head -c 1024 /dev/urandom > "${folder}/key/munge.key")
    write_config
    for name in munged slurmctld slurmd.n1 slurmd.n2; do start_daemon "${name}"; done
    SECONDS=0
    # A daemon that finds its port taken ends at once.
    while [ "${SECONDS}" -lt 60 ] && [ -s "${folder}/run/slurmctld.pid" ] && kill -0 "$(cat "${folder}/run/slurmctld.pid")"; do
        [ "$(sinfo -h -N -p main -o %t 2> /dev/null | grep -c idle)" -lt 2 ] || return 0
        sleep 1
    done
    tail -n 5 "${folder}"/log/*.log >&2
    stop
    echo "$0: the nodes did not come up; is port ${port} taken (SLURM_TEST_PORT)?" >&2
    exit 1
}

jobs_left() {  # processes of jobs of this cluster
    local environment
    for environment in /proc/[0-9]*/environ; do
        if grep -qsz '^SLURM_JOB_ID=' "${environment}" && grep -qsz "^SLURM_CONF=${SLURM_CONF}$" "${environment}"; then
            basename "${environment%/environ}"
        fi
    done
}

stop() {
    local file
    # shellcheck disable=SC2046  # process numbers
    for _ in 1 2 3; do kill -KILL $(jobs_left) 2> /dev/null || break; done
    for file in "${folder}"/run/slurmd.*.pid "${folder}/run/slurmctld.pid" "${folder}/munge/munged.pid"; do
        end_daemon "${file}"
    done
}

end_daemon() {  # end_daemon PID_FILE: returns when it has ended
    local pid
    pid=$(cat "$1" 2> /dev/null) && kill "${pid}" 2> /dev/null || return 0
    for _ in $(seq 100); do
        kill -0 "${pid}" 2> /dev/null || return 0
        sleep 0.1
    done
    kill -KILL "${pid}" 2> /dev/null || true
}

case "${action}" in
    start) start ;;
    stop) stop ;;
    daemon) start_daemon "${3:?}" ;;
    *) usage ;;
esac
