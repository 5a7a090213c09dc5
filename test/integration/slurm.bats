bats_require_minimum_version 1.5.0

# slurm.pl on the cluster of slurm_cluster.sh: CLUSTER is its folder, SLURM_CONF its configuration. Run by slurm.sh.

setup() {
    load ../shell/common.bash
    PATH="${REPO}/utils:${PATH}"
    : "${CLUSTER:?run test/integration/slurm.sh}"
    mkdir -p "${BATS_TEST_TMPDIR}/recipe dir/conf" "${BATS_TEST_TMPDIR}/bin"
    cd "${BATS_TEST_TMPDIR}/recipe dir"
    sed -e 's/^default mem=.*/default mem=200M/' "${REPO}/egs2/TEMPLATE/tse1/conf/slurm.conf" > conf/slurm.conf
}

teardown() {
    scancel --user=root
    wait_until nothing_queued
}

# jobs OPTION...: slurm.pl that looks often
jobs() { slurm.pl --check-time 3 "$@"; }

nothing_queued() { [ -z "$(squeue -h)" ]; }
running() { [ "$(squeue -h -r -t R | wc -l)" -ge "$1" ]; }
nodes_are_up() { [ "$(sinfo -h -N -p main -o %t | grep -c idle)" -eq 2 ]; }

# wrap_sbatch LINE...: an sbatch in front of the real one; "${real}" "$@" is that
wrap_sbatch() {
    { echo '#!/usr/bin/env bash'; echo "real=$(command -v sbatch)"; printf '%s\n' "$@"; } > "${BATS_TEST_TMPDIR}/bin/sbatch"
    chmod +x "${BATS_TEST_TMPDIR}/bin/sbatch"
    PATH="${BATS_TEST_TMPDIR}/bin:${PATH}"
}

in_background() {
    perl -e 'setpgrp(0, 0); $SIG{INT} = "DEFAULT"; exec { $ARGV[0] } @ARGV' -- "$@" > message 2>&1 3>&- &
    launched=$!
}

# ends_with CODE: what was launched
ends_with() {
    local code=0
    wait "${launched}" || code=$?
    [ "${code}" -eq "$1" ] || { echo "code ${code}"; cat message; return 1; }
}

@test "an array: words as typed, a name of its own, memory asked for, a site's notice on sbatch" {
    wrap_sbatch 'echo "Your account has 90000 hours left"' '"${real}" "$@"'
    echo 'echo "$@" "${SLURM_JOB_NAME}" "${SLURM_MEM_PER_CPU}"' > show.sh  # in a command 'JOB' would be replaced
    run -0 jobs JOB=1:4 log/decode.JOB.log bash show.sh 'two  words' '$HOME' part/JOB
    for job in 1 2 3 4; do
        grep -qxF "two  words \$HOME part/${job} decode 200" "log/decode.${job}.log"
        grep -q '^# Ended (code 0) at ' "log/decode.${job}.log"
    done
    run -1 jobs JOB=1:4 log/decode.JOB.log bash -c 'exit $(($1 == 2))' x JOB
    [[ "${output}" == *"1 / 4 failed"* ]]
    run -0 jobs --pick failed JOB=1:4 log/decode.JOB.log true
    [ "$(find log -name '*.withdrawn' | wc -l)" -eq 0 ]
}

@test "more jobs than MaxArraySize are several arrays, of which --max-jobs-run holds" {
    echo 'echo "${SLURM_ARRAY_JOB_ID} $1"' > show.sh
    run -0 jobs JOB=1:24 log/a.JOB.log bash show.sh JOB
    [ "$(grep -h '^[0-9]' log/a.*.log | cut -d ' ' -f 2 | sort -n | paste -sd ' ')" = "$(seq 24 | paste -sd ' ')" ]
    [ "$(grep -h '^[0-9]' log/a.*.log | cut -d ' ' -f 1 | sort -u | wc -l)" -eq 3 ]
    run -0 jobs --max-jobs-run 1 JOB=9:12 log/b.JOB.log bash -c 'mkdir alone && sleep 0.3 && rmdir alone'
}

@test "a signal while sbatch is at work leaves no job, be it INT to all, TERM or KILL" {
    wrap_sbatch '"${real}" "$@"; code=$?; sleep 2; exit "${code}"'
    for signal in INT TERM KILL; do
        rm -f begun
        in_background slurm.pl --check-time 3 JOB=1:2 log/a.JOB.log bash -c 'echo $$ >> begun; exec sleep 300'
        wait_for_file begun
        kill "-${signal}" -- "-${launched}"
        ends_with $((128 + $(kill -l "${signal}")))
        wait_until nothing_queued
        # shellcheck disable=SC2046
        gone $(cat begun)
    done
}

