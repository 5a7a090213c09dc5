bats_require_minimum_version 1.5.0

setup_file() {
    load common.bash
    finish_recipe
}

setup() {
    load common.bash
    if [[ "${BATS_TEST_TAGS[*]-}" == *finished* ]]; then finished_recipe; else make_recipe; fi
}

everything() { find . -path ./utils -prune -o -print | sort; }

# bats test_tags=finished
@test "all stages run, and again they are up to date" {
    for file in exp/RESULTS.md exp/report.html exp/tse_laura_tse_mini/{config.yaml,train.log,run.sh,decode_test/wav.scp} \
        exp/tse_laura_tse_mini/decode_test/scoring/result.json exp/mixture/test/scoring/result.json \
        exp/codec_mini/resynthesis_test/scoring/result.json dump/codes_mini/train/acoustic.scp; do
        [ -s "${file}" ] || { echo "no ${file}"; false; }
    done
    [ "$(wc -l < dump/raw/test/wav.scp)" -eq 4 ]
    grep -q '^# Ended (code 0)' exp/tse_laura_tse_mini/train.log
    run -0 toy
    [ ! -s "${FAKE_CALLS}" ]
    [[ "${output}" == *"exp/tse_laura_tse_mini: up to date (train)"* ]]
}

@test "perturbation factors are checked before anything is done" {
    for factors in abc "0.9 9" "0.9,1.1"; do
        run -2 toy --formant_perturb_factors "${factors}"
        [[ "${output}" == *"--formant_perturb_factors takes factors from 0.5 to 2, as \"0.9 1.1\", not '${factors}'"* ]]
        [ ! -e dump ]
    done
    run -0 toy --speed_perturb_factors "0.9 1.1" --formant_perturb_factors ".9" --stop_stage 2
}

@test "--help lists all options with defaults and the stages, to stdout" {
    run -0 --separate-stderr ./tse.sh --help
    [ -z "${stderr}" ]
    [[ "${output}" == *"--train_set "*"(required) (default: none)"* ]]
    [[ "${output}" == *"--fs "*"(default: 16k)"* ]]
    [[ "${output}" == *" 8 train "* ]]
    for option in $(sed -n '/^# Options/,/^\. /s/^\([a-z][a-z_]*\)=.*/\1/p' tse.sh); do
        [[ "${output}" == *"--${option} "* ]] || { echo "no --${option}"; false; }
    done
    [[ "${output}" != *"Set by this call"* ]]
    run -0 ./run.sh --nj 3 --tse_args "--lr 1" --help
    [[ "${output}" == *$'\nSet by this call: '*$'\n  --train_set train\n'*$'\n  --nj 3\n  --tse_args --lr\\ 1\n'* ]]
}

@test "wrong usage: exit 2, nothing is written" {
    before=$(everything)
    run -2 toy --unknown 1
    [[ "${output}" == *"unknown option --unknown"* ]]
    run -2 toy --tse_confg conf/other.yaml
    [[ "${output}" == *"unknown option --tse_confg (did you mean --tse_config?)"* ]]
    run -2 toy --enh_confg conf/other.yaml
    [[ "${output}" == *"unknown option --enh_confg (did you mean --enh_config?)"* ]]
    run -2 ./tse.sh --valid_set dev --test_sets test
    [[ "${output}" == *"--train_set is required"* ]]
    run -2 ./tse.sh --train_set train --valid_set dev
    [[ "${output}" == *"--test_sets is required"* ]]
    run -2 toy --stage training
    [[ "${output}" == *"--stage training: no such stage; the stages are 1 data, 2 format"* ]]
    run -2 toy --stage 8 --stop_stage 3
    [[ "${output}" == *"--stage 8 comes after --stop_stage 3, so no stage would be run"* ]]
    run -2 toy --stage 14
    [[ "${output}" == *"--stage 14: no such stage"* ]]
    run -2 toy --fs fast
    run -2 toy --nj 0
    run -2 toy --ngpu many
    run -2 toy positional
    for option in local_data_opts validate_opts score_opts front_end_asr_opts report_opts tse_args inference_args codec_args; do
        run -2 toy "--${option}" "--metrics si_sdr --model_dir /home/o'brien"
        [[ "${output}" == *"--${option}: a quote is not closed"*"o'brien"* ]]
    done
    [ "$(everything)" = "${before}" ]
}

@test "options of ESPnet become ours, say so, or are refused with what serves instead" {
    cp conf/laura_tse_mini.yaml conf/other.yaml
    run -0 toy --enh-config conf/other.yaml --enh_args="--max_epoch 2" --ref_num 2 --enh_tag mine --skip_upload_hf true --stop_stage 1
    [[ "${output}" == *"--enh-config of ESPnet is --tse_config here"* ]]
    [[ "${output}" == *"--enh_args of ESPnet is --tse_args here"* ]]
    [[ "${output}" == *"--ref_num of ESPnet has no effect: every enroll_spk<n>.scp of a set is a target"* ]]
    run -0 toy --enh_config conf/other.yaml --enh_args="--max_epoch 2" --stage 8 --dry_run true
    [[ "${output}" == *"--config conf/other.yaml"*"--max_epoch 2"* ]]
    run -2 toy --scoring_protocol "STOI SDR"
    [[ "${output}" == *'--scoring_protocol of ESPnet: name metrics by --score_opts "--metrics si_sdr,stoi"'* ]]
    # What is switched off changes nothing; what is on is refused.
    run -0 toy --use_noise_ref false --init_param "" --spk_num 2 --asr_exp exp/asr --stop_stage 1
    [[ "${output}" == *"--use_noise_ref of ESPnet has no effect: it is switched off"* ]]
    [[ "${output}" == *"--init_param of ESPnet has no effect: it is switched off"* ]]
    [[ "${output}" == *"--spk_num of ESPnet has no effect: every enroll_spk<n>.scp of a set is a target"* ]]
    [[ "${output}" == *"--asr_exp of ESPnet has no effect: it is of ESPnet's recogniser; name ours by --asr"* ]]
    run -2 toy --use-noise-ref true
    [[ "${output}" == *"--use-noise-ref of ESPnet: noise<n>.scp of a set is read by the checks only"* ]]
    run -2 toy --dynamic_mixing true
    [[ "${output}" == *"--dynamic_mixing of ESPnet: a training set with a mixing.yaml is mixed while training"* ]]
    run -2 toy --audio_format flac.ark
    [[ "${output}" == *"--audio_format takes flac or wav, not 'flac.ark'"* ]]
    run -0 toy --test_sets "test " --stage 1 --stop_stage 1
    [[ "${output}" == *"data/{train,dev,test}"* ]]
    run -2 toy --enh_config
    [[ "${output}" == *"option --tse_config needs a value"* ]]
    run -2 toy --ngpu 0 enh_config
    [[ "${output}" == *"'enh_config' is not an option"* ]]
}

@test "stages are chosen by number and by name, groups are skipped" {
    run -0 toy --stage data --stop_stage 2
    [ -e dump/raw/test/wav.scp ]
    [ ! -e exp ]
    [ "$(calls validate)" -eq 0 ]
    run -0 toy --stage 3 --stop_stage validate
    [ "$(calls validate)" -eq 1 ]
    run -0 toy --skip_data_prep true --skip_train true --skip_eval true --skip_packing true
    [ "$(calls codec_train)$(calls tse_train)$(calls extract)" = 000 ]
    run -0 toy --stage 4 --stop_stage 8
    [ "$(calls codec_train)$(calls tse_train)$(calls extract)" = 110 ]
}

