bats_require_minimum_version 1.5.0

# Launchers, and the pipeline above them, that are interrupted: nothing of them goes on running, and the same
# command does what is left.

setup_file() {
    load common.bash
    finish_recipe
}

setup() {
    load common.bash
    PATH="${REPO}/utils:${REPO}/test/shell/fake_slurm:${REPO}/test/shell/fake_sge:${PATH}"
    export FAKE_SLURM=${BATS_TEST_TMPDIR}/slurm FAKE_SGE=${BATS_TEST_TMPDIR}/sge
    unset FAKE_SLURM_REFUSES FAKE_SLURM_LOSES
    mkdir -p "${FAKE_SLURM}" "${FAKE_SGE}"
}

# in_background COMMAND...: its process id is ${launched}. A background job ignores SIGINT, a command of a user does not.
in_background() {
    perl -e '$SIG{INT} = "DEFAULT"; exec { $ARGV[0] } @ARGV' -- "$@" > message 2>&1 3>&- &
    launched=$!
}

# end_by SIGNAL: what was launched ends with the exit code of that signal
end_by() {
    local code=0
    kill "-$1" "${launched}"
    wait "${launched}" || code=$?
    [ "${code}" -eq $((128 + $(kill -l "$1"))) ] || { cat message; false; }
}

# Two jobs of three keys each, one file a key; the first job stops behind its second key until there is a file 'go'.
write_jobs() {
    cat > keys.sh << 'END'
for number in 1 2 3; do
    key=$1-${number}
    [ ! -e "out/${key}" ] || continue
    if [ "${key}" = 1-3 ] && [ ! -e go ]; then
        sleep 60 &
        echo "$$ $!" > pids
        wait
    fi
    echo "${key}" >> worked
    touch "out/${key}"
done
END
    mkdir -p out log
}

# interrupted LAUNCHER SIGNAL: the jobs die with their launcher, and --pick failed does the key that is left
interrupted() {
    local jobs=("$1" --pick failed "JOB=1:2" log/a.JOB.log bash keys.sh JOB)
    write_jobs
    in_background "${jobs[@]}"
    wait_for_file pids
    wait_for_line '^# Ended' log/a.2.log
    end_by "$2"
    gone $(cat pids)
    [ "$(wc -l < worked)" -eq 5 ]
    touch go
    run -0 "${jobs[@]}"
    [ "$(sort worked)" = $'1-1\n1-2\n1-3\n2-1\n2-2\n2-3' ]
}

@test "an interrupted array job of run.pl, slurm.pl or queue.pl leaves no process and goes on by key" {
    for launcher in run.pl slurm.pl queue.pl; do
        for signal in TERM INT KILL; do
            mkdir "${BATS_TEST_TMPDIR}/${launcher} ${signal}"
            cd "${BATS_TEST_TMPDIR}/${launcher} ${signal}"
            rm -f "${FAKE_SLURM}/running" "${FAKE_SGE}/running"
            interrupted "${launcher}" "${signal}" || { echo "failed: ${launcher} ${signal}"; false; }
        done
    done
}

@test "an interrupted pipeline leaves no process on any backend and decodes what is left" {
    finished_recipe
    for backend in local slurm sge; do
        for signal in TERM INT KILL; do
            rm -rf exp/tse_laura_tse_mini/decode_test "${FAKE_CALLS}.pid" "${FAKE_SLURM}/running" "${FAKE_SGE}/running"
            export cmd_backend=${backend}
            FAKE_SLEEP="extract --shard 2/2" \
                in_background ./run.sh --python "${REPO}/test/shell/fake_python.sh" --nj 2 --stage 9 --stop_stage 9
            wait_for_file "${FAKE_CALLS}.pid"
            wait_for_line '^# Ended' exp/tse_laura_tse_mini/decode_test/log/decode.1.log
            end_by "${signal}"
            gone $(cat "${FAKE_CALLS}.pid") || { echo "failed: ${backend} ${signal}"; false; }
            [ ! -e exp/tse_laura_tse_mini/decode_test/wav.scp ]
            : > "${FAKE_CALLS}"
            run -0 toy --stage 9 --stop_stage 9
            [[ "${output}" == *"decode_test: resuming (decode)"* ]]
            [ "$(grep -c -- '--shard' "${FAKE_CALLS}")" -eq 1 ]
            [ "$(wc -l < exp/tse_laura_tse_mini/decode_test/wav.scp)" -eq 4 ]
        done
    done
}

@test "Ctrl-Z stops the pipeline and its jobs, and it ends well once it goes on" {
    finished_recipe
    rm -rf exp/tse_laura_tse_mini/decode_test
    FAKE_SLEEP="extract --shard 2/2" in_background perl -e 'setpgrp(0, 0); exec @ARGV' \
        ./run.sh --python "${REPO}/test/shell/fake_python.sh" --nj 2 --stage 9 --stop_stage 9
    wait_for_file "${FAKE_CALLS}.pid"
    read -r job sleeper < "${FAKE_CALLS}.pid"
    for _ in 1 2; do
        kill -TSTP -- "-${launched}"
        in_state T "${launched}" "${job}" "${sleeper}"
        kill -CONT -- "-${launched}"
        in_state S "${launched}" "${job}" "${sleeper}"
    done
    kill "${sleeper}"  # the stand-in then goes on with its work
    wait "${launched}" || { cat message; false; }
    grep -q "Successfully finished" message
    [ "$(wc -l < exp/tse_laura_tse_mini/decode_test/wav.scp)" -eq 4 ]
}

@test "what a killed run has left under temporary names is removed; a folder half removed is not taken for a whole one" {
    finished_recipe
    mv dump/raw/test/.done.format dump/raw/test/.started.format
    touch dump/raw/test/.wav.scp.abcdefgh.tmp dump/raw/.other.tmp
    mkdir -p data/.corpus.1.tmp/audio dump/raw/test.removed.tmp
    mv data/.done.data data/.started.data
    run -0 toy --stop_stage 2
    [[ "${output}" == *"dump/raw/test: resuming (format)"* ]]
    [ ! -e dump/raw/test/.wav.scp.abcdefgh.tmp ] && [ ! -e data/.corpus.1.tmp ] && [ ! -e dump/raw/test.removed.tmp ]
    [ -e dump/raw/.other.tmp ]
}
