bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    make_clone
    SETUP="${CLONE}/egs2/TEMPLATE/tse1/setup.sh"
    cd "${CLONE}"
}

@test "a new recipe: links, own files, next steps; all pass shellcheck's syntax" {
    run -0 "${SETUP}" egs2/my-corpus/tse1 --sets "tr cv tt1 tt2"
    [[ "${output}" == *"egs2/my-corpus/tse1 is ready. Next:"* ]]
    cd egs2/my-corpus/tse1
    for file in tse.sh path.sh db.sh scripts utils conf; do [ -L "${file}" ] && [ -e "${file}" ] || false; done
    grep -q -- '--train_set "tr"' run.sh
    grep -q -- '--test_sets "tt1 tt2"' run.sh
    grep -q '\${MY_CORPUS}' local/data.sh
    grep -q '^MY_CORPUS=\${MY_CORPUS:-}$' db.sh
    [ -x db.sh ]  # as the template's was before the line
    for file in run.sh local/data.sh cmd.sh; do bash -n "${file}"; done
    run ! grep -rq '@[A-Z]*@' run.sh local README.md
    run -0 ./run.sh --help
}

@test "a new recipe has every system and codec of the template by one link, and YAMLs of its own beside it" {
    "${SETUP}" egs2/toy/tse1
    [ "$(readlink egs2/toy/tse1/conf)" = ../../TEMPLATE/tse1/conf ]
    for file in egs2/TEMPLATE/tse1/conf/*; do [ -e "egs2/toy/tse1/conf/${file##*/}" ]; done
    # What run.sh names is there.
    for file in $(grep -o 'conf/[a-z_]*\.yaml' egs2/toy/tse1/run.sh); do [ -s "egs2/toy/tse1/${file}" ]; done
    mkdir egs2/toy/tse1/local/conf
    printf '%s\n' "base: ../../conf/laura_tse_mini.yaml" "seed: 7" > egs2/toy/tse1/local/conf/mine.yaml
    "${SETUP}" --force egs2/toy/tse1
    cd egs2/toy/tse1
    files=$(PYTHONPATH=${REPO} "${REPO}/.venv/bin/python" -m espnet_tse.bin.check_config --print_inputs --tse_config local/conf/mine.yaml)
    [[ "${files}" == *local/conf/../../conf/laura_tse_mini.yaml* && "${files}" == *acoustic*conf/codec_mini.yaml* ]]
}