@test "--dry_run shows every command and touches nothing" {
    before=$(everything)
    run -0 toy --dry_run true
    [ "$(everything)" = "${before}" ]
    [ ! -s "${FAKE_CALLS}" ]
    for module in format_data validate filter_length codec_train encode_codes tse_train extract score report; do
        [[ "${output}" == *"would run: "*"espnet_tse.bin.${module} "* ]] || { echo "no ${module}"; false; }
    done
    # What the chosen stages would make is not missed, and nothing is said to be done.
    [[ "${output}" != *missing* ]] && [[ "${output}" != *": done"* ]]
    [[ "${output}" == *"encode_codes --codec exp/codec_mini --scp dump/raw/train/CLEAN.scp"* ]]
    [[ "${output}" == *"Dry run: nothing was run or written."* ]]
    run -0 toy --dry_run true --stage 10 --stop_stage 10
    [[ "${output}" == *"(exp/tse_laura_tse_mini/decode_test/wav.scp is missing; run stage 9 (decode) first)"* ]]
    [[ "${output}" != *"mixture/test/wav.scp is missing"* ]]
}

@test "--dry_run asks a local/data.sh that can tell what it would write" {
    cat > local/data.sh << 'END'
#!/usr/bin/env bash
dry_run=false
[ "$*" = "--size 3 --dry_run true" ] && echo "3 GiB would be written" && exit "${FAKE_DATA_EXIT:-0}"
touch written
END
    run -0 toy --dry_run true --stop_stage 1 --local_data_opts "--size 3"
    [[ "${output}" == *"3 GiB would be written"*"would run: local/data.sh --size 3"* ]]
    FAKE_DATA_EXIT=3 run -0 toy --dry_run true --stop_stage 1 --local_data_opts "--size 3"
    [[ "${output}" == *"local/data.sh cannot tell what it would write"* ]]
    [ ! -e written ]
}

# bats test_tags=finished
@test "--dry_run with data names the clean speech of each set" {
    rm -r dump
    echo "sir_db: [-5, 5]" > data/train/mixing.yaml
    run -0 toy --dry_run true
    [[ "${output}" == *"--scp dump/raw/train/wav.scp"* ]]
    [[ "${output}" == *"--scp dump/raw/dev/spk1.scp"* ]]
    [[ "${output}" != *CLEAN* ]]
}

@test "configs are checked before the first stage; what is trained is left out" {
    for file in decode base; do echo "lr: 1" > "conf/${file}.yaml"; done
    before=$(everything)
    FAKE_FAIL="check_config --codec_config" run -2 toy --inference_config conf/decode.yaml --tse_args "--max_epoch 3" --prerequisite_config conf/base.yaml
    [[ "${output}" == *"a YAML or its options have faults (see above); no stage was run"* ]]
    [ "$(everything)" = "${before}" ]
    grep -q -- "--codec_config conf/codec_mini.yaml --codec_args= --prerequisite_config conf/base.yaml" "${FAKE_CALLS}"
    grep -q -- "--tse_config conf/laura_tse_mini.yaml --tse_args=--max_epoch 3 --inference_config conf/decode.yaml" "${FAKE_CALLS}"
    : > "${FAKE_CALLS}"
    run -0 toy --stop_stage 4
    [ "$(calls check_config)" -eq 1 ]
    run ! grep -q -- "--tse_config" "${FAKE_CALLS}"
    : > "${FAKE_CALLS}"
    run -0 toy --stage 4 --stop_stage 8
    grep -q "check_config --tse_config conf/laura_tse_mini.yaml --tse_args=$" "${FAKE_CALLS}"
    : > "${FAKE_CALLS}"
    run -0 toy --stop_stage 8
    FAKE_FAIL="check_config" run -2 toy --stage train --tse_args "--max_epoch 4"
    [ ! -e exp/tse_laura_tse_mini_max_epoch_4 ]
    [ "$(calls check_config)" -eq 1 ]
    : > "${FAKE_CALLS}"
    # The system's folder holds what is decoded; --tse_config need not be of it.
    run -0 toy --stage 9 --stop_stage 9 --inference_config conf/decode_bounded.yaml --inference_args "--batch_size 2"
    grep -q "check_config --inference_config conf/decode_bounded.yaml --inference_args=--batch_size 2 --model exp/tse_laura_tse_mini$" \
        "${FAKE_CALLS}"
    : > "${FAKE_CALLS}"
    FAKE_FAIL="check_config" run -2 toy --stage 9 --stop_stage 9 --inference_args "--batch_siz 2"
    [ "$(calls extract)" -eq 0 ]
    : > "${FAKE_CALLS}"
    run -0 toy --stage 8 --stop_stage 9 --inference_config conf/decode_bounded.yaml
    grep -q "check_config --tse_config .* --inference_config conf/decode_bounded.yaml$" "${FAKE_CALLS}"
    : > "${FAKE_CALLS}"
    run -0 toy --tse_args "--max_epoch 5"
    [ "$(calls check_config)" -eq 1 ]
}

@test "a missing input is named with the stage that makes it: exit 3" {
    run -3 toy --stage 2
    [[ "${output}" == *"data/train/wav.scp is missing; run stage 1 (data) first"* ]]
    run -0 toy --stop_stage 3
    run -3 toy --stage 5
    [[ "${output}" == *"exp/codec_mini/manifest.json is missing; run stage 4 (codec) first"* ]]
    run -3 toy --stage 9
    [[ "${output}" == *"exp/tse_laura_tse_mini/config.yaml is missing; run stage 8 (train) first"* ]]
    run -3 toy --stage 8 --tse_config conf/nothing.yaml
    [[ "${output}" == *"conf/nothing.yaml is missing"* ]]
}

# bats test_tags=finished
@test "changed inputs and options redo what depends on them, and say so" {
    echo "test9 /new.wav" >> data/test/wav.scp
    run -0 toy
    [[ "${output}" == *"dump/raw/test: redone (format), changed: data/test"* ]]
    [ "$(calls format_data)" -eq 3 ]
    [ "$(calls tse_train)$(calls codec_train)" = 00 ]
    [ "$(wc -l < exp/tse_laura_tse_mini/decode_test/wav.scp)" -eq 5 ]
    : > "${FAKE_CALLS}"
    run -0 toy --audio_format wav --stop_stage 2
    [[ "${output}" == *"dump/raw/train: redone (format), changed: --audio_format"* ]]
}

# bats test_tags=finished
@test "a trained model is moved aside, not overwritten; --resume_mismatch goes on in place" {
    echo "lr: 2" >> conf/laura_tse_mini.yaml
    run -0 toy --stage 8 --stop_stage 8
    [[ "${output}" == *"redone (train), changed: conf/laura_tse_mini.yaml"* ]]
    [ -s exp/tse_laura_tse_mini.old.1/config.yaml ]
    echo "lr: 3" >> conf/laura_tse_mini.yaml
    run -0 toy --stage 8 --stop_stage 8 --resume_mismatch true
    [ ! -e exp/tse_laura_tse_mini.old.2 ]
    [ -s exp/tse_laura_tse_mini/train.1.log ]
}

