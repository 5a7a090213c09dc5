bats_require_minimum_version 1.5.0

setup() {
    load common.bash
    make_recipe
    ln -s ../../TEMPLATE/codec1/codec.sh codec.sh
}

codec() {
    ./codec.sh --python "${REPO}/test/shell/fake_python.sh" --nj 2 --train_set train --valid_set dev --test_sets test \
        --codec_config conf/codec_mini.yaml "$@"
}

@test "codec.sh runs all its stages, and again they are up to date" {
    run -0 codec
    [ -s exp/codec_mini/model.pth ]
    [ -s exp/codec_mini/resynthesis_test/scoring/result.json ]
    : > "${FAKE_CALLS}"
    run -0 codec
    [ ! -s "${FAKE_CALLS}" ]
}

@test "what codec.sh has trained is up to date for tse.sh" {
    run -0 codec --stop_stage train
    run -0 toy --stage 2 --stop_stage 4
    [[ "${output}" == *"exp/codec_mini: up to date (codec)"* ]]
    [ "$(calls codec_train)" -eq 1 ]
}

@test "codec.sh names the stage that makes a missing input" {
    run -3 codec --stage resynthesize
    [[ "${output}" == *"is missing; run stage 2 (format) first"* ]]
    run -0 codec --stop_stage 3
    run -3 codec --stage 6
    [[ "${output}" == *"exp/codec_mini/manifest.json is missing; run stage 5 (train) first"* ]]
}

@test "codec.sh --help, --dry_run and wrong usage" {
    run -0 ./codec.sh --help
    [[ "${output}" == *"--codec_config "* ]]
    [[ "${output}" == *" 6 resynthesize "* ]]
    run -0 codec --dry_run true
    [ ! -e data ] && [ ! -e dump ] && [ ! -e exp ]
    run -2 codec --tse_config x
    run -2 codec --codec_exp JOB7
    [[ "${output}" == *"--codec_exp JOB7: 'JOB' stands for the number of a job"* ]]
    FAKE_FAIL="check_config" run -2 codec
    [ ! -e data ] && grep -q "check_config --codec_config conf/codec_mini.yaml --codec_args=$" "${FAKE_CALLS}"
}