@test "a conf/ folder of an earlier recipe becomes the link, unless it holds files of the recipe's own" {
    "${SETUP}" egs2/toy/tse1
    before=$(cat egs2/TEMPLATE/tse1/conf/* 2> /dev/null | cksum)
    earlier() {
        rm egs2/toy/tse1/conf
        mkdir egs2/toy/tse1/conf
        ln -s ../../../TEMPLATE/tse1/conf/codec_mini.yaml egs2/toy/tse1/conf/codec_mini.yaml
        cp egs2/TEMPLATE/tse1/conf/slurm.conf egs2/toy/tse1/conf/
    }
    earlier
    run -0 "${SETUP}" egs2/toy/tse1
    [ -L egs2/toy/tse1/conf ]
    earlier
    echo "# mine" > egs2/toy/tse1/conf/codec_paper.yaml
    run -1 "${SETUP}" egs2/toy/tse1
    [[ "${output}" == *"egs2/toy/tse1/conf/codec_paper.yaml is the recipe's own"*"move YAMLs to egs2/toy/tse1/local/conf/"* ]]
    [ "$(cat egs2/toy/tse1/conf/codec_paper.yaml)" = "# mine" ]
    run -0 "${SETUP}" --force egs2/toy/tse1
    [ -L egs2/toy/tse1/conf ]
    [ "$(cat egs2/TEMPLATE/tse1/conf/* 2> /dev/null | cksum)" = "${before}" ]
}

@test "--force makes a recipe's own cmd.sh of a link and leaves the template's" {
    "${SETUP}" egs2/toy/tse1
    ln -sf ../../TEMPLATE/tse1/cmd.sh egs2/toy/tse1/cmd.sh
    before=$(cat egs2/TEMPLATE/tse1/cmd.sh)
    "${SETUP}" egs2/toy/tse1 --force
    [ ! -L egs2/toy/tse1/cmd.sh ] && [ "$(cat egs2/toy/tse1/cmd.sh)" = "${before}" ]
    [ "$(cat egs2/TEMPLATE/tse1/cmd.sh)" = "${before}" ]
}

@test "cmd.sh takes the .conf of the site where there is one, for every recipe of the clone" {
    "${SETUP}" egs2/toy/tse1
    cd egs2/toy/tse1
    for backend in "slurm|slurm|slurm.pl" "sge|queue|queue.pl" "pbs|pbs|queue.pl --config conf/pbs.conf"; do
        IFS="|" read -r cmd_backend name default <<< "${backend}"
        . ./cmd.sh
        # Training on SLURM has more memory.
        for cmd in "${train_cmd}" "${cuda_cmd/ --mem 8G/}" "${decode_cmd}"; do [ "${cmd% }" = "${default}" ]; done
        cp "conf/${name}.conf" ../..
        . ./cmd.sh
        for cmd in "${train_cmd}" "${cuda_cmd/ --mem 8G/}" "${decode_cmd}"; do
            [ "${cmd}" = "${default%% *} --config ../../${name}.conf" ]
        done
    done
}

@test "run again it changes nothing, and repairs a link" {
    "${SETUP}" egs2/toy/tse1
    echo "# mine" >> egs2/toy/tse1/local/data.sh
    rm egs2/toy/tse1/path.sh
    before=$(find egs2/toy egs2/TEMPLATE/tse1/db.sh ! -name path.sh ! -type d -exec cat {} + | cksum)
    run -0 "${SETUP}" egs2/toy/tse1
    [ "$(find egs2/toy egs2/TEMPLATE/tse1/db.sh ! -name path.sh ! -type d -exec cat {} + | cksum)" = "${before}" ]
    [ -e egs2/toy/tse1/path.sh ]
    [ "$(grep -c '^TOY=' egs2/TEMPLATE/tse1/db.sh)" -eq 1 ]
}

@test "it refuses to overwrite another recipe, unless --force" {
    mkdir -p egs2/toy/tse1
    echo "precious" > egs2/toy/tse1/run.sh
    run -1 "${SETUP}" egs2/toy/tse1
    [[ "${output}" == *"--force overwrites it"* ]]
    [ "$(cat egs2/toy/tse1/run.sh)" = precious ]
    [ ! -e egs2/toy/tse1/tse.sh ]
    run -0 "${SETUP}" --force egs2/toy/tse1
    grep -q tse.sh egs2/toy/tse1/run.sh
}

@test "--copy makes a recipe without links" {
    run -0 "${SETUP}" --copy egs2/toy/tse1
    [ -z "$(find egs2/toy/tse1 -maxdepth 1 -type l)" ]
    [ -z "$(find egs2/toy/tse1/conf -type l)" ]
    cmp egs2/TEMPLATE/tse1/conf/codec_paper.yaml egs2/toy/tse1/conf/codec_paper.yaml
    grep -q '^TOY=' egs2/toy/tse1/db.sh
    run ! grep -q '^TOY=' egs2/TEMPLATE/tse1/db.sh
    (cd egs2/toy/tse1 && run -0 ./run.sh --help)
    # Run again, it leaves what the recipe has made of its copies.
    for file in db.sh path.sh; do echo "# mine" >> "egs2/toy/tse1/${file}"; done
    for options in --copy "--copy --db OTHER" ""; do
        # shellcheck disable=SC2086
        run -0 "${SETUP}" ${options} egs2/toy/tse1
        for file in db.sh path.sh; do grep -qx "# mine" "egs2/toy/tse1/${file}"; done
    done
    grep -q '^OTHER=' egs2/toy/tse1/db.sh
    run ! grep -q -e '^TOY=' -e '^OTHER=' egs2/TEMPLATE/tse1/db.sh
    run -0 "${SETUP}" --copy --force egs2/toy/tse1
    cmp egs2/TEMPLATE/tse1/path.sh egs2/toy/tse1/path.sh
}

@test "the mini recipes take an interpreter in a folder with spaces" {
    mkdir "a b"
    printf '#!/bin/sh\necho "$1"\n' > "a b/python"
    chmod +x "a b/python"
    for recipe in mini_espeak mini_librispeech; do
        LIBRISPEECH=${PWD} python="${PWD}/a b/python" run -0 "${REPO}/egs2/${recipe}/tse1/local/data.sh"
        [[ "${output}" == *"local/prepare_${recipe}.py"* ]]
    done
}

@test "an exported CDPATH changes nothing" {
    export CDPATH=.:egs2
    run -0 egs2/TEMPLATE/tse1/setup.sh egs2/toy/tse1
    [ -e egs2/toy/tse1/utils/data_dir.sh ]
    make_data data
    PATH=/usr/bin:/bin run -0 utils/copy_data_dir.sh data copy
    # All others that go to where they lie.
    for file in $(grep -l 'cd "$(dirname' "${REPO}"/{.ci/run,tools/*.sh,utils/*.sh,egs2/*/*/*.sh,egs2/*/*/{local,scripts}/*.sh}); do
        grep -q '^unset CDPATH' "${file}" || { echo "${file} has no 'unset CDPATH'"; false; }
    done
}

@test "wrong usage: exit 2; a folder outside the clone: exit 1" {
    run -2 "${SETUP}"
    run -2 "${SETUP}" egs2/a/tse1 egs2/b/tse1
    run -2 "${SETUP}" --unknown x egs2/a/tse1
    run -2 "${SETUP}" --sets "train dev" egs2/a/tse1
    run -2 "${SETUP}" --db lower egs2/a/tse1
    run -1 "${SETUP}" "${BATS_TEST_TMPDIR}/elsewhere/tse1"
    [[ "${output}" == *"is not <clone>/egs2/<corpus>/tse1"* ]]
    [ ! -e egs2/a ]
}

@test "the data script of a new recipe says what to do: exit 3 without the corpus" {
    "${SETUP}" egs2/toy/tse1
    cd egs2/toy/tse1
    unset TOY
    run -3 local/data.sh
    [[ "${output}" == *"TOY is not set"* ]]
    TOY=/nowhere run -3 local/data.sh
    [[ "${output}" == *"is not a folder"* ]]
    run -2 local/data.sh positional
}

# What a folder may be called, but for a colon, which divides search paths.
odd_folder() { BATS_TEST_TMPDIR=${BATS_TEST_TMPDIR}/"it's \"here\" & \$there"; }

@test "the environment of a clone in a folder with spaces and quotes is found, and its jobs run" {
    odd_folder
    make_recipe
    mkdir -p "${CLONE}/.venv/bin"
    # The interpreter of the environment: the stand-in, under a name that only path.sh makes known.
    for name in python python3; do ln -s "${REPO}/test/shell/fake_python.sh" "${CLONE}/.venv/bin/${name}"; done
    echo 'echo not for scripts; exit 1' > "${CLONE}/.venv/bin/activate"
    run -0 bash -c 'set -euo pipefail; . ./path.sh; command -v python3 run.pl; echo "${MAIN_ROOT}"; echo "${VIRTUAL_ENV}"'
    [ "${output}" = "$(printf '%s\n' "${CLONE}/.venv/bin/python3" "${CLONE}/egs2/toy/tse1/utils/run.pl" "${CLONE}" "${CLONE}/.venv")" ]
    # Paths of its own choice too, absolute ones.
    run -0 ./run.sh --nj 2 --expdir "${PWD}/exp" --dumpdir "${PWD}/dump"
    [[ "${output}" == *"Successfully finished."* ]]
    [ "$(wc -l < dump/raw/train/wav.scp)" -eq 4 ] && [ -s exp/RESULTS.md ]
    run -0 "${PWD}/exp/tse_laura_tse_mini/run.sh" --stop_stage 8
    [[ "${output}" == *"up to date (train)"* ]]
    # An environment that is active already stays.
    VIRTUAL_ENV=/other run -0 bash -c '. ./path.sh; echo "${VIRTUAL_ENV}"'
    [ "${output}" = /other ]
}

@test "bin/activate of an environment in a folder with spaces and quotes" {
    odd_folder
    make_clone
    cp -R "${REPO}/tools" "${REPO}/setup.py" "${CLONE}/"
    # Without pip, so that nothing is fetched: the script ends behind the environment.
    printf '%s\n' '#!/usr/bin/env bash' 'if [ "$*" = "-m venv ${!#}" ]; then set -- -m venv --without-pip "${!#}"; fi' \
        'exec python3 "$@"' > python
    chmod +x python
    PYTHON=${PWD}/python run ! "${BASH}" "${CLONE}/tools/install.sh"
    [[ "${output}" == *"No module named pip"* ]]
    run -0 bash -c '. "$1/.venv/bin/activate"; echo "${VIRTUAL_ENV}"; command -v python' x "${CLONE}"
    [ "${output}" = "$(printf '%s\n' "${CLONE}/.venv" "${CLONE}/.venv/bin/python")" ]
    mkdir a:b
    cp -R "${REPO}/tools" a:b/
    run -3 bash a:b/tools/install.sh
    [[ "${output}" == *"a path with a colon cannot be searched for programs"* ]]
}