# bats test_tags=finished
@test "a change in a base of a YAML redoes what was made from the YAML" {
    echo "lr: 1" > conf/common.yaml
    for file in laura_tse_mini codec_mini decode; do echo "base: common.yaml" >> "conf/${file}.yaml"; done
    again() { toy --inference_config conf/decode.yaml --stage 4 --stop_stage 9; }
    run -0 again
    [[ "${output}" == *"exp/tse_laura_tse_mini: redone (train), changed: conf/common.yaml conf/laura_tse_mini.yaml"* ]]
    : > "${FAKE_CALLS}"
    run -0 again
    [ "$(calls codec_train)$(calls tse_train)$(calls extract)" = 000 ]
    echo "lr: 2" > conf/common.yaml
    run -0 again
    for name in codec_mini:codec tse_laura_tse_mini:train; do
        [[ "${output}" == *"exp/${name%:*}: redone (${name#*:}), changed: "*conf/common.yaml* ]] || { echo "${name}"; false; }
    done
    echo "sampling: true" >> conf/decode.yaml
    run -0 again
    [[ "${output}" == *"exp/tse_laura_tse_mini/decode_test: redone (decode), changed: conf/decode.yaml"* ]]
    before=$(everything)
    FAKE_FAIL="check_config --print_inputs" run -2 again
    [[ "${output}" == *"a YAML cannot be read (see above); no stage was run"* && "$(everything)" = "${before}" ]]
}

# bats test_tags=finished
@test "--force redoes the chosen stages" {
    run -0 toy --stage 2 --stop_stage 2 --force true
    [ "$(calls format_data)" -eq 9 ]
    [[ "${output}" == *"redone (format), --force true"* ]]
}

# bats test_tags=finished
@test "a failed job is told with its log; only it is run again" {
    rm -r exp/tse_laura_tse_mini/decode_test
    FAKE_FAIL="extract --shard 2/2" run -1 toy --stage 9
    [[ "${output}" == *"last 20 lines of exp/tse_laura_tse_mini/decode_test/log/decode.2.log"* ]]
    [[ "${output}" == *"extract: cannot go on, as told"* ]]
    [[ "${output}" == *"Error: stage 9 (decode): a job failed; its log is exp/tse_laura_tse_mini/decode_test/log/decode.*.log"* ]]
    : > "${FAKE_CALLS}"
    # The shards of the first run stay valid, whatever --inference_nj says now.
    run -0 toy --stage 9 --stop_stage 9 --inference_nj 4
    [[ "${output}" == *"decode_test: resuming (decode)"* ]]
    [ "$(grep -c -- '--shard 2/2' "${FAKE_CALLS}")" -eq 1 ]
    [ "$(calls extract)" -eq 2 ]
    [ "$(wc -l < exp/tse_laura_tse_mini/decode_test/wav.scp)" -eq 4 ]
}

@test "of a training's log the end begins where the rank that failed first is named" {
    printf '%s\n' 'rank 0: RuntimeError: Connection closed by peer' \
        'E1129 torch/distributed/elastic/multiprocessing/api.py:1002] failed (exitcode: 1)' > one.log
    cp one.log two.log
    printf '%s\n' 'torchrun: error: rank 1 failed first, with' Traceback 'torchrun: error: rank 1 failed first: x' >> two.log
    stage_names=()
    # shellcheck disable=SC1091
    . scripts/stage.sh
    run last_lines one.log
    [ "${output}" = $'---- last 20 lines of one.log\nrank 0: RuntimeError: Connection closed by peer\n----' ]
    run last_lines two.log
    [ "${lines[1]} ${lines[2]} ${lines[3]}" = "torchrun: error: rank 1 failed first, with Traceback torchrun: error: rank 1 failed first: x" ]
    seq 30 > one.log
    run last_lines one.log
    [ "${lines[1]} ${lines[20]} ${#lines[@]}" = "11 30 22" ]
}

# bats test_tags=finished
@test "a failed training resumes in its folder and keeps the log" {
    rm -r exp/tse_laura_tse_mini
    FAKE_FAIL="tse_train" run -1 toy --stage 8
    [[ "${output}" == *"last 20 lines of exp/tse_laura_tse_mini/train.log"* ]]
    run -0 toy --stage 8 --stop_stage 8
    [[ "${output}" == *"exp/tse_laura_tse_mini: resuming (train)"* ]]
    grep -q 'as told' exp/tse_laura_tse_mini/train.1.log
    [ ! -e exp/tse_laura_tse_mini.old.1 ]
}

# bats test_tags=finished
@test "invalid data is exit 4, with the validator's words" {
    rm -r dump/raw/validate
    FAKE_FAIL="validate" run -4 toy --stage 3
    [[ "${output}" == *"validate: cannot go on, as told"* ]]
    [[ "${output}" == *"Error: stage 3 (validate)"* ]]
}

# bats test_tags=finished
@test "lost keys are noticed" {
    sed 's/cat "${out}/head -n 1 "${out}/' "${REPO}/test/shell/fake_python.sh" > losing_python.sh
    chmod +x losing_python.sh
    run -1 ./run.sh --python "${PWD}/losing_python.sh" --nj 2 --stage 9 --stop_stage 9 --force true
    [[ "${output}" == *"decode_test/wav.scp lacks "*" keys of dump/raw/test/wav.scp"* ]]
}

