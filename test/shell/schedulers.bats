bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    PATH="${REPO}/utils:${REPO}/test/shell/fake_slurm:${PATH}"
    export FAKE_SLURM=${BATS_TEST_TMPDIR}/slurm
    unset FAKE_SLURM_REFUSES FAKE_SLURM_LOSES FAKE_SLURM_NOTICE FAKE_SLURM_AWAY FAKE_SLURM_DEAF FAKE_SLURM_ARRAY
    mkdir -p "${FAKE_SLURM}" "${BATS_TEST_TMPDIR}/recipe dir"
    cd "${BATS_TEST_TMPDIR}/recipe dir"
}

@test "slurm.pl: an array, words as typed, JOB replaced, framed logs" {
    echo 'export FROM_PATH_SH=yes' > path.sh
    run -0 slurm.pl --mem 4G JOB=1:3 log/a.JOB.log bash -c 'echo "$@" ${FROM_PATH_SH}' x 'two  words' '$HOME' "it's" part/JOB/x yJOBz
    for job in 1 2 3; do
        grep -qxF "two  words \$HOME it's part/${job}/x y${job}z yes" "log/a.${job}.log"
        grep -q '^# Ended (code 0) at ' "log/a.${job}.log"
    done
    grep -q -- '--job-name a --mem-per-cpu 4G .*--array=1-3 log/q/a.JOB.sh' "${FAKE_SLURM}/calls"
    [ "$(ls log/q)" = "$(printf '%s\n' a.JOB.log a.JOB.running a.JOB.sh)" ]
    [ -z "$(ls log/q/a.JOB.running)" ]
}

@test "slurm.pl: one of n fails; --pick failed submits only that one" {
    run -1 slurm.pl JOB=1:4 log/a.JOB.log bash -c 'exit $(($1 == 2 || $1 == 4))' x JOB
    [[ "${output}" == *"2 / 4 failed, log is in log/a.*.log"* ]]
    [[ "${output}" == *"failed: log/a.4.log"* ]]
    run -0 slurm.pl --pick failed --max-jobs-run 1 JOB=1:4 log/a.JOB.log echo again
    grep -q -- '--array=2.*4%1 ' "${FAKE_SLURM}/calls"
    grep -qx again log/a.2.log
    run ! grep -qx again log/a.1.log
    run -0 slurm.pl --pick failed JOB=1:4 log/a.JOB.log false
}

@test "slurm.pl: a single job" {
    run -0 slurm.pl log/one.log true
    run ! grep -q -- --array "${FAKE_SLURM}/calls"
    run -1 slurm.pl log/one.log false
    [[ "${output}" == *"job failed, log is in log/one.log"* ]]
}

@test "slurm.pl: options become flags by the configuration" {
    mkdir conf
    printf '%s\n' 'command sbatch --export=PATH # comment' 'option mem=* --mem-per-cpu $0' 'option gpu=0 --partition cpu' \
        'option gpu=* --partition gpu --gres=gpu:$0' 'default gpu=0' 'option num_threads=* -c $0' > conf/slurm.conf
    run -0 slurm.pl --mem 4G --num-threads 3 log/one.log true
    grep -q '^--export=PATH --mem-per-cpu 4G -c 3 --partition cpu ' "${FAKE_SLURM}/calls"
    run -0 slurm.pl --gpu 2 log/one.log true
    grep -q -- '--partition gpu --gres=gpu:2 ' "${FAKE_SLURM}/calls"
    run -2 slurm.pl --color red log/one.log true
    [[ "${output}" == *"conf/slurm.conf does not describe --color red"* ]]
    run -2 slurm.pl --config nowhere.conf log/one.log true
    [[ "${output}" == *"there is no file nowhere.conf"* ]]
    echo 'optoin x' >> conf/slurm.conf
    run -2 slurm.pl log/one.log true
    [[ "${output}" == *"conf/slurm.conf, line 7: cannot read"* ]]
}

