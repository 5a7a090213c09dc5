#!/usr/bin/env bash
# Sourced by tse.sh and codec.sh: training of a codec, of what a system builds on, of the system.
# shellcheck disable=SC2154  # the options are the caller's

# What the YAMLs of this run build on: lines YAML, kind (file, tokenizers, pretrained, preferences, lists, stored_passes; of
# decoding corrector, task, truth), name, form (yaml, place), value, as check_config --print_inputs writes them. No script reads
# a YAML itself.
inputs=()
find_inputs() {
    local words=() lines
    if [ -n "${tse_config:-}" ]; then words+=(--tse_config "${tse_config}" "--tse_args=${tse_args:-}"); fi
    # shellcheck disable=SC2206  # a list
    if [ -n "${prerequisite_config:-}" ]; then words+=(--prerequisite_config ${prerequisite_config}); fi
    if [ -n "${inference_config:-}${inference_args:-}" ] && decodes; then
        if [ -n "${inference_config:-}" ]; then words+=(--inference_config "${inference_config}"); fi
        words+=("--inference_args=${inference_args:-}")
    fi
    if [ -n "${codec_config}" ] && [ -z "${codec_dir}" ]; then words+=(--codec_config "${codec_config}"); fi
    if [ -n "${codec_dir}${codec_config}" ]; then words+=(--acoustic "${codec_dir:-${codec_config}}"); fi
    [ ${#words[@]} -gt 0 ] || return 0
    lines=$("${python}" -m espnet_tse.bin.check_config --print_inputs "${words[@]}") \
        || die_with 2 "a YAML cannot be read (see above); no stage was run"
    mapfile -t inputs <<< "${lines}"
    # A codec alone, without a system.
    if [ -z "${tse_config:-}" ] && [ -n "${codec_dir}${codec_config}" ]; then
        inputs+=($'-\ttokenizers\tacoustic\t-\t'"${codec_dir:-${codec_config}}")
    fi
}

decodes() {  # whether a stage of this run extracts
    stage_runs 9 || { "${front_end_asr}" && stage_runs 10; }
}

inputs_of() {  # inputs_of KIND [YAML]: lines NAME<tab>VALUE, each once
    printf '%s\n' "${inputs[@]}" | awk -F '\t' -v kind="$1" -v yaml="${2:-}" \
        '$2 == kind && (yaml == "" || $1 == yaml) && !seen[$3 FS $5]++ { print $3 "\t" $5 }'
}

prerequisites_of_run() {  # the YAMLs of what the system builds on, in the order in which they are trained
    { inputs_of pretrained | cut -f 2 | grep '\.ya\?ml$' || [ $? -eq 1 ]; printf '%s\n' ${prerequisite_config:-}; } \
        | awk 'NF && !seen[$0]++'
}

# use_tokenizer NAME VALUE: sets what the functions of a codec are about: codec_exp, codes_dir, codec_config or codec_dir
use_tokenizer() {
    local tag args=
    # The options of the command line are about the codec, which systems call 'acoustic'.
    if [ "$1" = acoustic ]; then args=${codec_args}; fi
    tag=$(tag_of "$2" "${args}")
    if [ "$1" = acoustic ] && [ -n "${codec_tag}" ]; then tag=${codec_tag}; fi
    codec_exp=${expdir}/codec_${tag#codec_} codes_dir=${dumpdir}/codes_${tag#codec_} tokenizer_args=${args}
    codec_config='' codec_dir=''
    if [[ "$2" == *.yaml || "$2" == *.yml ]]; then codec_config=$2; else codec_dir=$2; fi
    if [ -n "${codec_dir}" ] && [ -e "${codec_dir}/manifest.json" ]; then codec_exp=${codec_dir%/}; fi
}

for_tokenizers() {  # for_tokenizers FUNCTION ARGUMENT...: once for each tokenizer of the run, which use_tokenizer sets
    local name value tokenizers
    tokenizers=$(inputs_of tokenizers)
    [ -n "${tokenizers}" ] || { log "  this system builds on no tokenizer: nothing to do"; return 0; }
    while IFS=$'\t' read -r name value <&3; do
        use_tokenizer "${name}" "${value}"
        "$@"
    done 3<<< "${tokenizers}"
}

# Before the first stage: faults of the YAMLs that a later one would meet after hours, or the first one after it has
# made its folder. What a folder was made from has been checked.
check_configs() {
    local words=() codecs=() prerequisites=() decoding=() config opts name value
    note_config_files
    while IFS=$'\t' read -r name value; do
        [ -n "${name}" ] && stage_runs "${codec_stage}" || continue
        use_tokenizer "${name}" "${value}"
        if [ -z "${codec_config}" ] || made_from "${codec_exp}" codec "@${codec_config}" "codec_args=${tokenizer_args}"; then
            continue
        elif [ "${name}" = acoustic ]; then codecs=("${codec_config}" "${codecs[@]}"); else codecs+=("${codec_config}"); fi
    done <<< "$(inputs_of tokenizers)"
    if [ ${#codecs[@]} -gt 0 ]; then words+=(--codec_config "${codecs[@]}" "--codec_args=${codec_args}"); fi
    while IFS= read -r config; do
        [ -n "${config}" ] && stage_runs 7 || continue
        if ! made_from "${expdir}/tse_$(tag_of "${config}" "")" train "@${config}"; then prerequisites+=("${config}"); fi
    done <<< "$(prerequisites_of_run)"
    if [ ${#prerequisites[@]} -gt 0 ]; then words+=(--prerequisite_config "${prerequisites[@]}"); fi
    split_args opts "${tse_args:-}"
    if [ -n "${inference_config:-}" ] && decodes; then decoding=(--inference_config "${inference_config}"); fi
    if [ -n "${inference_args:-}" ] && stage_runs 9; then decoding+=("--inference_args=${inference_args}"); fi
    # A trained system is checked again for a decoding that follows: together, for not all settings are every system's.
    # Without stage 8 the system is that of the folder, which --tse_config need not be.
    if [ ${#decoding[@]} -gt 0 ] && ! stage_runs 8 && [ -e "${tse_exp}/config.yaml" ]; then
        decoding+=(--model "${tse_exp}")
    fi
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

# trained_on DIR PATH...: notes the audio that a new training reads, and warns where that of one that is there, or goes on,
# was another. It is not trained anew for that: times differ in a mere copy, too.
trained_on() {
    local dir=$1 now changed
    shift
    now=$(inputs_record "${@/#/%}")
    if [ -s "${dir}/.audio" ]; then
        changed=$(changed_inputs "${dir}/.audio" "${now}")
        [ -z "${changed}" ] || warn "${changed} changed since ${dir} was trained on it (sizes or times of files); if the" \
            "samples did, train anew (--force true)"
    elif ! "${dry_run}" && [ ! -e "${dir}/.done.train" ] && [ ! -e "${dir}/.done.codec" ]; then
        echo "${now}" > "${dir}/.audio"
    fi
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
        launch=("${python}" -m espnet_tse.train.torchrun --standalone --nproc_per_node "${ngpu}" -m "${module}" --ngpu 1)
        threads=$((num_threads * ngpu))
    elif [ "${ngpu}" -eq 0 ] && [ "${num_procs}" -gt 1 ]; then
        launch=("${python}" -m espnet_tse.train.torchrun --standalone --nproc_per_node "${num_procs}" -m "${module}"
            --ngpu 0)
        # ESPnet's default is NCCL, which needs GPUs; the codec's task chooses by itself.
        if [ "${module}" = espnet_tse.bin.tse_train ]; then launch+=(--dist_backend gloo); fi
        threads=$((num_threads * num_procs))
    fi
    if [ "${num_nodes}" -gt 1 ]; then
        [[ "${cuda_cmd}" == *slurm.pl* ]] \
            || die_with 2 "--num_nodes ${num_nodes} needs the slurm backend (cmd.sh); cuda_cmd is '${cuda_cmd}'"
        # From SLURM 22.05 on a step has one processor unless it asks for those of the job.
        launch=(srun --ntasks-per-node=1 "--cpus-per-task=${threads}" --kill-on-bad-exit=1 scripts/torchrun_node.sh
            "${python}" "${num_nodes}" "${devices}" -m "${module}" --ngpu 1)
        backend+=" --num-nodes ${num_nodes}"
    fi
    # An empty list of devices makes espnet2's distributed code fail even on processors.
    if [ -z "${CUDA_VISIBLE_DEVICES-unset}" ]; then launch=(env -u CUDA_VISIBLE_DEVICES "${launch[@]}"); fi
    rotate_log "${dir}/train.log"
    "${dry_run}" || log_depth=1 log "  training; its log is ${dir}/train.log"
    run_jobs "${backend} --num-threads ${threads}" 0 "${dir}/train.log" \
        env "OMP_NUM_THREADS=${num_threads}" "${launch[@]}" "$@"
}

make_tokenizer() {  # stage 4, of the tokenizer that use_tokenizer has set
    if [ "${codec_exp}" = "${codec_dir%/}" ]; then
        log "  ${codec_dir} is a codec folder already and is used as it is"
    elif [ -n "${codec_dir}" ]; then
        import_codec
    else
        train_codec
    fi
}

import_codec() {  # codec_dir, a release folder, an archive or a hub id -> codec_exp
    local items=("source=${codec_dir}") file
    # owner/name[:path] is in a repository of the hub, unless it begins with a folder that is here.
    if [[ ! "${codec_dir}" =~ ^[^/:]+/[^/:]+(:.+)?$ ]] || [ -d "${codec_dir%%/*}" ]; then
        need "name a codec folder, a FunCodec or BiCodec release folder, an archive or a hub id" "${codec_dir}"
    fi
    for file in "${codec_dir}" "${codec_dir}"/{config.yaml,model.pth,BiCodec/config.yaml,BiCodec/model.safetensors}; do
        if [ -f "${file}" ]; then items+=("@${file}"); fi
    done
    needed aside "${codec_exp}" codec "${items[@]}" || return 0
    run_jobs "${train_cmd}" 0 "${codec_exp}/log/import.log" "${python}" -m espnet_tse.bin.import_codec \
        --source_dir "${codec_dir}" --output_dir "${codec_exp}"
    finish_codec
}

train_codec() {  # --codec_config -> codec_exp
    local train=${dumpdir}/raw/${train_set} valid=${dumpdir}/raw/${valid_set} opts audio
    audio=("$(target_scp "${train_set}")" "$(target_scp "${valid_set}")")
    need "the YAML of the system names it (tokenizers)" "${codec_config}"
    need 2 "${train}/utt2num_samples" "${valid}/utt2num_samples"
    needed aside "${codec_exp}" codec "@${codec_config}" "${audio[@]/#/@}" "codec_args=${tokenizer_args}" \
        "seed=${seed}" || { trained_on "${codec_exp}" "${audio[@]}"; return 0; }
    trained_on "${codec_exp}" "${audio[@]}"
    write_resume "${codec_exp}" "${current_stage%% *}"
    split_args opts "${tokenizer_args}"
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

# encode_set SET [PASSES]: clean speech -> dump/codes_TAG/SET; with PASSES mixtures and enrollments, too
encode_set() {
    local scp list='' out=${codes_dir}/$1
    if [ -n "${2:-}" ]; then
        need 2 "${dumpdir}/raw/$1/wav.scp"
        scp=$(fixed_set "$1" "$2") out=${codes_dir}/passes_$2/$1
    else
        scp=$(target_scp "$1")
        need 2 "${scp}"
    fi
    need "${codec_stage}" "${codec_exp}/manifest.json"
    claim_dump
    needed remove "${out}" codes "@${codec_exp}/manifest.json" "@${scp}" "%${scp}" || return 0
    if [ -d "${scp}" ]; then list=${scp}/wav.scp; fi
    run_shards "${train_cmd}" "${nj}" "${list:-${scp}}" "${out}" encode "${python}" -m espnet_tse.bin.encode_codes \
        --codec "${codec_exp}" --scp "${scp}" --output_dir "${out}"
    [ -s "${out}/manifest.json" ] || "${dry_run}" || die "${out}/manifest.json was not written; read ${out}/log/"
    mark_done "${out}" codes
}

# fixed_set SET PASSES: the folder of the mixtures that a training on stored latents reads
fixed_set() {
    if is_mixed_on_the_fly "$1"; then echo "${dumpdir}/mixed_$2/$1"; else echo "${dumpdir}/raw/$1"; fi
}

# find_lists DIR...: lists=(the lists of noise and rooms that mixing.yaml of these sets names); stage 2 leaves them where they are
find_lists() {
    local words=() lines dir
    lists=()
    for dir in "$@"; do if [ -e "${dir}/mixing.yaml" ]; then words+=("${dir}/mixing.yaml"); fi; done
    [ ${#words[@]} -gt 0 ] || return 0
    lines=$("${python}" -m espnet_tse.bin.check_config --print_inputs --mixing_config "${words[@]}") \
        || log_depth=1 die_with 4 "a mixing.yaml cannot be read (see above)"
    mapfile -t lists < <(awk -F '\t' '$2 == "lists" && !seen[$5]++ { print $5 }' <<< "${lines}")
}

mix_set() {  # mix_set SET PASSES: fixed mixtures of a set that training would mix -> dump/mixed_PASSES/SET
    local source=${dumpdir}/raw/$1 out=${dumpdir}/mixed_$2 lists
    is_mixed_on_the_fly "$1" || return 0
    need 2 "${source}/wav.scp"
    claim_dump
    find_lists "${source}"
    needed remove "${out}" mixed "@${source}" "%${source}" "passes=$2" "seed=${seed}" "${lists[@]/#/@}" "${lists[@]/#/%}" || return 0
    run_jobs "${train_cmd}" 0 "${out}/log/mix.log" "${python}" -m espnet_tse.bin.mix_set --source_dir "${source}" \
        --passes "$2" --output_dir "${out}/$1" ${seed:+--seed "${seed}"}
    [ -s "${out}/$1/wav.scp" ] || "${dry_run}" || die "${out}/$1/wav.scp was not written; read ${out}/log/mix.log"
    mark_done "${out}" mixed
}

encode_sets() {  # stage 5: of the training and the development set what each tokenizer makes for each YAML
    local name value passes words
    words=$(printf '%s\n' "${inputs[@]}" | awk -F '\t' '
        $2 == "stored_passes" { passes[$1] = $5 }
        $2 == "tokenizers" { config[++count] = $1; words[count] = $3 FS $5 }
        END { for (i = 1; i <= count; i++) if (!seen[line = words[i] FS passes[config[i]]]++) print line }')
    [ -n "${words}" ] || { log "  this system builds on no tokenizer: nothing to do"; return 0; }
    while IFS=$'\t' read -r name value passes <&3; do
        use_tokenizer "${name}" "${value}"
        if [ -n "${passes}" ]; then mix_set "${train_set}" "${passes}"; fi
        encode_set "${train_set}" "${passes}"
        encode_set "${valid_set}" "${passes}"
    done 3<<< "${words}"
}

# make_preferences CONFIG SYSTEM OUT SET NAME=CODES...: stages 7 and 8, where the YAML has preferences; OUT/SET
make_preferences() {
    local config=$1 system=$2 out=$3/$4 set=$4 opts=() tokens=() items pair name value threads lists
    shift 4
    mapfile -t items < <(system_items "${system}")
    items+=("@${dumpdir}/raw/${set}")
    for pair in "$@"; do
        tokens+=("${pair}/${set}")
        items+=("@${pair#*=}/${set}")
    done
    while IFS=$'\t' read -r name value; do
        opts+=("--${name}" "${value}")
        items+=("${name}=${value}")
    done <<< "$(inputs_of preferences "${config}")"
    find_lists "${dumpdir}/raw/${set}"
    items+=("${lists[@]/#/@}" "${lists[@]/#/%}")
    needed remove "${out}" preferences "${items[@]}" || return 0
    "${dry_run}" || log_depth=1 log "  pairs from ${system}; the log is ${out}/log/make.log"
    threads=$(threads_of "${train_cmd}" "${nj}")
    run_jobs "${train_cmd} --num-threads ${threads}" 0 "${out}/log/make.log" \
        "${python}" -m espnet_tse.bin.make_preferences --model "${system}" \
        --data_dir "${dumpdir}/raw/${set}" --tokens "${tokens[@]}" --output_dir "${out}" --nj "${threads}" "${opts[@]}"
    [ -s "${out}/preferences.scp" ] || "${dry_run}" || die "${out}/preferences.scp was not written; read ${out}/log/make.log"
    mark_done "${out}" preferences
}

# train_system CONFIG DIR [ARGUMENT...]: stages 7 and 8
train_system() {
    local config=$1 dir=$2 train=${dumpdir}/raw/${train_set} valid=${dumpdir}/raw/${valid_set} built_on=() items name value
    local policy=aside names=() base='' out passes codes lists
    shift 2
    passes=$(inputs_of stored_passes "${config}" | cut -f 2)
    if [ -n "${passes}" ]; then train=$(fixed_set "${train_set}" "${passes}"); fi
    need "name it by --tse_config" "${config}"
    need 2 "${valid}/wav.scp"
    need "$((passes ? 5 : 2))" "${train}/wav.scp"
    items=("@${config}" "args=$*" "seed=${seed}" "@${train}" "@${valid}")
    while IFS=$'\t' read -r name value; do
        [ -n "${name}" ] || continue
        use_tokenizer "${name}" "${value}"
        need "${codec_stage}" "${codec_exp}/manifest.json"
        codes=${codes_dir}${passes:+/passes_${passes}}
        need 5 "${codes}/${train_set}/manifest.json" "${codes}/${valid_set}/manifest.json"
        items+=("@${codec_exp}/manifest.json" "@${codes}/${train_set}" "@${codes}/${valid_set}")
        names+=("${name}=${codes}")
        built_on+=(--tokenizers "${name}=${codec_exp}")
    done <<< "$(inputs_of tokenizers "${config}")"
    while IFS=$'\t' read -r name value; do
        [ -n "${name}" ] || continue
        if [[ "${value}" == *.yaml || "${value}" == *.yml ]]; then
            value=${expdir}/tse_$(tag_of "${value}" "")
            need 7 "${value}/config.yaml"
        fi
        built_on+=(--pretrained "${name}=${value}")
        if [ "${name}" = base ]; then base=${value}; fi
        # Its mark holds its options and the hashes of its inputs. What is not here is fetched from the hub.
        if [ -e "${value}/.done.train" ]; then value+=/.done.train; fi
        if [ -e "${value}" ]; then items+=("@${value}"); else items+=("${name}=${value}"); fi
    done <<< "$(inputs_of pretrained "${config}")"
    if [ -n "$(inputs_of preferences "${config}")" ]; then
        [ -n "${base}" ] || die_with 2 "${config}: preferences want the system that they are drawn from; name it by pretrained: {base: ...}"
        out=${dumpdir}/preferences_$(tag_of "${config}" "")
        make_preferences "${config}" "${base}" "${out}" "${train_set}" "${names[@]}"
        make_preferences "${config}" "${base}" "${out}" "${valid_set}" "${names[@]}"
        train=${out}/${train_set} valid=${out}/${valid_set}
        items+=("@${train}/preferences.scp" "@${valid}/preferences.scp")
        for value in "${names[@]}"; do
            built_on+=(--train_tokens "${value%%=*}=${train}/codes/${value%%=*}"
                --valid_tokens "${value%%=*}=${valid}/codes/${value%%=*}")
        done
    else
        for value in "${names[@]}"; do
            built_on+=(--train_tokens "${value}/${train_set}" --valid_tokens "${value}/${valid_set}")
        done
    fi
    find_lists "${train}" "${valid}"
    while IFS=$'\t' read -r name value; do
        if [ -n "${name}" ]; then lists+=("${value}"); fi
    done <<< "$(inputs_of lists "${config}")"
    items+=("${lists[@]/#/@}")
    if "${resume_mismatch}"; then policy=keep; fi
    needed "${policy}" "${dir}" train "${items[@]}" || { trained_on "${dir}" "${train}" "${valid}" "${lists[@]}"; return 0; }
    trained_on "${dir}" "${train}" "${valid}" "${lists[@]}"
    write_resume "${dir}" "${current_stage%% *}"
    run_training "${dir}" espnet_tse.bin.tse_train --config "${config}" --train_data_dir "${train}" \
        --valid_data_dir "${valid}" "${built_on[@]}" --output_dir "${dir}" --resume true ${seed:+--seed "${seed}"} "$@"
    if ! "${dry_run}"; then
        [ -s "${dir}/config.yaml" ] || die "${dir}/config.yaml was not written; read ${dir}/train.log"
    fi
    mark_done "${dir}" train
}