@test "decoding and scoring have as many jobs as --nj, and say where their logs are" {
    for recipe in "${REPO}"/egs2/*/tse1/run.sh; do run ! grep -q -e --inference_nj "${recipe}"; done
    run -0 ./run.sh --python "${REPO}/test/shell/fake_python.sh" --nj 1 --stop_stage 10
    [[ "${output}" == *"decode_test, 1 jobs"* || "${output}" == *"<set>, 1 jobs"* ]]
    [[ "${output}" == *"1 jobs; their logs are exp/tse_laura_tse_mini/decode_test/log/decode.*.log"* ]]
    [[ "${output}" == *"scoring exp/mixture/test; its log is exp/mixture/test/scoring/score.log"* ]]
    grep -q "score .*--nj 1 " "${FAKE_CALLS}"
}

# bats test_tags=finished
@test "a decoding that is told the truth is given the set's spk1.scp, and depends on it" {
    echo "ratio: oracle" > conf/decode_oracle.yaml
    run -0 toy --stage 9 --stop_stage 9 --inference_config conf/decode_oracle.yaml
    grep -q "extract .*--inference_config conf/decode_oracle.yaml --oracle_target_scp dump/raw/test/spk1.scp" "${FAKE_CALLS}"
    [[ "${output}" == *"conf/decode_oracle.yaml is told the truth, dump/raw/test/spk1.scp"* ]]
    run -0 toy --stage 9 --stop_stage 9 --inference_config conf/decode_oracle.yaml
    [[ "${output}" == *"decode_oracle_test: up to date (decode)"* ]]
    sed -i 's|/1.wav|/other.wav|' dump/raw/test/spk1.scp
    run -0 toy --stage 9 --stop_stage 9 --inference_config conf/decode_oracle.yaml
    [[ "${output}" == *"redone (decode), changed: dump/raw/test/spk1.scp"* ]]
    : > "${FAKE_CALLS}"
    run -0 toy --stage 9 --stop_stage 9 --inference_config conf/decode_bounded.yaml
    run ! grep -q oracle_target_scp "${FAKE_CALLS}"
    rm dump/raw/test/spk1.scp
    run -3 toy --stage 9 --stop_stage 9 --inference_config conf/decode_oracle.yaml
    [[ "${output}" == *"dump/raw/test/spk1.scp is missing; run stage 2 (format) first"* ]]
}

# bats test_tags=finished
@test "estimates behind a corrector are made again where it was trained again" {
    mkdir exp/tse_corrector
    echo "args=one" > exp/tse_corrector/.done.train
    echo "corrector: exp/tse_corrector" > conf/decode_corrected.yaml
    run -0 toy --stage 9 --stop_stage 9 --inference_config conf/decode_corrected.yaml
    run -0 toy --stage 9 --stop_stage 9 --inference_config conf/decode_corrected.yaml
    [[ "${output}" == *"decode_corrected_test: up to date (decode)"* ]]
    echo "args=two" > exp/tse_corrector/.done.train
    run -0 toy --stage 9 --stop_stage 9 --inference_config conf/decode_corrected.yaml
    [[ "${output}" == *"redone (decode), changed: exp/tse_corrector/.done.train"* ]]
}

# bats test_tags=finished
@test "of a system that no stage has trained the weights count" {
    system=exp/tse_laura_tse_mini
    rm "${system}/.done.train"
    echo one > "${system}/1epoch.pth"
    ln -s 1epoch.pth "${system}/valid.loss.ave.pth"
    toy --stage 9 > /dev/null
    run -0 toy --stage 9
    [[ "${output}" == *"${system}/decode_test: up to date (decode)"* ]]
    echo two > "${system}/1epoch.pth"
    run -0 toy --stage 9
    for change in "${system}/decode_test: redone (decode)" "exp/pack_laura_tse_mini: redone (pack)"; do
        [[ "${output}" == *"${change}, changed: ${system}/valid.loss.ave.pth"* ]] || { echo "not: ${change}"; false; }
    done
    echo other > "${system}/2epoch.pth"
    toy --stage 9 --stop_stage 9 --inference_model 2epoch.pth > /dev/null
    echo another > "${system}/2epoch.pth"
    run -0 toy --stage 9 --stop_stage 9 --inference_model 2epoch.pth
    [[ "${output}" == *"redone (decode), changed: ${system}/2epoch.pth"* ]]
}

# bats test_tags=finished
@test "estimates of other tasks are scored against their own target, or not at all" {
    decoded=exp/tse_laura_tse_mini/decode_test
    cp dump/raw/test/spk1.scp dump/raw/test/spk2.scp
    printf '{\n  "settings": {\n    "task": "ss"\n  }\n}\n' > "${decoded}/decode.json"
    run -2 toy --stage 10 --stop_stage 10 --force true
    [[ "${output}" == *"${decoded} holds estimates of task 'ss'"*"espnet-tse score"* ]]
    sed -i 's/"ss"/"rtse"/' "${decoded}/decode.json"
    run -0 toy --stage 10 --stop_stage 10 --force true
    grep -q "score .*--inf_scp ${decoded}/wav.scp --ref_scp dump/raw/test/spk2.scp .*--intf_scp dump/raw/test/spk1.scp" "${FAKE_CALLS}"
}

# bats test_tags=finished
@test "recordings without clean targets are scored by what is known of them" {
    rm dump/raw/test/spk*.scp
    awk '{ print $1, "0.5-1" }' dump/raw/test/wav.scp > dump/raw/test/utt2activity
    run -0 toy --stage 10 --stop_stage 10 --force true
    grep -q "score .*--inf_scp exp/tse_laura_tse_mini/decode_test/wav.scp --mix_scp dump/raw/test/wav.scp --enroll_scp dump/raw/test/enroll_spk1.scp \
.*--activity dump/raw/test/utt2activity" "${FAKE_CALLS}"
    run ! grep -q -e --ref_scp -e resynthesize "${FAKE_CALLS}"
}

# bats test_tags=finished
@test "the words of all interferers are scored" {
    for talker in 1 2 3; do awk '{ print $1, "word" }' dump/raw/test/wav.scp > "dump/raw/test/text_spk${talker}"; done
    run -0 toy --stage 10 --stop_stage 10 --force true
    grep -q "score .*--text dump/raw/test/text_spk1 --intf_text dump/raw/test/text_spk2 dump/raw/test/text_spk3 --" "${FAKE_CALLS}"
}

# bats test_tags=finished
@test "files that the options of scoring and report name count as well" {
    for file in heard clean "their scores" rows.yaml; do echo first > "${file}"; done
    score() {
        run -0 toy --stage 10 --stop_stage 11 --asr external:heard,clean --score_opts "--external 'theirs=their scores:mos,up'" \
            --front_end_asr true --front_end_asr_opts "--rir_scp rows.yaml" --report_opts "--paper_rows rows.yaml --csv results.csv"
    }
    score
    echo figures > results.csv
    : > "${FAKE_CALLS}"
    score
    [ ! -s "${FAKE_CALLS}" ]
    for file in heard clean "their scores" rows.yaml; do echo second > "${file}"; done
    score
    [[ "${output}" == *"decode_test/scoring: redone (score), changed: clean heard their scores"* ]]
    [[ "${output}" == *"redone (front_end_asr), changed: clean heard rows.yaml"*"redone (report), changed: rows.yaml"* ]]
}

# bats test_tags=finished
@test "restoration wants no enrollment, and is scored where there is one talker" {
    echo "task: sr" > conf/decode_sr.yaml
    rm dump/raw/test/enroll_spk1.scp
    run -3 toy --stage 9 --stop_stage 9 --force true
    [[ "${output}" == *"dump/raw/test/enroll_spk1.scp is missing"* ]]
    run -0 toy --stage 9 --stop_stage 9 --inference_args "--task sr"
    run -0 toy --stage 9 --stop_stage 9 --inference_config conf/decode_sr.yaml
    grep -q "extract .*--mixture_scp dump/raw/test/wav.scp .*--inference_config conf/decode_sr.yaml" "${FAKE_CALLS}"
    run ! grep -q -e --enroll_scp "${FAKE_CALLS}"
    decoded=exp/tse_laura_tse_mini/decode_sr_test
    printf '{\n  "settings": {\n    "task": "sr"\n  }\n}\n' > "${decoded}/decode.json"
    run -2 toy --stage 10 --stop_stage 10 --inference_config conf/decode_sr.yaml
    [[ "${output}" == *"${decoded} holds estimates of task 'sr'"*"espnet-tse score"* ]]
    rm dump/raw/test/spk2.scp
    run -0 toy --stage 10 --stop_stage 10 --inference_config conf/decode_sr.yaml
    grep -q "score .*--inf_scp ${decoded}/wav.scp --ref_scp dump/raw/test/spk1.scp" "${FAKE_CALLS}"
}

# bats test_tags=finished
@test "--front_end_asr recognises each test set with and without the run's system, once" {
    out=exp/tse_laura_tse_mini/front_end_asr_test
    [ ! -e "${out}" ]
    run -2 toy --stage 10 --stop_stage 10 --front_end_asr true
    [[ "${output}" == *"--front_end_asr true wants a recogniser; name one by --asr"* ]]
    run -0 toy --stage 10 --stop_stage 10 --front_end_asr true --asr pocketsphinx --front_end_asr_opts "--snr_db 0"
    grep -q -- "front_end_asr --data_dir dump/raw/test --output_dir ${out} --system laura_tse_mini=exp/tse_laura_tse_mini \
--nj 2 --asr pocketsphinx --snr_db 0$" "${FAKE_CALLS}"
    [ -s "${out}/.done.front_end_asr" ]
    run -0 toy --stage 10 --stop_stage 10 --front_end_asr true --asr pocketsphinx --front_end_asr_opts "--snr_db 0"
    [[ "${output}" == *"${out}: up to date (front_end_asr)"* ]]
    [ "$(calls front_end_asr)" = 1 ]
    run -0 toy --stage 9 --stop_stage 10 --front_end_asr true --front_end_asr_opts "--asr whisper:base" --inference_args "--batch_size 2"
    [[ "${output}" == *"redone (front_end_asr), changed: --asr --front_end_asr_opts"* ]]
    [[ "${output}" == *"--inference_args are not those of front-end-asr"* ]]
}

@test "no more jobs than keys" {
    run -0 toy --nj 9 --stop_stage 2
    grep -q -- '--shard 4/4' "${FAKE_CALLS}"
    run ! grep -q -- '--shard 5/' "${FAKE_CALLS}"
}

# bats test_tags=finished
@test "a system without codec skips stages 4 and 5, saying so" {
    echo "model: discriminative" > conf/none.yaml
    run -0 toy --tse_config conf/none.yaml --stage 4
    [[ "${output}" == *"this system builds on no tokenizer: nothing to do"* ]]
    [ "$(calls codec_train)$(calls encode_codes)$(calls resynthesize)" = 000 ]
    run ! grep -q -- "--codec\|--tokenizers" "${FAKE_CALLS}"
}

# bats test_tags=finished
@test "--codec_dir imports a release folder, and takes a codec folder as it is" {
    mkdir release
    echo a > release/config.yaml
    echo b > release/model.pth
    run -0 toy --stage 4 --stop_stage 5 --codec_dir release
    [ "$(calls import_codec)$(calls codec_train)" = 10 ]
    [ -s exp/codec_release/manifest.json ]
    run -0 toy --stage 4 --stop_stage 5 --codec_dir exp/codec_release
    [ "$(calls import_codec)" = 1 ]
    grep -q -- '--codec exp/codec_release ' "${FAKE_CALLS}"
    mkdir -p spark/BiCodec
    echo a > spark/BiCodec/config.yaml
    echo b > spark/BiCodec/model.safetensors
    run -0 toy --stage 4 --stop_stage 4 --codec_dir spark
    run -0 toy --stage 4 --stop_stage 4 --codec_dir spark
    [ "$(calls import_codec)" = 2 ]
    echo c >> spark/BiCodec/model.safetensors
    run -0 toy --stage 4 --stop_stage 4 --codec_dir spark
    [ "$(calls import_codec)" = 3 ]
    run -3 toy --stage 4 --stop_stage 4 --codec_dir nowhere
    [[ "${output}" == *"nowhere is missing; name a codec folder"* ]]
}

# bats test_tags=finished
@test "training: processes by torchrun, GPUs, user's options last, quotes kept" {
    rm -r exp/tse_laura_tse_mini
    run -0 toy --stage 8 --stop_stage 8 --dry_run true --num_procs 2 --num_threads 3 --tse_args "--optim_conf 'lr=1 eps=2'"
    [[ "${output}" == *"env OMP_NUM_THREADS=3 "*"espnet_tse.train.torchrun --standalone --nproc_per_node 2 -m espnet_tse.bin.tse_train --ngpu 0 --dist_backend gloo "* ]]
    [[ "${output}" == *"--output_dir exp/tse_laura_tse_mini_optim_conf_lr=1_eps=2 --resume true --optim_conf lr=1\\ eps=2"* ]]
    run -0 toy --stage 8 --stop_stage 8 --dry_run true --ngpu 4
    [[ "${output}" == *"run.pl --gpu 4 "*"--nproc_per_node 4 -m espnet_tse.bin.tse_train --ngpu 1 "* ]]
    run -2 toy --stage 8 --stop_stage 8 --dry_run true --ngpu 4 --num_nodes 2
    [[ "${output}" == *"needs the slurm backend"* ]]
    cmd_backend=slurm run -0 toy --stage 8 --stop_stage 8 --dry_run true --ngpu 4 --num_nodes 2
    [[ "${output}" == *"slurm.pl --mem 8G --gpu 4 --num-nodes 2 "*" srun "*" --cpus-per-task=4 "*"scripts/torchrun_node.sh "* ]]
}

@test "tags come from configs and options" {
    run -0 toy --dry_run true --stage 8 --stop_stage 8 --tse_args "--max_epoch 3 --optim_conf lr=0.1"
    [[ "${output}" == *"exp/tse_laura_tse_mini_max_epoch_3_optim_conf_lr=0.1"* ]]
    run -0 toy --dry_run true --stage 8 --stop_stage 8 --tse_tag mine
    [[ "${output}" == *" -> exp/tse_mine"* ]]
}

# bats test_tags=finished
@test "the resume script in a folder repeats the run from its stage" {
    run -0 toy --stage 8 --stop_stage 8 --tse_args "--note 'two words'" --tse_tag mine
    grep -q -- "--output_dir exp/tse_mine --resume true --note two words" "${FAKE_CALLS}"
    : > "${FAKE_CALLS}"
    cd /
    run -0 "${CLONE}/egs2/toy/tse1/exp/tse_mine/run.sh" --stop_stage 8 --force true
    [ "$(calls tse_train)" -eq 1 ]
    [ "$(calls codec_train)" -eq 0 ]
}

# bats test_tags=finished
@test "the archive is made again if it is gone, with what the recipe says of its data and the results" {
    rm exp/tse_laura_tse_mini.zip
    echo "speech" > card.md
    run -0 toy --stage 12 --licence "CC BY 4.0"
    [ -s exp/tse_laura_tse_mini.zip ]
    grep "bin.pack" "${FAKE_CALLS}" | grep -q -- "--licence CC BY 4.0 --about card.md --extra exp/RESULTS.md"
}

# bats test_tags=finished
@test "the archive is uploaded once, and again when the repository is another one" {
    run -0 toy --stage 12 --skip_upload false --hf_repo me/voice --hf_private true
    grep "bin.upload" "${FAKE_CALLS}" | grep -q -- "exp/tse_laura_tse_mini.zip --repo me/voice --private"
    run -0 toy --stage 13 --skip_upload false --hf_repo me/voice
    [ "$(calls upload)" -eq 1 ]
    run -0 toy --stage 13 --skip_upload false --hf_repo me/other
    [ "$(calls upload)" -eq 2 ]
}

@test "an upload without a repository is refused before anything is run" {
    run -2 toy --skip_upload false
    [[ "${output}" == *"--hf_repo '': stage 13 (upload) wants a repository of the hub, owner/name"* ]]
    run -2 toy --skip_upload false --hf_repo "https://hub/me/voice"
    FAKE_FAIL="import huggingface_hub" run -1 toy --skip_upload false --hf_repo me/voice
    [[ "${output}" == *"stage 13 (upload) needs: pip install -e '.[hub]'"* ]]
    [ ! -e exp ]
}

# bats test_tags=finished
@test "the report is told of the RESULTS.md that is there, for its text around the tables" {
    echo "my words" >> exp/RESULTS.md
    sed 's/^    report)/&\n        cp "${opt[output]}" seen/' "${REPO}/test/shell/fake_python.sh" > keeping_python.sh
    chmod +x keeping_python.sh
    run -0 ./run.sh --python "${PWD}/keeping_python.sh" --nj 2 --stage report --stop_stage report --force true
    grep -qx "my words" seen
    [ "$(cat exp/RESULTS.md)" = results ]
    [ ! -e exp/report/RESULTS.md ]
}

# bats test_tags=finished
@test "a signal ends the pipeline and its jobs: exit 143" {
    rm -r exp/tse_laura_tse_mini
    FAKE_SLEEP=tse_train ./run.sh --python "${REPO}/test/shell/fake_python.sh" --stage 8 > message 2>&1 3>&- &
    pid=$!
    wait_for_file "${FAKE_CALLS}.pid"
    kill -TERM "${pid}"
    code=0
    wait "${pid}" || code=$?
    [ "${code}" -eq 143 ]
    grep -q 'stage 8 (train): stopped by SIGTERM; run the same command to resume' message
    gone $(cat "${FAKE_CALLS}.pid")
}

@test "local/data.sh is given the interpreter of --python" {
    rm -rf data
    # shellcheck disable=SC2016  # for the script that is written
    sed -i '2a echo "${python:-none}" > python_of_data' local/data.sh
    python=other toy --stop_stage data
    [ "$(cat python_of_data)" = "${REPO}/test/shell/fake_python.sh" ]
}

@test "local/data.sh that fails or leaves nothing is an error" {
    printf '#!/usr/bin/env bash\necho "no corpus here" >&2\nexit 3\n' > local/data.sh
    run -3 toy
    [[ "${output}" == *"no corpus here"* ]]
    [[ "${output}" == *"stage 1 (data): local/data.sh failed"* ]]
    # Data of before, or a part of the new, is not taken for what stage 1 makes.
    make_data data/train
    run -3 toy --stage 2
    [[ "${output}" == *"stage 1 (data) began and did not end"*"remove data/.started.data if data/ is as you want it"* ]]
    [ ! -e dump ]
    rm data/.started.data
    run -3 toy --stage 2
    [[ "${output}" == *"data/dev/wav.scp is missing; run stage 1 (data) first"* ]]
    rm -r data
    printf '#!/usr/bin/env bash\n' > local/data.sh
    run -1 toy
    [[ "${output}" == *"left no data/train/wav.scp"* ]]
}

@test "a second training in the same folder is refused while one runs" {
    toy --stop_stage stats > /dev/null
    exec {holder}> exp/.lock.tse_laura_tse_mini
    flock --nonblock "${holder}"
    run toy --stage train --stop_stage train --force true
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"another run writes to exp/tse_laura_tse_mini"* ]]
    [ ! -e exp/tse_laura_tse_mini ]
    [ "$(calls tse_train)" -eq 0 ]
    exec {holder}>&-
    toy --stage train --stop_stage train > /dev/null
    [ "$(calls tse_train)" -eq 1 ]
}

@test "stage 1 depends on the variables of db.sh that local/ names, and on no others" {
    echo 'OTHER=${OTHER:-}' >> db.sh
    echo '# reads ${TOY}' >> local/data.sh
    TOY=a toy --stop_stage data > /dev/null
    TOY=a OTHER=b run toy --stop_stage data
    [[ "${output}" == *"data: up to date"* ]]
    TOY=c run toy --stop_stage data
    [[ "${output}" == *"changed: --TOY"* ]]
}

@test "a training by preference makes its pairs first, from the system that it begins as" {
    printf '%s\n' "model: toy" "tokenizers: {acoustic: codec_mini.yaml}" > conf/first.yaml
    printf '%s\n' "model: toy" "tokenizers: {acoustic: codec_mini.yaml}" "pretrained: {base: first.yaml}" \
        "preferences: {candidates: 3}" > conf/second.yaml
    second() { toy --tse_config conf/second.yaml --stop_stage 8 "$@"; }
    run -0 second
    for set in train dev; do
        grep -q -- "make_preferences --model exp/tse_first --data_dir dump/raw/${set} --tokens acoustic=dump/codes_mini/${set} --output_dir dump/preferences_second/${set} .*--candidates 3" "${FAKE_CALLS}"
    done
    grep -q -- "tse_train .*--config conf/second.yaml --train_data_dir dump/preferences_second/train --valid_data_dir dump/preferences_second/dev .*--train_tokens acoustic=dump/preferences_second/train/codes/acoustic" "${FAKE_CALLS}"
    grep -q -- "tse_train .*--config conf/first.yaml --train_data_dir dump/raw/train .*--train_tokens acoustic=dump/codes_mini/train" "${FAKE_CALLS}"
    run -0 second
    [[ "${output}" == *"dump/preferences_second/train: up to date (preferences)"* ]]
    [ "$(calls make_preferences)" -eq 2 ]
    sed -i 's/candidates: 3/candidates: 4/' conf/second.yaml
    run -0 second
    [[ "${output}" == *"dump/preferences_second/dev: redone (preferences), changed: --candidates"* ]]
    [ "$(calls make_preferences)" -eq 4 ]
    sed -i '/^pretrained/d' conf/second.yaml
    run -2 second --stage 8
    [[ "${output}" == *"preferences want the system that they are drawn from"* ]]
}

@test "a training on stored latents has its mixtures fixed and encoded first" {
    printf '%s\n' "model: toy" "tokenizers: {acoustic: codec_mini.yaml}" > conf/first.yaml
    printf '%s\n' "model: toy" "tokenizers: {acoustic: codec_mini.yaml}" "pretrained: {base: first.yaml}" \
        "stored_passes: 2" > conf/second.yaml
    cat >> local/data.sh << 'END'
echo "noise_scp: data/noise.scp" > data/train/mixing.yaml
echo "n1 /noise/1.wav" > data/noise.scp
END
    second() { toy --tse_config conf/second.yaml --stop_stage 8 "$@"; }
    run -0 second
    grep -q -- "mix_set --source_dir dump/raw/train --passes 2 --output_dir dump/mixed_2/train" "${FAKE_CALLS}"
    [ "$(calls mix_set)" -eq 1 ]
    grep -q -- "encode_codes --codec exp/codec_mini --scp dump/mixed_2/train --output_dir dump/codes_mini/passes_2/train" "${FAKE_CALLS}"
    # What is ready stays; the other system learns from targets alone.
    grep -q -- "encode_codes --codec exp/codec_mini --scp dump/raw/dev --output_dir dump/codes_mini/passes_2/dev" "${FAKE_CALLS}"
    grep -q -- "encode_codes --codec exp/codec_mini --scp dump/raw/train/wav.scp --output_dir dump/codes_mini/train" "${FAKE_CALLS}"
    grep -q -- "tse_train .*--config conf/second.yaml --train_data_dir dump/mixed_2/train --valid_data_dir dump/raw/dev .*--train_tokens acoustic=dump/codes_mini/passes_2/train --valid_tokens acoustic=dump/codes_mini/passes_2/dev" "${FAKE_CALLS}"
    grep -q -- "tse_train .*--config conf/first.yaml --train_data_dir dump/raw/train .*--train_tokens acoustic=dump/codes_mini/train" "${FAKE_CALLS}"
    run -0 second
    [[ "${output}" == *"dump/mixed_2: up to date (mixed)"*"dump/codes_mini/passes_2/train: up to date (codes)"* ]]
    [ "$(calls mix_set)" -eq 1 ]
    # The lists that mixing.yaml names count with the set, of its mixtures and of what is trained on it.
    echo "n2 /noise/2.wav" >> data/noise.scp
    run -0 second
    for change in "dump/raw/validate: redone (validate)" "dump/mixed_2: redone (mixed)" "exp/tse_first: redone (train)"; do
        [[ "${output}" == *"${change}, changed: data/noise.scp"* ]] || { echo "not: ${change}"; false; }
    done
    [[ "${output}" == *"dump/raw/train: up to date (format)"* ]]
    sed -i 's/stored_passes: 2/stored_passes: 3/' conf/second.yaml
    run -3 second --stage 8
    [[ "${output}" == *"dump/mixed_3/train/wav.scp is missing; run stage 5 (token) first"* ]]
}

@test "a front-end is trained without the codec that the system has, and when it is trained again so is the system" {
    echo "model: discriminative" > conf/front.yaml
    printf '%s\n' "model: toy" "tokenizers: {acoustic: codec_mini.yaml}" "pretrained: {front_end: front.yaml}" > conf/joint.yaml
    joint() { toy --tse_config conf/joint.yaml --stop_stage 8 "$@"; }
    run -0 joint
    grep -q -- "tse_train .*--config conf/joint.yaml .*--tokenizers acoustic=exp/codec_mini .*--pretrained front_end=exp/tse_front" "${FAKE_CALLS}"
    grep -q -- "tse_train .*--config conf/front.yaml" "${FAKE_CALLS}"
    run ! grep -q -- "tse_train .*--config conf/front.yaml .*acoustic" "${FAKE_CALLS}"
    run -0 joint
    [ "$(calls tse_train)" -eq 2 ]
    run -0 toy --tse_config conf/front.yaml --stage 8 --stop_stage 8
    [[ "${output}" == *"exp/tse_front: up to date (train)"* ]]
    echo "# otherwise" >> conf/front.yaml
    run -0 joint
    [[ "${output}" == *"exp/tse_joint: redone (train), changed: exp/tse_front/.done.train"* ]]
    [ "$(calls tse_train)" -eq 4 ]
    mv exp/tse_front elsewhere
    run -3 toy --tse_config conf/joint.yaml --stage 8 --stop_stage 8
    [[ "${output}" == *"exp/tse_front/config.yaml is missing; run stage 7 (prerequisite) first"* ]]
    run -0 toy --tse_config conf/joint.yaml --stage 8 --stop_stage 8 --tse_args "--front_end_dir elsewhere"
}

@test "a folder that another run works on is waited for; then what it made is up to date" {
    toy --stop_stage format > /dev/null
    cp dump/raw/test/.done.format mark
    mv dump/raw/test/.done.format dump/raw/test/.started.format
    exec {holder}> dump/raw/.lock.test
    flock --nonblock "${holder}"
    toy --stage format --stop_stage format > messages 2>&1 {holder}>&- &
    for _ in {1..300}; do
        if grep -q "dump/raw/test: waiting for another run" messages; then break; fi
        sleep 0.1
    done
    [ "$(calls format_data)" -gt 0 ]
    : > "${FAKE_CALLS}"
    mv dump/raw/test/.started.format dump/raw/test/.done.format
    exec {holder}>&-
    wait $!
    grep -q "dump/raw/test: up to date (format)" messages
    [ "$(calls format_data)" -eq 0 ]
}

@test "a begun mark that cannot be written ends the run and is not taken for up to date" {
    toy --stop_stage format > /dev/null
    mkdir shims
    printf '%s\n' '#!/usr/bin/env bash' 'case "$*" in *.started.codec) exit 1 ;; esac' 'exec /bin/mv "$@"' > shims/mv
    chmod +x shims/mv
    PATH=${PWD}/shims:${PATH} run toy --stage codec --stop_stage codec
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"cannot write exp/codec_mini/.started.codec; make room"* ]]
    [[ "${output}" != *"up to date (codec)"* ]]
    [ "$(calls codec_train)" -eq 0 ]
}

# bats test_tags=finished
@test "an old folder that cannot be removed stays under its own mark" {
    mkdir shims
    printf '%s\n' '#!/usr/bin/env bash' 'case "$*" in *decode_test*) exit 1 ;; esac' 'exec /bin/mv "$@"' > shims/mv
    chmod +x shims/mv
    cp exp/tse_laura_tse_mini/decode_test/.done.decode before
    echo "# another" >> exp/tse_laura_tse_mini/.done.train
    PATH=${PWD}/shims:${PATH} run toy --stage decode --stop_stage decode
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"cannot move exp/tse_laura_tse_mini/decode_test out of the way"* ]]
    cmp before exp/tse_laura_tse_mini/decode_test/.done.decode
}

@test "an empty mark says nothing of what was begun: refused, and nothing is moved" {
    toy --stop_stage stats > /dev/null
    FAKE_FAIL=tse_train run toy --stage train --stop_stage train
    : > exp/tse_laura_tse_mini/.started.train
    run toy --stage train --stop_stage train
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"exp/tse_laura_tse_mini/.started.train is empty, as after a full disk"* ]]
    [ ! -e exp/tse_laura_tse_mini.old.1 ]
    rm exp/tse_laura_tse_mini/.started.train
    toy --stage train --stop_stage train > /dev/null
}

@test "an input that is edited while a step reads it is not recorded as read" {
    echo 'echo "# edited" >> local/note' >> local/data.sh
    run toy --stop_stage data
    [ "${status}" -eq 1 ]
    [[ "${output}" == *"local changed while data was made from it; run the same command again"* ]]
    [ ! -e data/.done.data ]
}

@test "two recipes do not share a dump folder" {
    toy --stop_stage format --dumpdir "${BATS_TEST_TMPDIR}/dump" > /dev/null
    cp -R . ../tse2
    cd ../tse2
    rm -rf data
    run toy --stop_stage format --dumpdir "${BATS_TEST_TMPDIR}/dump"
    [ "${status}" -eq 2 ]
    [[ "${output}" == *"holds the sets of "*"/toy/tse1; name another folder"* ]]
}

@test "audio that is replaced after tokenizing is tokenized again" {
    toy --stop_stage token > /dev/null
    : > "${FAKE_CALLS}"
    toy --stage token --stop_stage token > /dev/null
    [ "$(calls encode_codes)" -eq 0 ]
    path=$(awk 'NR == 1 { $1 = ""; print substr($0, 2) }' dump/raw/train/spk1.scp)
    mkdir -p "${BATS_TEST_TMPDIR}/audio"
    sed -i "s|${path}|${BATS_TEST_TMPDIR}/audio/1.wav|" dump/raw/train/spk1.scp
    echo one > "${BATS_TEST_TMPDIR}/audio/1.wav"
    toy --stage token --stop_stage token > /dev/null
    : > "${FAKE_CALLS}"
    echo another > "${BATS_TEST_TMPDIR}/audio/1.wav"
    run toy --stage token --stop_stage token
    [[ "${output}" == *"changed: audio of dump/raw/train/spk1.scp"* ]]
    [ "$(calls encode_codes)" -gt 0 ]
}

# bats test_tags=finished
@test "an archive that was cut is packed again" {
    toy --stage pack --stop_stage pack > /dev/null
    [ "$(calls pack)" -eq 0 ]
    : > exp/tse_laura_tse_mini.zip
    toy --stage pack --stop_stage pack > /dev/null
    [ "$(calls pack)" -eq 1 ] && [ -s exp/tse_laura_tse_mini.zip ]
}

@test "JOB in a path, which a backend would replace, is refused" {
    local option
    for option in python dumpdir expdir train_set valid_set test_sets codec_config codec_args codec_dir codec_tag tse_config \
        tse_args tse_exp tse_tag inference_config inference_args inference_tag inference_model; do
        run -2 toy --stop_stage 1 "--${option}" JOB7
        [[ "${output}" == *"--${option} JOB7: 'JOB' stands for the number of a job"* ]]
    done
    # Where a name is given, the words that would have made it reach no job.
    run -0 toy --stop_stage 1 --tse_tag mine --tse_args "--wandb_name JOB7"
    # What only the jobs see:
    run -2 bash -c '. scripts/stage.sh; run_shards "run.pl --mem 1G" 2 data/test/wav.scp out/JOB7 extract true'
    [[ "${output}" == *"'JOB' stands for the number of a job; leave it out of the names"*"JOB7"* ]]
}

@test "shards that cannot be joined are run again, though each ended well" {
    FAKE_FAIL="format_data --merge" run toy --stop_stage format
    [ "${status}" -eq 1 ]
    : > "${FAKE_CALLS}"
    toy --stop_stage format > /dev/null
    [ "$(grep -c "format_data --data_dir data/train .*--shard" "${FAKE_CALLS}")" -eq 2 ]
    [ ! -e dump/raw/train/.joining.format ]
}

# bats test_tags=finished
@test "a list that is edited after it was checked is checked again" {
    toy --stop_stage 3 > /dev/null
    [ "$(calls validate)" -eq 0 ]
    sed -i '$ d' dump/raw/dev/spk1.scp
    run -0 toy --stage 3 --stop_stage 3
    [[ "${output}" == *"dump/raw/validate: redone (validate), changed: dump/raw/dev"* ]]
    [ "$(calls validate)" -eq 1 ]
    toy --stage 3 --stop_stage 3 > /dev/null
    [ "$(calls validate)" -eq 1 ]
}

# bats test_tags=finished
@test "what an earlier version of the toolkit wrote otherwise is done again" {
    grep -qx 'version 3' dump/raw/dev/.done.format
    sed -i '/^version /d' dump/raw/dev/.done.format
    run -0 toy --stage format --stop_stage format
    [[ "${output}" == *"dump/raw/dev: redone (format), changed: version of the toolkit"* ]]
    [[ "${output}" == *"dump/raw/train: up to date (format)"* ]]
    grep -qx 'version 3' dump/raw/dev/.done.format
}

@test "audio that is replaced under the same names is seen by every stage that reads it" {
    sed -i 's|/somewhere with space/${i}.wav|${PWD}/audio/${set}.wav|' local/data.sh
    mkdir audio
    for set in train dev test; do echo "samples" > "audio/${set}.wav"; done
    toy > /dev/null
    : > "${FAKE_CALLS}"
    run -0 toy
    [ ! -s "${FAKE_CALLS}" ]
    echo "zamples" > audio/test.wav
    touch -d "2001-01-01" audio/test.wav
    run -0 toy --stage 2 --stop_stage 2
    [[ "${output}" == *"dump/raw/test: redone (format), changed: audio of data/test"* ]]
    [[ "${output}" == *"dump/raw/train: up to date (format)"* ]]
}

@test "decoding, resynthesis and scores depend on the audio in dump/raw, a training warns" {
    toy > /dev/null
    mkdir audio
    for set in train test; do
        echo "samples" > "audio/${set}.wav"
        for list in wav spk1 enroll_spk1; do sed -i "s| .*| audio/${set}.wav|" "dump/raw/${set}/${list}.scp"; done
    done
    toy --stage 4 > /dev/null
    : > "${FAKE_CALLS}"
    run -0 toy --stage 4
    [ ! -s "${FAKE_CALLS}" ]
    for set in train test; do touch -d "2001-01-01" "audio/${set}.wav"; done
    run -0 toy --stage 4
    for change in "exp/tse_laura_tse_mini/decode_test: redone (decode), changed: audio of dump/raw/test/enroll_spk1.scp audio of dump/raw/test/wav.scp" \
        "exp/mixture/test: redone (mixture), changed: audio of dump/raw/test/wav.scp" \
        "exp/codec_mini/resynthesis_test: redone (resynthesis), changed: audio of dump/raw/test/spk1.scp"; do
        [[ "${output}" == *"${change}"* ]] || { echo "not: ${change}"; false; }
    done
    [[ "${output}" == *"Warning: audio of dump/raw/train changed since exp/tse_laura_tse_mini was trained on it"* ]]
    [[ "${output}" == *"Warning: audio of dump/raw/train/spk1.scp changed since exp/codec_mini was trained on it"* ]]
    [ "$(calls tse_train)$(calls codec_train)$(calls score)" = 003 ]
    touch -d "2002-01-01" audio/test.wav
    run -0 toy --stage 10 --stop_stage 10
    [[ "${output}" == *"decode_test/scoring: redone (score), changed: audio of dump/raw/test"* ]]
}

@test "of a list's audio archives and files that commands read count as well" {
    stage_names=()
    # shellcheck disable=SC1091
    . scripts/stage.sh
    mkdir set
    echo "a x.ark:12" > set/wav.scp
    echo "b sph2pipe -f wav x.sph |" > set/spk1.scp
    echo '{"s": [["uid", "enrolled file.wav"]]}' > set/spk2enroll.json
    echo "c" > x.ark && echo "c" > x.sph && echo "c" > "enrolled file.wav"
    before=$(audio_hash set)
    [ "$(audio_hash set)" = "${before}" ]
    for file in x.ark x.sph "enrolled file.wav"; do
        touch -d "2001-01-01" "${file}"
        [ "$(audio_hash set)" != "${before}" ] || { echo "${file} does not count"; false; }
        before=$(audio_hash set)
    done
    # Rows that the filter drops count on.
    cp -R set .unfiltered && mv .unfiltered set/
    : > set/wav.scp
    [ "$(audio_hash set)" = "${before}" ]
}

# bats test_tags=finished
@test "a test set whose list is edited after it was checked is checked again" {
    toy --stop_stage 3 > /dev/null
    [ "$(calls validate)" -eq 0 ]
    sed -i '$ d' dump/raw/test/spk1.scp
    run -0 toy --stage 3 --stop_stage 3
    [[ "${output}" == *"dump/raw/validate: redone (validate), changed: dump/raw/test"* ]]
    toy --stage 3 --stop_stage 3 > /dev/null
    [ "$(calls validate)" -eq 1 ]
}

# bats test_tags=finished
@test "warnings of the filter are shown" {
    sed 's/^    filter_length)/& echo "WARNING: wav.scp edited since";/' "${REPO}/test/shell/fake_python.sh" > warning_python.sh
    chmod +x warning_python.sh
    run -0 ./run.sh --python "${PWD}/warning_python.sh" --nj 2 --stage 3 --stop_stage 3 --min_wav_duration 0.2
    [[ "${output}" == *") Warning: wav.scp edited since"* && "${output}" == *"  dump/raw/train: all rows kept"* ]]
}