@test "the configurations of the template are read by their programs" {
    cp -R "${REPO}/egs2/TEMPLATE/tse1/conf" conf
    run -0 slurm.pl --mem 4G --time 1:00:00 --gpu 1 --num-threads 2 --num-nodes 2 --name x log/one.log true
    mkdir bin
    printf '%s\n' '#!/usr/bin/env bash' 'echo "no queue here"' 'exit 5' > bin/qsub
    chmod +x bin/qsub
    for config in conf/queue.conf conf/pbs.conf; do
        PATH="${PWD}/bin:${PATH}" run -1 queue.pl --config "${config}" --mem 4G --gpu 1 --num-threads 2 log/one.log true
        [[ "${output}" == *"no queue here"*"submission failed (code 5): qsub "*" one "* ]]
    done
}

@test "slurm.pl and queue.pl refuse what run.pl refuses" {
    for program in slurm.pl queue.pl; do
        run -2 "${program}" log/one.log echo a '|' cat
        [[ "${output}" == *"${program} ... <log> bash -c 'echo a | cat'"* ]]
        run -2 "${program}" --mem log/one.log echo a
        [[ "${output}" == *"option --mem needs a size like 4G, not 'log/one.log'"* ]]
    done
    [ ! -e log ] && [ ! -e "${FAKE_SLURM}/calls" ]
}

@test "slurm.pl: a refused submission is told" {
    FAKE_SLURM_REFUSES=1 run -1 slurm.pl JOB=1:2 log/a.JOB.log true
    [[ "${output}" == *"Invalid partition"* ]]
    [[ "${output}" == *"submission failed (code 1): sbatch"* ]]
}

@test "slurm.pl: the number of the jobs is that of sbatch's own line, not one in a notice of the site" {
    export FAKE_SLURM_NOTICE="account 77 has 90000 hours left"
    FAKE_SLURM_LOSES=2 run -1 slurm.pl --check-time 0 JOB=1:2 log/a.JOB.log true
    [[ "${output}" == *"job 2 of 4242 left"* ]]
    [[ "${output}" != *"90000"* ]]
    unset FAKE_SLURM_NOTICE
    mkdir bin
    printf '%s\n' '#!/usr/bin/env bash' '"${0%/*}/../fake_sbatch" "$@" | sed "s/^Submitted batch job \(.*\)/\1;cluster/"' > bin/sbatch
    chmod +x bin/sbatch
    ln -s "${REPO}/test/shell/fake_slurm/sbatch" fake_sbatch
    PATH="${PWD}/bin:${PATH}" run -0 slurm.pl log/one.log true
}

@test "slurm.pl: a controller that is away is tried again, one whose answer was lost is asked first" {
    FAKE_SLURM_AWAY=2 run -0 slurm.pl --check-time 1 JOB=1:2 log/a.JOB.log bash -c 'echo JOB >> worked'
    [[ "${output}" == *"does not take jobs now; trying again for 60 s: sbatch: error: "*"Unable to contact"* ]]
    [ "$(wc -l < "${FAKE_SLURM}/calls")" -eq 3 ]
    : > "${FAKE_SLURM}/calls"
    FAKE_SLURM_DEAF=1 run -0 slurm.pl --check-time 1 JOB=1:2 log/a.JOB.log bash -c 'echo JOB >> worked'
    [ "$(wc -l < "${FAKE_SLURM}/calls")" -eq 1 ]
    [ "$(sort worked | paste -sd ' ')" = "1 1 2 2" ]
    FAKE_SLURM_AWAY=99 run -1 slurm.pl --check-time 0 JOB=1:2 log/a.JOB.log true
    [[ "${output}" == *"submission failed (code 1)"* ]]
}

