#!/usr/bin/env bash
# Sourced by tse.sh and codec.sh: training of a codec, of what a system builds on, of the system.
# shellcheck disable=SC2154  # the options are the caller's

# Before the first stage: faults of the YAMLs that a later one would meet after hours, or the first one after it has
# made its folder. What a folder was made from has been checked.
check_configs() {
    local words=() prerequisites=() decoding=() config opts
    # shellcheck disable=SC2086  # a list
    find_config_files ${prerequisite_config:-} "${codec_config:-}" "${tse_config:-}" "${inference_config:-}"
    if stage_runs "${codec_stage}" && "${use_codec}" && [ -z "${codec_dir}" ] && [ -n "${codec_config}" ] \
        && ! made_from "${codec_exp}" codec "@${codec_config}" "codec_args=${codec_args}"; then
        words+=(--codec_config "${codec_config}" "--codec_args=${codec_args}")
    fi
    for config in ${prerequisite_config:-}; do
        if stage_runs 7 && ! made_from "${expdir}/tse_$(tag_of "${config}" "")" train "@${config}"; then prerequisites+=("${config}"); fi
    done
    if [ ${#prerequisites[@]} -gt 0 ]; then words+=(--prerequisite_config "${prerequisites[@]}"); fi
    split_args opts "${tse_args:-}"
    if [ -n "${inference_config:-}" ] && stage_runs 9; then decoding=(--inference_config "${inference_config}"); fi
    # A trained system is checked again for a decoding that follows: together, for not all settings are every system's.
    # Without stage 8 the system is that of the folder, which --tse_config need not be.
    if [ -n "${tse_config:-}" ] && stage_runs 8 && { [ ${#decoding[@]} -gt 0 ] \
        || ! made_from "${tse_exp}" train "@${tse_config}" "args=${opts[*]}"; }; then
        words+=(--tse_config "${tse_config}" "--tse_args=${tse_args}")
    fi
    words+=("${decoding[@]}")
    [ ${#words[@]} -gt 0 ] || return 0
    log "Checking the YAMLs"
    run_here "${python}" -m espnet_tse.bin.check_config "${words[@]}" \
        || die_with 2 "a YAML or its options have faults (see above); no stage was run"
}

# run_training DIR MODULE ARGUMENT...: one process, or torchrun over processors, GPUs or nodes; log DIR/train.log
run_training() {
    local dir=$1 module=$2 launch backend devices=${ngpu} threads=${num_threads}
    shift 2
    launch=("${python}" -m "${module}" --ngpu "${ngpu}")
    backend="${cuda_cmd} --gpu ${ngpu}"
    if [ "${ngpu}" -gt 1 ] || [ "${num_nodes}" -gt 1 ]; then
        [ "${ngpu}" -gt 0 ] || die_with 2 "--num_nodes ${num_nodes} needs --ngpu (GPUs of each node)"
        # Under torchrun each process owns one GPU.
        launch=("${python}" -m torch.distributed.run --standalone --nproc_per_node "${ngpu}" -m "${module}" --ngpu 1)
        threads=$((num_threads * ngpu))
    elif [ "${ngpu}" -eq 0 ] && [ "${num_procs}" -gt 1 ]; then
        launch=("${python}" -m torch.distributed.run --standalone --nproc_per_node "${num_procs}" -m "${module}"
            --ngpu 0)
        # ESPnet's default is NCCL, which needs GPUs; the codec's task chooses by itself.
        if [ "${module}" = espnet_tse.bin.tse_train ]; then launch+=(--dist_backend gloo); fi
        threads=$((num_threads * num_procs))
    fi
    if [ "${num_nodes}" -gt 1 ]; then
        [[ "${cuda_cmd}" == *slurm.pl* ]] \
            || die_with 2 "--num_nodes ${num_nodes} needs the slurm backend (cmd.sh); cuda_cmd is '${cuda_cmd}'"
        launch=(srun --ntasks-per-node=1 --kill-on-bad-exit=1 scripts/torchrun_node.sh "${python}" "${num_nodes}"
            "${devices}" -m "${module}" --ngpu 1)
        backend+=" --num-nodes ${num_nodes}"
    fi
    # An empty list of devices makes espnet2's distributed code fail even on processors.
    if [ -z "${CUDA_VISIBLE_DEVICES-unset}" ]; then launch=(env -u CUDA_VISIBLE_DEVICES "${launch[@]}"); fi
    if ! "${dry_run}"; then lock_training "${dir}"; fi
    rotate_log "${dir}/train.log"
    "${dry_run}" || log_depth=1 log "  training; its log is ${dir}/train.log"
    run_jobs "${backend} --num-threads ${threads}" 0 "${dir}/train.log" \
        env "OMP_NUM_THREADS=${num_threads}" "${launch[@]}" "$@"
    if [ -n "${training_lock}" ]; then exec {training_lock}>&-; fi
}

# One training a folder. The launched processes inherit the lock: what outlives a killed pipeline still holds it.
training_lock=
lock_training() {  # lock_training DIR
    if ! command -v flock > /dev/null; then return; fi
    exec {training_lock}> "$1/.lock.train"
    flock --nonblock "${training_lock}" \
        || log_depth=2 die "another training writes to $1 (ps shows it as tse_train or codec_train); wait for it or end it"
}

import_codec() {  # the pretrained folder --codec_dir -> codec_exp
    need "--codec_dir names a folder with config.yaml and model.pth" "${codec_dir}/config.yaml" "${codec_dir}/model.pth"
    needed aside "${codec_exp}" codec "@${codec_dir}/config.yaml" "@${codec_dir}/model.pth" || return 0
    run_jobs "${train_cmd}" 0 "${codec_exp}/log/import.log" "${python}" -m espnet_tse.bin.import_codec \
        --source_dir "${codec_dir}" --output_dir "${codec_exp}"
    finish_codec
}

train_codec() {  # --codec_config -> codec_exp
    local train=${dumpdir}/raw/${train_set} valid=${dumpdir}/raw/${valid_set} opts
    need "name it by --codec_config, or a pretrained codec by --codec_dir, or set --use_codec false" \
        "${codec_config:-(no --codec_config)}"
    need 2 "${train}/utt2num_samples" "${valid}/utt2num_samples"
    needed aside "${codec_exp}" codec "@${codec_config}" "@$(target_scp "${train_set}")" \
        "@$(target_scp "${valid_set}")" "codec_args=${codec_args}" "seed=${seed}" || return 0
    write_resume "${codec_exp}" "${current_stage%% *}"
    split_args opts "${codec_args}"
    num_nodes=1 run_training "${codec_exp}" espnet_tse.bin.codec_train --config "${codec_config}" \
        --train_data_dir "${train}" --valid_data_dir "${valid}" --output_dir "${codec_exp}" \
        --num_threads "${num_threads}" ${seed:+--seed "${seed}"} "${opts[@]}"
    finish_codec
}

finish_codec() {
    local file
    if ! "${dry_run}"; then
        for file in config.yaml model.pth manifest.json; do
            [ -s "${codec_exp}/${file}" ] || die "${codec_exp}/${file} was not written; read ${codec_exp}/train.log or log/"
        done
    fi
    mark_done "${codec_exp}" codec
}

encode_set() {  # encode_set SET: clean speech -> dump/codes_TAG/SET
    local scp out=${codes_dir}/$1
    scp=$(target_scp "$1")
    need 2 "${scp}"
    need "${codec_stage}" "${codec_exp}/manifest.json"
    needed remove "${out}" codes "@${codec_exp}/manifest.json" "@${scp}" || return 0
    run_shards "${train_cmd}" "${nj}" "${scp}" "${out}" encode "${python}" -m espnet_tse.bin.encode_codes \
        --codec "${codec_exp}" --scp "${scp}" --output_dir "${out}"
    check_keys "${scp}" "${out}/codes.scp" "${out}/log/encode*.log"
    mark_done "${out}" codes
}

config_value() { "${python}" -m espnet_tse.bin.config_files --value "$2" "$1"; }  # config_value CONFIG KEY

wants_codec() { [ "$(config_value "$1" model)" != discriminative ]; }  # wants_codec CONFIG

front_end_of() {  # front_end_of CONFIG [ARGUMENT...]: the folder that the system starts from, if any
    local start
    start=$(config_value "$1" front_end_dir)
    shift
    while [ $# -gt 0 ]; do
        case "$1" in
            --front_end_dir) start=${2:-} ;;
            --front_end_dir=*) start=${1#*=} ;;
        esac
        shift
    done
    echo "${start}"
}

# train_system CONFIG DIR [ARGUMENT...]: stages 7 and 8
train_system() {
    local config=$1 dir=$2 train=${dumpdir}/raw/${train_set} valid=${dumpdir}/raw/${valid_set} codec=() items start
    shift 2
    need "name it by --tse_config" "${config}"
    need 2 "${train}/wav.scp" "${valid}/wav.scp"
    items=("@${config}" "args=$*" "seed=${seed}" "@${train}" "@${valid}")
    start=$(front_end_of "${config}" "$@")
    if [ -n "${start}" ]; then
        if [ ! -f "${start}" ]; then need 7 "${start}/config.yaml"; fi
        if [ -e "${start}/.done.train" ]; then start+=/.done.train; fi  # its options, and the hashes of its inputs
        items+=("@${start}")
    fi
    # What a system with a codec builds on may need none: then it is the same folder as with --use_codec false.
    if "${use_codec}" && wants_codec "${config}"; then
        need "${codec_stage}" "${codec_exp}/manifest.json"
        need 5 "${codes_dir}/${train_set}/codes.scp" "${codes_dir}/${valid_set}/codes.scp"
        items+=("@${codec_exp}/manifest.json" "@${codes_dir}/${train_set}/codes.scp" "@${codes_dir}/${valid_set}/codes.scp")
        codec=(--codec_dir "${codec_exp}" --train_codes "${codes_dir}/${train_set}" --valid_codes "${codes_dir}/${valid_set}")
    fi
    if "${resume_mismatch}"; then
        needed keep "${dir}" train "${items[@]}" || return 0
    else
        needed aside "${dir}" train "${items[@]}" || return 0
    fi
    write_resume "${dir}" "${current_stage%% *}"
    run_training "${dir}" espnet_tse.bin.tse_train --config "${config}" --train_data_dir "${train}" \
        --valid_data_dir "${valid}" "${codec[@]}" --output_dir "${dir}" --resume true ${seed:+--seed "${seed}"} "$@"
    if ! "${dry_run}"; then
        [ -s "${dir}/config.yaml" ] || die "${dir}/config.yaml was not written; read ${dir}/train.log"
    fi
    mark_done "${dir}" train
}
