bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    PATH="${REPO}/utils:${PATH}"
    cd "${BATS_TEST_TMPDIR}"
}

@test "a single job: framed log, exit 0" {
    run -0 run.pl --mem 4G --num-threads 2 log/one.log echo 'two  words' '$HOME' "it's"
    [ -z "${output}" ]
    [ "$(sed -n 1p log/one.log)" = "# echo 'two  words' '\$HOME' 'it'\\''s'" ]
    grep -q '^# Started at ' log/one.log
    grep -qxF "two  words \$HOME it's" log/one.log
    grep -q '^# Accounting: time=[0-9]* threads=2$' log/one.log
    grep -q '^# Ended (code 0) at ' log/one.log
}

@test "one of n fails: exit 1, its log is named" {
    run -1 run.pl JOB=1:3 log/a.JOB.log bash -c 'exit $(($1 == 2 ? 7 : 0))' x JOB
    [[ "${output}" == *"1 / 3 failed, log is in log/a.*.log"* ]]
    [[ "${output}" == *"failed: log/a.2.log"* ]]
    grep -q '^# Ended (code 7)' log/a.2.log
    grep -q '^# Ended (code 0)' log/a.1.log
    grep -q '^# Ended (code 0)' log/a.3.log
}

@test "JOB is replaced wherever it stands" {
    run.pl JOB=3:3 log/a.JOB.log printf '%s\n' JOB x/JOB/y keys.JOB.scp JOB/4 xJOBy JOBJOB
    run grep -v '^#' log/a.3.log
    [ "${output}" = $'3\nx/3/y\nkeys.3.scp\n3/4\nx3y\n33' ]
    run.pl JOB=1:2 log/xJOBy.log true
    [ -s log/x1y.log ] && [ -s log/x2y.log ]
    run.pl LMWT=2:2 log/b.LMWT.log echo JOB LMWT
    grep -qx 'JOB 2' log/b.2.log
}

@test "no shell reads the words again" {
    run.pl log/one.log echo 'a;touch injected' '$(touch injected)' '*' '<unk>' 'x y'
    [ ! -e injected ]
    grep -qxF 'a;touch injected $(touch injected) * <unk> x y' log/one.log
}

@test "words that a shell would read as operators are refused, with the command for a shell" {
    for word in '|' '||' '|&' '&&' '&' ';' '>' '>>' '<' '2>' '2>&1' '>&2' '&>' '>out' '2>/dev/null'; do
        run -2 run.pl log/one.log echo 'two words' "${word}" cat
        [[ "${output}" == *"'${word}' would reach echo as an argument"* ]] || { echo "not refused: ${word}"; false; }
        [ ! -e log ]
    done
    run -2 run.pl JOB=1:2 log/a.JOB.log echo 'two words' '|' wc -w
    # What the message proposes for a shell, and for the program itself, is what one wants.
    script=$(grep -m 1 -o 'bash -c .*' <<< "${output}")
    [ "$(eval "${script}")" -eq 2 ]
    script=$(grep -o "bash -c 'exec .*" <<< "${output}")
    [ "$(eval "${script}")" = 'two words | wc -w' ]
    run -0 run.pl log/one.log bash -c 'echo "$@" | tr a b' x a '|' ';'
    grep -qx 'b | ;' log/one.log
}

@test "an option without its value is an error, not a swallowed job range, log or option" {
    for words in "--mem JOB=1:2 log/JOB.log" "--mem log/one.log" "--max-jobs-run log/one.log" "--name log/one.log" \
        "--gpu --mem 4G log/one.log" "--time log/one.log" "--num-threads log/one.log" "--config JOB=1:2 log/JOB.log"; do
        # shellcheck disable=SC2086  # words
        run -2 run.pl ${words} touch ran
        [[ "${output}" == *"option --"*" needs a"*", not '"* ]] || { echo "not refused: ${words}"; false; }
    done
    run -2 run.pl --max-jobs-run
    [[ "${output}" == *"option --max-jobs-run needs a number of at least 1"* ]]
    [ ! -e ran ] && [ ! -e log ]
}

@test "flags of qsub that Kaldi recipes hand on are read" {
    run -0 run.pl -V -sync y -l mem_free=1G,gpu=1 -q all.q -tc 1 -pe smp 3 --mem 4G --time 1:00:00 JOB=1:2 log/JOB.log echo JOB
    grep -qx 2 log/2.log
    grep -q '^# Accounting: time=[0-9]* threads=3$' log/1.log
}

@test "--max-jobs-run limits what runs at once" {
    job='echo + >> busy; sleep 0.1; [ $(grep -c + busy) -le $(($(grep -c - busy) + 2)) ]; code=$?; echo - >> busy; exit ${code}'
    : > busy
    run -0 run.pl --max-jobs-run 2 JOB=1:6 log/a.JOB.log bash -c "${job}"
    : > busy
    # Of several limits, as cmd.sh and a script may give them, the least counts.
    run -0 run.pl --max-jobs-run 2 --max-jobs-run 6 JOB=1:6 log/a.JOB.log bash -c "${job}"
    # Each of six waits for the five others.
    : > met
    run -0 run.pl --max-jobs-run 6 JOB=1:6 log/a.JOB.log bash -c \
        'echo + >> met; for _ in $(seq 6000); do [ $(grep -c + met) -lt 6 ] || exit 0; sleep 0.1; done; exit 1'
}