@test "slurm.pl: more jobs than an array may have are several, one after the other where --max-jobs-run limits them" {
    export FAKE_SLURM_ARRAY=4
    run -0 slurm.pl JOB=2:8 log/a.JOB.log echo "number JOB"
    for job in 2 3 4 5 6 7 8; do grep -qx "number ${job}" "log/a.${job}.log"; done
    grep -o -- '--array=.*' "${FAKE_SLURM}/calls" > arrays
    grep -q '^--array=2-3 .*sh 0 ' arrays
    grep -q '^--array=1-3 .*sh 3 ' arrays
    grep -q '^--array=1-2 .*sh 6 ' arrays
    run ! grep -q dependency "${FAKE_SLURM}/calls"
    run -0 slurm.pl --max-jobs-run 2 JOB=1:4 log/a.JOB.log true
    grep -q -- '--dependency=afterany:4242 --array=1%2 ' "${FAKE_SLURM}/calls"
    : > "${FAKE_SLURM}/running"
    FAKE_SLURM_LOSES=2 run -1 slurm.pl --check-time 0 JOB=1:6 log/b.JOB.log true
    [[ "${output}" == *"job 2 of 4242 4245 left"*"job 5 of 4242 4245 left"* ]]
}

@test "slurm.pl: why jobs wait and why they were ended is told" {
    printf '%s\n' '1|PENDING|17|PartitionConfig' '2|PENDING|18|AssocGrpCPULimit' > "${FAKE_SLURM}/states"
    slurm.pl --check-time 1 JOB=1:2 log/a.JOB.log bash -c 'echo $$ >> pids; exec sleep 60' 2> message 3>&- &
    pid=$!
    wait_for_line '1 of 2 jobs (4242) wait: PartitionConfig: .*fewer --num-threads' message
    wait_for_line '1 of 2 jobs (4242) wait: AssocGrpCPULimit: a limit of the account' message
    printf '%s\n' '1|TIMEOUT|17|TimeLimit' '2|FAILED|18|None' > "${FAKE_SLURM}/states"
    printf 'slurmstepd-n1: error: StepId=%s.batch exceeded memory limit\n' 17 18 180 >> log/q/a.JOB.log
    scancel 4242
    code=0
    wait "${pid}" || code=$?
    [ "${code}" -eq 1 ]
    grep -q 'ended job 1 of 4242, TIMEOUT: its time limit was over: give more by --time; its own words are in log/q/a.JOB.log' message
    grep -q 'ended job 2 of 4242, OUT_OF_MEMORY: it needed more memory' message
    [ "$(grep -c 'StepId=18[^0-9].*memory' log/a.2.log)" -eq 1 ]
    [ "$(grep -c 'StepId=' log/a.2.log)" -eq 1 ]
    [ "$(grep -c 'wait: ' message)" -eq 2 ]
    grep -q '^# The scheduler ended this job, TIMEOUT' log/a.1.log
    # The command that was ended is done again.
    rm "${FAKE_SLURM}"/{states,running}
    run -0 slurm.pl --pick failed JOB=1:2 log/a.JOB.log true
}