@test "why jobs wait is told, and threads are no more than a node has" {
    in_background slurm.pl --check-time 2 --num-threads 32 log/a.log true
    wait_for_line 'wait: PartitionConfig: .* never start: fewer --num-threads' message
    kill "${launched}"
    ends_with 143
    in_background slurm.pl --check-time 2 --queue second --time 1:00:00 log/a.log true
    wait_for_line 'wait: PartitionTimeLimit: ' message
    kill "${launched}"
    ends_with 143
    in_background slurm.pl --check-time 2 --num-threads 2 JOB=1:3 log/a.JOB.log sleep 10
    wait_for_line '1 of 3 jobs .* wait: Resources: ' message
    ends_with 0
    [ "$(max_threads.pl 32 slurm.pl)" -eq 2 ]
    [ "$(max_threads.pl 32 slurm.pl --mem 4G)" -eq 1 ]
    run -0 jobs --num-threads "$(max_threads.pl 32 slurm.pl)" log/a.log true
}

@test "the steps of several nodes have variables and processors of the job" {
    printf '%s\n' 'export OMP_NUM_THREADS=2' 'export NCCL_SOCKET_IFNAME="${NCCL_SOCKET_IFNAME:-^lo}"' > path.sh
    export HF_HOME=/of/the/user
    run -0 jobs --num-nodes 2 --num-threads 2 log/a.log srun --ntasks-per-node=1 --cpus-per-task=2 --kill-on-bad-exit=1 \
        bash -c 'echo "${SLURM_NODEID} ${HF_HOME} ${OMP_NUM_THREADS} ${NCCL_SOCKET_IFNAME} $(nproc)"'
    grep -qx '0 /of/the/user 2 ^lo 2' log/a.log
    grep -qx '1 /of/the/user 2 ^lo 2' log/a.log
    # torchrun_node.sh with a stand-in for python: a rendezvous for both, an address of the first.
    run -0 jobs --num-nodes 2 --gpu 1 log/b.log srun --ntasks-per-node=1 \
        "${REPO}/egs2/TEMPLATE/tse1/scripts/torchrun_node.sh" echo 2 1 -m nothing
    [ "$(grep -c -- '-m espnet_tse.train.torchrun --nnodes 2 --nproc_per_node 1 .* --rdzv_endpoint n1:[0-9]* -m nothing' log/b.log)" -eq 2 ]
}

@test "jobs on GPUs see their own" {
    run -0 jobs --gpu 1 log/a.log bash -c 'echo "device ${CUDA_VISIBLE_DEVICES}"'
    grep -qx 'device 0' log/a.log
}

@test "time limit, cancellation and memory are told from each other" {
    in_background slurm.pl --check-time 3 --time 0:00:05 log/limit.log sleep 300
    limited=${launched}
    mv message limit.message
    in_background slurm.pl --check-time 3 JOB=1:2 log/a.JOB.log sleep 300
    wait_for_line '^# Started' log/a.1.log
    wait_for_line '^# Started' log/a.2.log
    scancel --name=a
    ends_with 1
    grep -q 'ended jobs 1, 2 of [0-9]*, CANCELLED: it was cancelled.*its own words are in log/q/a.JOB.log' message
    grep -q '^# The scheduler ended this job, CANCELLED' log/a.2.log
    grep -q '^# slurmstepd.* CANCELLED AT' log/a.2.log
    run -1 jobs --mem 60M log/big.log perl -e 'my $x = "x" x 300e6; sleep 60'
    [[ "${output}" == *"OUT_OF_MEMORY: it needed more memory than it had asked for: give more by --mem"* ]] || { cat log/big.log log/q/big.log; echo "${output}"; false; }
    launched=${limited}
    ends_with 1
    grep -q 'ended job 1 of [0-9]*, TIMEOUT: its time limit was over: give more by --time' limit.message
    grep -q 'DUE TO TIME LIMIT' log/q/limit.log
}

@test "while the controller is away jobs are neither lost nor refused" {
    kill "$(cat "${CLUSTER}/run/slurmctld.pid")"
    wait_until bash -c '! squeue -h 2> /dev/null'
    in_background slurm.pl --check-time 6 JOB=1:2 log/a.JOB.log bash -c 'echo work >> worked; sleep 15'
    wait_for_line 'does not take jobs now; trying again' message
    "${REPO}/test/integration/slurm_cluster.sh" daemon "${CLUSTER}" slurmctld
    wait_until running 2
    kill "$(cat "${CLUSTER}/run/slurmctld.pid")"
    ends_with 0
    [ "$(wc -l < worked)" -eq 2 ]
    "${REPO}/test/integration/slurm_cluster.sh" daemon "${CLUSTER}" slurmctld
    wait_until nodes_are_up
    # What cannot be cancelled ends by itself.
    in_background slurm.pl --check-time 3 log/b.log bash -c 'echo $$ > begun; sleep 300'
    wait_for_file begun
    kill "$(cat "${CLUSTER}/run/slurmctld.pid")"
    wait_until bash -c '! squeue -h 2> /dev/null'
    kill "${launched}"
    ends_with 143
    grep -q 'could not cancel [0-9]*, so its jobs end by themselves' message
    gone "$(cat begun)"
    "${REPO}/test/integration/slurm_cluster.sh" daemon "${CLUSTER}" slurmctld
    wait_until nodes_are_up
}

