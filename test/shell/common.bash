# Sourced by the .bats files: the repository, a folder of the test's own, a recipe without a model.

REPO=$(cd "${BATS_TEST_DIRNAME}/../.." && pwd -P)
export LC_ALL=C

# A clone in miniature, with a toy recipe made by setup.sh; the working folder is the recipe.
make_clone() {
    CLONE=${BATS_TEST_TMPDIR}/clone
    mkdir -p "${CLONE}/egs2"
    cp -R "${REPO}/utils" "${CLONE}/utils"
    cp -R "${REPO}/egs2/TEMPLATE" "${CLONE}/egs2/TEMPLATE"
}

make_recipe() {
    make_clone
    "${CLONE}/egs2/TEMPLATE/tse1/setup.sh" "${CLONE}/egs2/toy/tse1" > /dev/null
    cd "${CLONE}/egs2/toy/tse1" || return 1
    cat > local/data.sh << 'END'
#!/usr/bin/env bash
set -euo pipefail
for set in train dev test; do
    mkdir -p "data/${set}"
    for i in 1 2 3 4; do echo "${set}${i} /somewhere with space/${i}.wav"; done > "data/${set}/wav.scp"
    for name in spk1 spk2 enroll_spk1; do cp "data/${set}/wav.scp" "data/${set}/${name}.scp"; done
    awk '{ print $1, $1 }' "data/${set}/wav.scp" | tee "data/${set}/utt2spk" > "data/${set}/spk2utt"
done
END
    rm -f conf/laura_tse_mini.yaml conf/codec_mini.yaml
    printf '%s\n' "model: toy" "tokenizers: {acoustic: codec_mini.yaml}" > conf/laura_tse_mini.yaml
    echo "codec: toy" > conf/codec_mini.yaml
    export FAKE_CALLS=${BATS_TEST_TMPDIR}/calls
    : > "${FAKE_CALLS}"
    unset FAKE_FAIL FAKE_SLEEP VIRTUAL_ENV
}

# For setup_file: a recipe all of whose stages have run, which finished_recipe copies.
finish_recipe() {
    BATS_TEST_TMPDIR=${BATS_FILE_TMPDIR}/finished
    make_recipe
    toy > "${BATS_FILE_TMPDIR}/finished/messages" 2>&1
}

# As make_recipe, with all stages done. Calls are counted from here on.
finished_recipe() {
    CLONE=${BATS_TEST_TMPDIR}/clone
    cp -R "${BATS_FILE_TMPDIR}/finished/clone" "${CLONE}"
    cd "${CLONE}/egs2/toy/tse1" || return 1
    export FAKE_CALLS=${BATS_TEST_TMPDIR}/calls
    : > "${FAKE_CALLS}"
}

# The recipe with the stand-in for python; arguments are those of run.sh.
toy() { ./run.sh --python "${REPO}/test/shell/fake_python.sh" --nj 2 "$@"; }

calls() { grep -c "espnet_tse.bin.$1" "${FAKE_CALLS}" || [ $? -eq 1 ]; }  # 1: none, printed as 0

# wait_until COMMAND...: tried again until it succeeds. What is waited for takes a second; ten minutes are given, for on a
# busy machine another process may have to wait for all of them.
wait_until() {
    local end=$((SECONDS + 600))
    until "$@"; do
        if [ "${SECONDS}" -ge "${end}" ]; then echo "in vain: $*"; return 1; fi
        sleep 0.05
    done
}

wait_for_file() { wait_until test -s "$1"; }

wait_for_line() { wait_until grep -qs "$1" "$2"; }  # wait_for_line PATTERN FILE

is_gone() { ! kill -0 "$1" 2> /dev/null || [ "$(ps -o stat= -p "$1" | cut -c 1)" = Z ]; }

# Fails while one of these processes is alive.
gone() {
    local pid
    for pid in "$@"; do
        wait_until is_gone "${pid}" || { echo "process ${pid} is alive: $(ps -o args= -p "${pid}")"; return 1; }
    done
}

is_in_state() { [[ "$(ps -o stat= -p "$2")" == $1* ]]; }

in_state() {  # in_state STATE PID...: waits until all are in it
    local wanted=$1 pid
    shift
    for pid in "$@"; do
        wait_until is_in_state "${wanted}" "${pid}" || { ps -o stat=,args= -p "${pid}"; return 1; }
    done
}

# A data directory of four utterances, two speakers, paths with spaces.
make_data() {
    mkdir -p "$1"
    printf '%s\n' a-1 a-2 b-1 b-2 | sed 's|.*|& /audio files/&.wav|' > "$1/wav.scp"
    cp "$1/wav.scp" "$1/spk1.scp"
    cp "$1/wav.scp" "$1/spk2.scp"
    cp "$1/wav.scp" "$1/enroll_spk1.scp"
    awk '{ print $1, substr($1, 1, 1) }' "$1/wav.scp" > "$1/utt2spk"
    printf 'a a-1 a-2\nb b-1 b-2\n' > "$1/spk2utt"
    awk '{ print $1, "2spk" }' "$1/wav.scp" > "$1/utt2category"
    awk '{ print $1, 100 - NR }' "$1/wav.scp" > "$1/utt2num_samples"
    echo "list: toy" > "$1/protocol"
}