@test "queue.pl: why Grid Engine lets jobs wait is told" {
    mkdir bin
    printf '%s\n' '#!/usr/bin/env bash' 'echo "Your job 77 (\"a\") has been submitted"' > bin/qsub
    printf '%s\n' '#!/usr/bin/env bash' 'echo "job_number:   77"' \
        'echo "scheduling info:            cannot run in PE \"smp\" because it only offers 2 slots"' > bin/qstat
    printf '%s\n' '#!/usr/bin/env bash' 'echo "$*" >> deleted' > bin/qdel
    chmod +x bin/*
    PATH="${PWD}/bin:${PATH}" queue.pl --check-time 1 --num-threads 32 log/one.log true 2> message 3>&- &
    pid=$!
    wait_for_line 's the jobs of 77 wait: cannot run in PE "smp" because it only offers 2 slots' message
    kill "${pid}"
    wait "${pid}" || true
    grep -qx 77 deleted
}

@test "slurm.pl: a job that was put back into the queue has not failed" {
    slurm.pl --check-time 1 log/one.log bash -c 'echo $$ >> begun; [ "$(wc -l < begun)" -eq 2 ] || exec sleep 60' 2> message 3>&- &
    pid=$!
    wait_for_file begun
    echo 'N/A|PENDING|17|BeginTime' > "${FAKE_SLURM}/states"
    scancel 4242
    wait_for_line 'job 1 of 4242 was put back into the queue and will run again' message
    read -r command < <(cut -d '|' -f 2 "${FAKE_SLURM}/taken")
    read -ra words <<< "${command}"
    bash "${words[@]}" 3>&-
    wait "${pid}"
    grep -q '^# Ended (code 0)' log/one.log
}

@test "jobs: one of an earlier launch is told to end, and waited for while it lives" {
    # Nobody has told this one that its launch has ended.
    slurm.pl --check-time 3 log/one.log bash -c 'echo $$ >> begun; exec sleep 60' 2> message 3>&- &
    pid=$!
    wait_for_file begun
    rm "${FAKE_SLURM}/running"  # the scheduler has lost it
    code=0
    wait "${pid}" || code=$?
    [ "${code}" -eq 1 ]
    gone "$(cat begun)"
    grep -q 'job 1 is not wanted any more, so it ends' log/q/one.log
    wait_until [ ! -e log/q/one.running/1 ]  # its last deed, which must not meet the file of the next one
    # One on another machine: its file changes, and then rests.
    (for beat in 1 2 3 4; do echo "elsewhere:1:2:job 9, ${beat}" > log/q/one.running/1; sleep 0.5; done; touch rests) 3>&- &
    wait_for_file log/q/one.running/1
    run -0 slurm.pl --check-time 3 log/one.log bash -c '[ -e rests ]'
    grep -q 'job 1 waits for an earlier one: elsewhere:1:2:job 9' log/q/one.log
    # A dead one of this machine is not waited for.
    echo "$(hostname):$(readlink /proc/self/ns/pid):$(bash -c 'echo $$'):job 9, 3" > log/q/one.running/1
    SECONDS=0
    run -0 slurm.pl log/one.log true
    [ "${SECONDS}" -lt 8 ]
}

@test "max_threads.pl: what a node has, by processors and memory" {
    cp -R "${REPO}/egs2/TEMPLATE/tse1/conf" conf
    [ "$(max_threads.pl 32 slurm.pl)" -eq 3 ]  # at 4G each: three on the node of 4 and 16000 MB, two on that of 6 and 12000 MB
    [ "$(max_threads.pl 32 slurm.pl --mem 1G)" -eq 6 ]
    [ "$(max_threads.pl 2 slurm.pl)" -eq 2 ]
    [ "$(max_threads.pl 32 slurm.pl --queue big --mem 4G)" -eq 15 ]
    [ "$(max_threads.pl 32 slurm.pl --mem 100G)" -eq 1 ]
    [ "$(max_threads.pl 32 queue.pl)" -eq 8 ]
    [ "$(max_threads.pl 32 run.pl)" -eq 32 ]
    printf '%s\n' 'command sbatch' 'option gpu=0 -p big --mem=8G' 'default gpu=0' > site.conf
    [ "$(max_threads.pl 99 slurm.pl --config site.conf)" -eq 64 ]
    PATH="${REPO}/utils:/nowhere:$(dirname "$(command -v perl)")" run -0 env -u PERL5LIB max_threads.pl 32 slurm.pl --mem 4G
    run -2 max_threads.pl none slurm.pl
    run -2 max_threads.pl 4 slurm.pl --color red
}

@test "jobs: one whose command gets the signal of a cancellation first says so, too" {
    slurm.pl log/one.log bash -c 'echo $$ > begun; exec sleep 60' 2> message 3>&- &
    pid=$!
    wait_for_file begun
    read -r _ job _ < "${FAKE_SLURM}/running"
    kill -TERM "$(cat begun)" "${job}"
    code=0
    wait "${pid}" || code=$?
    [ "${code}" -eq 1 ]
    grep -q '^# Ended (code 143)' log/one.log
}

@test "jobs of srun have the variables of the job" {
    run -0 slurm.pl log/one.log bash -c 'echo "exports ${SLURM_EXPORT_ENV-everything}"'
    grep -qx 'exports everything' log/one.log
}

@test "slurm.pl: a job that vanishes is a failure, not a wait for ever" {
    FAKE_SLURM_LOSES=2 run -1 slurm.pl --check-time 0 JOB=1:2 log/a.JOB.log true
    [[ "${output}" == *"job 2 of 4242 left the queue without a result"* ]]
    [[ "${output}" == *"1 / 2 failed"* ]]
    grep -q '^# Ended (code 255; job 4242 left the queue' log/a.2.log
}

@test "slurm.pl: a signal cancels the jobs" {
    slurm.pl JOB=1:2 log/a.JOB.log bash -c 'echo $$ >> pids; exec sleep 30' 2> message 3>&- &
    pid=$!
    until [ -s pids ] && [ "$(wc -l < pids)" -eq 2 ]; do sleep 0.05; done
    kill -TERM "${pid}"
    code=0
    wait "${pid}" || code=$?
    [ "${code}" -eq 143 ]
    grep -qx 4242 "${FAKE_SLURM}/cancelled"
    grep -q 'cancelled 4242' message
    wait_for_line '^# Ended (code 143)' log/a.1.log
}

@test "slurm.pl: a signal while sbatch has started the jobs, but not told their number, cancels them" {
    mkdir bin
    cat > bin/sbatch << 'END'
#!/usr/bin/env bash
output=$("${0%/*}/../fake_sbatch" "$@")
sleep 1
echo "${output}"
END
    chmod +x bin/sbatch
    ln -s "${REPO}/test/shell/fake_slurm/sbatch" fake_sbatch
    PATH="${PWD}/bin:${PATH}" slurm.pl JOB=1:2 log/a.JOB.log bash -c 'echo $$ >> pids; exec sleep 60' 2> message 3>&- &
    pid=$!
    wait_for_file pids
    kill -TERM "${pid}"
    code=0
    wait "${pid}" || code=$?
    [ "${code}" -eq 143 ]
    grep -qx 4242 "${FAKE_SLURM}/cancelled"
    # shellcheck disable=SC2046
    gone $(cat pids)
}

@test "queue.pl: Grid Engine and PBS dialects" {
    mkdir bin
    cat > bin/qsub << 'END'
#!/usr/bin/env bash
echo "$*" >> calls
for word in "$@"; do script=${word}; done
case "$*" in
    *" -t "*) for job in 1 2; do SGE_TASK_ID=${job} bash "${script}" > /dev/null 2>&1; done; echo 'Your job-array 77.1-2:1 ("a") has been submitted' ;;
    *" -J "*) for job in 1 2; do PBS_ARRAY_INDEX=${job} bash "${script}" > /dev/null 2>&1; done; echo '77[].server' ;;
    *) SGE_TASK_ID=undefined bash "${script}" > /dev/null 2>&1; echo 'Your job 78 ("a") has been submitted' ;;
esac
END
    chmod +x bin/qsub
    PATH="${PWD}/bin:${PATH}"
    run -0 queue.pl --max-jobs-run 1 JOB=1:2 log/a.JOB.log echo "number JOB"
    grep -q -- '-t 1-2 -tc 1 ' calls
    grep -qx 'number 2' log/a.2.log
    run -1 queue.pl log/one.log false
    run -0 queue.pl --config "${REPO}/egs2/TEMPLATE/tse1/conf/pbs.conf" JOB=1:2 log/b.JOB.log echo "number JOB"
    grep -q -- '-J 1-2 ' calls
    grep -qx 'number 2' log/b.2.log
}
