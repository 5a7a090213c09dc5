bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    PATH="${REPO}/utils:${REPO}/test/shell/fake_slurm:${PATH}"
    export FAKE_SLURM=${BATS_TEST_TMPDIR}/slurm
    unset FAKE_SLURM_REFUSES FAKE_SLURM_LOSES
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
    grep -q -- '--mem 4G .*--array=1-3 log/q/a.JOB.sh' "${FAKE_SLURM}/calls"
    [ -z "$(ls log/q | grep status)" ]
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
    for config in conf/queue.conf conf/pbs.conf; do
        PATH="${REPO}/utils:/usr/bin:/bin" run -1 queue.pl --config "${config}" --mem 4G --gpu 1 --num-threads 2 log/one.log true
        [[ "${output}" == *"cannot run 'qsub'"* ]]
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