@test "a job that a lost node still runs ends, and the next one waits for it" {
    in_background slurm.pl --check-time 3 --queue main log/a.log bash -c 'echo "begin $$" >> worked; sleep 300'
    wait_for_file worked
    first=$(awk '{ print $2 }' worked)
    node=$(squeue -h -o %N)
    # The daemon and what it has started for the job: nobody tells the job anything any more.
    kill -KILL "$(cat "${CLUSTER}/run/slurmd.${node}.pid")"
    ends_with 1
    grep -q 'left the queue without a result' message
    grep -q 'NODE_FAIL: its node failed' message
    grep -q 'NODE_FAIL' log/a.log
    gone "${first}"
    run -0 jobs log/a.log bash -c 'echo second >> worked'
    "${REPO}/test/integration/slurm_cluster.sh" daemon "${CLUSTER}" "slurmd.${node}"
    wait_until nodes_are_up
}

@test "a job that is put back into the queue is waited for" {
    sed -i 's/--no-requeue/--requeue/' conf/slurm.conf
    in_background slurm.pl --check-time 3 log/a.log bash -c 'echo begin >> worked; [ "$(wc -l < worked)" -eq 2 ] || sleep 300'
    wait_for_file worked
    id=$(squeue -h -o %A)
    scontrol requeue "${id}"
    wait_for_line 'was put back into the queue and will run again' message
    wait_until scontrol update "JobId=${id}" StartTime=now
    ends_with 0
    [ "$(wc -l < worked)" -eq 2 ]
}

@test "a user who is not root" {
    chown -R games:games "${BATS_TEST_TMPDIR}"
    chmod 755 "${BATS_RUN_TMPDIR}" "${BATS_FILE_TMPDIR}" "$(dirname "${BATS_TEST_TMPDIR}")"
    as_user() { setpriv --reuid=games --regid=games --clear-groups env "HOME=${BATS_TEST_TMPDIR}" "$@"; }
    run -0 as_user slurm.pl --check-time 3 JOB=1:2 log/a.JOB.log id -un
    grep -qx games log/a.2.log
    in_background setpriv --reuid=games --regid=games --clear-groups slurm.pl --check-time 3 log/b.log sleep 300
    wait_until running 1
    kill "${launched}"
    ends_with 143
    wait_until nothing_queued
}

# decode BACKEND TAG: decoding and scoring of the recipe's own run
decode() { env "cmd_backend=$1" exp/tse_laura_tse_nano/run.sh --stage decode --stop_stage score --inference_nj 4 --inference_tag "$2"; }

@test "decoding and scoring of a recipe, whose jobs are cancelled and killed, give the same bytes" {
    [ -n "${RECIPE:-}" ] || skip "no RECIPE"
    cd "${RECIPE}"
    rm -rf exp/tse_laura_tse_nano/{local,slurm}_*
    decode local local > "${BATS_TEST_TMPDIR}/local.log" 2>&1
    in_background bash -c "$(declare -f decode); decode slurm slurm"
    mv message "${BATS_TEST_TMPDIR}"
    wait_until running 2
    sleep 4
    scancel --name=decode
    ends_with 1
    grep -q 'CANCELLED' "${BATS_TEST_TMPDIR}/message"
    in_background bash -c "$(declare -f decode); decode slurm slurm"
    mv message "${BATS_TEST_TMPDIR}"
    wait_until running 2
    sleep 4
    kill -KILL -- "-${launched}"
    wait_until nothing_queued
    decode slurm slurm > "${BATS_TEST_TMPDIR}/last.log" 2>&1
    grep -q 'resuming (decode)' "${BATS_TEST_TMPDIR}/last.log"
    for set in exp/tse_laura_tse_nano/local_*; do
        (cd "${set}" && find . -name '*.flac' -o -name '*.wav' -o -path './scoring/si_sdr' -o -path './scoring/pesq' \
            | LC_ALL=C sort | xargs sha256sum) > "${BATS_TEST_TMPDIR}/expected"
        [ "$(wc -l < "${BATS_TEST_TMPDIR}/expected")" -ge 4 ]
        (cd "${set/local_/slurm_}" && sha256sum --quiet -c "${BATS_TEST_TMPDIR}/expected")
    done
}