@test "without a limit no more jobs run than the affinity allows" {
    command -v taskset > /dev/null || skip "no taskset here"
    [ "$(taskset -c "$(taskset -cp $$ | sed 's/.*: *//; s/[-,].*//')" num_cpus.pl)" -eq 1 ]
}

@test "--pick failed runs again what failed or did not end" {
    run -1 run.pl JOB=1:3 log/a.JOB.log bash -c 'exit $(($1 == 2))' x JOB
    printf '# cut off\n' > log/a.3.log
    run -0 run.pl --pick failed JOB=1:3 log/a.JOB.log echo again
    run ! grep -qx again log/a.1.log
    grep -qx again log/a.2.log
    grep -qx again log/a.3.log
}

@test "--pick incomplete leaves a failed job failed" {
    run -1 run.pl JOB=1:2 log/a.JOB.log bash -c 'exit $(($1 == 2))' x JOB
    rm log/a.1.log
    run -1 run.pl --pick incomplete JOB=1:2 log/a.JOB.log echo again
    [[ "${output}" == *"failed: log/a.2.log"* ]]
    grep -qx again log/a.1.log
}

@test "a job killed by a signal is a failure" {
    run -1 run.pl log/one.log bash -c 'kill -9 $$'
    grep -q '^# Ended (code 137; signal 9)' log/one.log
}

@test "a job that was killed, or whose child was, is told to have lacked memory" {
    reason='killed (signal 9): usually the machine ran out of memory; use fewer jobs at once (--nj, --max-jobs-run)'
    run -1 run.pl log/one.log bash -c 'kill -9 $$'
    [[ "${output}" == *"run.pl: the job was ${reason}"* ]]
    grep -qF "# This job was ${reason}" log/one.log
    run -1 run.pl JOB=1:3 log/a.JOB.log bash -c 'if [ $1 = 2 ]; then bash -c "kill -9 \$\$"; else exit $(($1 == 3)); fi' x JOB
    [[ "${output}" == *"2 / 3 failed"*"run.pl: of these 1 were ${reason}"* ]]
    run -1 run.pl log/one.log false
    [[ "${output}" != *"killed"* ]]
    run -0 run.pl --pick failed log/one.log true
}

@test "a program that is not there is a failure" {
    run -1 run.pl log/one.log no_such_program
    grep -q "cannot run 'no_such_program'" log/one.log
    grep -q '^# Ended (code 127)' log/one.log
}

@test "wrong usage: exit 2 and nothing is run" {
    run -2 run.pl
    run -2 run.pl log/one.log
    run -2 run.pl JOB=1:3 log/one.log touch ran
    [[ "${output}" == *"must hold JOB"* ]]
    run -2 run.pl JOB=3:1 log/JOB.log touch ran
    run -2 run.pl JOB=0:1 log/JOB.log touch ran
    run -2 run.pl --max-jobs-run many log/one.log touch ran
    run -2 run.pl --pick some log/one.log touch ran
    [ ! -e ran ]
}

@test "--gpu: each job sees its own GPUs; too few is exit 3" {
    CUDA_VISIBLE_DEVICES=4,5 run -0 run.pl --gpu 1 JOB=1:2 log/a.JOB.log bash -c 'echo gpu ${CUDA_VISIBLE_DEVICES}; sleep 0.3'
    [ "$(cat log/a.*.log | grep '^gpu' | sort)" = $'gpu 4\ngpu 5' ]
    CUDA_VISIBLE_DEVICES=4 run -3 run.pl --gpu 2 log/one.log true
    [[ "${output}" == *"1 GPUs are visible"* ]]
}

@test "SIGTERM and SIGINT end the jobs and what these started" {
    for signal in TERM:143 INT:130; do
        rm -rf pids
        run.pl --max-jobs-run 2 JOB=1:2 log/a.JOB.log bash -c 'sleep 30 & echo $$ $! >> pids; wait' 2> message 3>&- &
        pid=$!
        until [ -s pids ] && [ "$(wc -l < pids)" -eq 2 ]; do sleep 0.05; done
        kill "-${signal%:*}" "${pid}"
        code=0
        wait "${pid}" || code=$?
        [ "${code}" -eq "${signal#*:}" ]
        grep -q "stopped by SIG${signal%:*}" message
        gone $(cat pids)
        grep -q '^# Ended (code 143; signal 15)' log/a.1.log
    done
}

@test "a killed run.pl leaves no orphans" {
    run.pl log/a.log bash -c 'sleep 30 & echo $$ $! > pids; wait' 3>&- &
    pid=$!
    wait_for_file pids
    kill -9 "${pid}"
    gone $(cat pids)
}

@test "Ctrl-Z stops the jobs and what these started, and they go on with run.pl" {
    # A group of its own, as an interactive shell gives to a command.
    perl -e 'setpgrp(0, 0); exec @ARGV' run.pl --max-jobs-run 2 JOB=1:2 log/a.JOB.log \
        bash -c 'sleep 60 & echo $$ $! >> pids; wait' 3>&- &
    pid=$!
    until [ -s pids ] && [ "$(wc -l < pids)" -eq 2 ]; do sleep 0.05; done
    for _ in 1 2; do
        kill -TSTP -- "-${pid}"
        in_state T "${pid}" $(cat pids)
        kill -CONT -- "-${pid}"
        in_state S "${pid}" $(cat pids)
    done
    # What is killed while it is stopped leaves nothing behind.
    kill -TSTP -- "-${pid}"
    in_state T "${pid}" $(cat pids)
    kill -9 "${pid}"
    gone $(cat pids)
}
