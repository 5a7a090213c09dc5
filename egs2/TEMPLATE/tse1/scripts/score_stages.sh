#!/usr/bin/env bash
# Sourced by tse.sh and codec.sh: decoding, resynthesis, scoring.
# shellcheck disable=SC2154  # the options are the caller's

decode_set() {  # decode_set SET: the system's estimates -> TSE_EXP/INFERENCE_TAG_SET
    local data=${dumpdir}/raw/$1 out=${tse_exp}/${inference_tag}_$1 extra=() opts device=() items items_enrolled=() weights
    need 2 "${data}/wav.scp"
    # Restoration and separation enroll nobody.
    if [ -e "${data}/enroll_spk1.scp" ] || [[ ! "$(inputs_of task | cut -f 2)" =~ ^(sr|ss)$ ]]; then
        need 2 "${data}/enroll_spk1.scp"
        extra=(--enroll_scp "${data}/enroll_spk1.scp")
        items_enrolled=("@${data}/enroll_spk1.scp" "%${data}/enroll_spk1.scp")
    fi
    need 8 "${tse_exp}/config.yaml"
    if [ -n "${inference_config}" ]; then
        need "name another by --inference_config" "${inference_config}"
        extra+=(--inference_config "${inference_config}")
    fi
    mapfile -t weights < <(system_items "${tse_exp}" "${inference_model}")
    mapfile -t items < <(corrector_items)
    if [ -n "$(inputs_of truth)" ]; then
        need 2 "${data}/spk1.scp"
        log "  ${inference_config:-decoding} is told the truth, ${data}/spk1.scp: its scores are flagged and compete with none"
        extra+=(--oracle_target_scp "${data}/spk1.scp")
        items+=("@${data}/spk1.scp" "%${data}/spk1.scp")
    fi
    needed remove "${out}" decode "@${data}/wav.scp" "%${data}/wav.scp" "${items_enrolled[@]}" \
        "${weights[@]}" "@${inference_config:-none}" \
        "inference_args=${inference_args}" "inference_model=${inference_model}" "${items[@]}" || return 0
    write_resume "${out}" "${current_stage%% *}"
    if "${gpu_inference}"; then
        device=(--gpu 1)
        extra+=(--device cuda)
    fi
    if [ -n "${inference_model}" ]; then extra+=(--checkpoint "${inference_model}"); fi
    split_args opts "${inference_args}"
    run_shards "${decode_cmd} ${device[*]}" "${inference_nj}" "${data}/wav.scp" "${out}" decode \
        "${python}" -m espnet_tse.bin.extract --model "${tse_exp}" \
        --mixture_scp "${data}/wav.scp" --output_dir "${out}" \
        "${extra[@]}" "${opts[@]}"
    check_keys "${data}/wav.scp" "${out}/wav.scp" "${out}/log/decode*.log"
    mark_done "${out}" decode
}

# What the work of a system depends on, as items of needed: the mark of its training; where there is none, as of a system that
# was imported or is in training, its weights.
system_items() {  # system_items PLACE [CHECKPOINT]
    if [ -e "$1/.done.train" ]; then
        echo "@$1/.done.train"
    elif [ -f "$1" ]; then
        echo "@$1"
    else
        printf '@%s\n' "$1/config.yaml" "$1/${2:-valid.loss.ave.pth}"
    fi
}

# The corrector that the decoding YAML names, as an item of needed: its mark, or what there is of it.
corrector_items() {
    local place
    place=$(inputs_of corrector | cut -f 2)
    if [ -e "${place}/.done.train" ]; then place+=/.done.train; fi
    if [ -e "${place}" ]; then echo "@${place}"; elif [ -n "${place}" ]; then echo "corrector=${place}"; fi
}

resynthesize_set() {  # resynthesize_set SET: codec round trip of the clean targets, the upper bound of a codec system
    local scp out=${codec_exp}/resynthesis_$1
    scp=$(target_scp "$1")
    need 2 "${scp}"
    need "${codec_stage}" "${codec_exp}/manifest.json"
    needed remove "${out}" resynthesis "@${codec_exp}/manifest.json" "@${scp}" "%${scp}" || return 0
    run_shards "${decode_cmd}" "${inference_nj}" "${scp}" "${out}" resynthesize \
        "${python}" -m espnet_tse.bin.resynthesize --codec "${codec_exp}" --scp "${scp}" --output_dir "${out}"
    check_keys "${scp}" "${out}/wav.scp" "${out}/log/resynthesize*.log"
    mark_done "${out}" resynthesis
}

mixture_set() {  # mixture_set SET: the unprocessed input as a system's output
    local data=${dumpdir}/raw/$1 out=${expdir}/mixture/$1
    need 2 "${data}/wav.scp"
    needed remove "${out}" mixture "@${data}/wav.scp" "%${data}/wav.scp" || return 0
    "${dry_run}" || cp "${data}/wav.scp" "${out}/wav.scp"
    mark_done "${out}" mixture
}

score_set() {  # score_set SET DIR SYSTEM: DIR/wav.scp against the clean targets -> DIR/scoring
    local data=${dumpdir}/raw/$1 dir=$2 optional=() interference=() interfering_text=() file
    need 2 "${data}/wav.scp"
    case $(task_of "${dir}") in
        tse) ;;
        sr)
            # With one talker in each recording the loudest is the target.
            if [ -e "${data}/spk2.scp" ]; then refuse_task sr "${dir}"; fi
            ;;
        rtse)
            score_other "$@"
            return
            ;;
        *) refuse_task "$(task_of "${dir}")" "${dir}" ;;
    esac
    if has_targets "$1"; then
        optional=(--ref_scp "$(target_scp "$1")")
    else
        log "  ${data} lists no clean targets: metrics that want them are n/a"
    fi
    if [ "${optional[1]-}" != "${data}/wav.scp" ]; then optional+=(--mix_scp "${data}/wav.scp"); fi
    if [ -e "${data}/enroll_spk1.scp" ]; then optional+=(--enroll_scp "${data}/enroll_spk1.scp"); fi
    for file in "${data}"/spk[2-9].scp; do [ ! -e "${file}" ] || interference+=("${file}"); done
    if [ ${#interference[@]} -gt 0 ]; then optional+=(--intf_scp "${interference[@]}"); fi
    for file in text_spk1 text; do
        if [ -e "${data}/${file}" ]; then optional+=(--text "${data}/${file}"); break; fi
    done
    if [ -e "${data}/text_spk1" ]; then
        for file in "${data}"/text_spk[2-9]; do [ ! -e "${file}" ] || interfering_text+=("${file}"); done
    fi
    if [ ${#interfering_text[@]} -gt 0 ]; then optional+=(--intf_text "${interfering_text[@]}"); fi
    if [ -e "${data}/utt2spk" ]; then optional+=(--utt2spk "${data}/utt2spk"); fi
    if [ -e "${data}/utt2activity" ]; then optional+=(--activity "${data}/utt2activity"); fi
    if [ -n "${asr}" ]; then optional+=(--asr "${asr}"); fi
    score_against "$@" "${optional[@]}"
}

refuse_task() {  # refuse_task TASK DIR: ends the stage
    die_with 2 "$2 holds estimates of task '$1', and this stage compares with the enrolled talker alone; end with --stop_stage" \
        "decode and score them by 'espnet-tse score' against lists of your own"
}

has_targets() {  # has_targets SET: whether it lists clean targets, which recordings of the real world lack
    local data=${dumpdir}/raw/$1
    [ ! -e "${data}/wav.scp" ] || [ -e "${data}/spk1.scp" ] || [ -e "${data}/mixing.yaml" ]
}

score_other() {  # score_other SET DIR SYSTEM: as score_set, of task rtse: the talker who is not enrolled is the target
    local data=${dumpdir}/raw/$1 optional=()
    need 2 "${data}/spk2.scp"
    [ ! -e "${data}/spk3.scp" ] || die_with 2 "${data} has three talkers; task rtse is scored on sets of two"
    optional=(--ref_scp "${data}/spk2.scp" --mix_scp "${data}/wav.scp" --intf_scp "${data}/spk1.scp")
    if [ -e "${data}/text_spk2" ]; then optional+=(--text "${data}/text_spk2"); fi
    if [ -e "${data}/text_spk1" ] && [ -e "${data}/text_spk2" ]; then optional+=(--intf_text "${data}/text_spk1"); fi
    if [ -n "${asr}" ]; then optional+=(--asr "${asr}"); fi
    score_against "$@" "${optional[@]}"
}

# The task that a folder's estimates were decoded for.
task_of() {
    local task=
    if [ -e "$1/decode.json" ]; then task=$(sed -n '/"task":/{s/.*"task": *"\([a-z]*\)".*/\1/p;q}' "$1/decode.json"); fi
    echo "${task:-tse}"
}

score_against() {  # score_against SET DIR SYSTEM OPTION...: DIR/wav.scp by these lists -> DIR/scoring
    local data=${dumpdir}/raw/$1 set=$1 dir=$2 system=$3 out=$2/scoring items opts threads
    shift 3
    split_args opts "${score_opts}"
    mapfile -t items < <(named_files "${asr}" "${opts[@]}")
    needed remove "${out}" score "@${data}" "%${data}" "@${dir}/wav.scp" "%${dir}/wav.scp" "@$(work_mark "${dir}")" \
        "asr=${asr}" "score_opts=${score_opts}" "system=${system}" "${items[@]}" || return 0
    "${dry_run}" || log "  scoring ${dir}; its log is ${out}/score.log"
    threads=$(threads_of "${decode_cmd}" "${inference_nj}")
    run_jobs "${decode_cmd} --num-threads ${threads}" 0 "${out}/score.log" \
        "${python}" -m espnet_tse.bin.score --inf_scp "${dir}/wav.scp" "$@" --output_dir "${out}" \
        --nj "${threads}" --system "${system}" --test_set "${set}" --cache_dir "${data}/.score_cache" "${opts[@]}"
    if ! "${dry_run}"; then
        [ -s "${out}/result.json" ] || die "${out}/result.json was not written; read ${out}/score.log"
    fi
    mark_done "${out}" score
}

# The files that words of options name, as items of needed: plain, or as in external:FILE,FILE, NAME=FILE:FIELD,up and
# pocketsphinx:GRAMMAR. What the report writes is no input.
named_files() {  # named_files WORD...
    local before='' word text part parts
    for word in "$@"; do
        [[ "${before}=${word}" =~ ^(.*=)?--(csv|latex)= ]] || for text in "${word}" "${word#*:}" "${word#*=}"; do
            IFS=, read -ra parts <<< "${text}"
            for part in "${text}" "${parts[@]}" "${parts[@]%%:*}"; do [ ! -f "${part}" ] || echo "@${part}"; done
        done
        before=${word}
    done | LC_ALL=C sort -u
}

recognise_set() {  # recognise_set SET: word errors with and without the system in front -> TSE_EXP/front_end_asr_SET
    local data=${dumpdir}/raw/$1 out=${tse_exp}/front_end_asr_$1 extra=() opts device=() items weights threads
    [[ -n "${asr}" || " ${front_end_asr_opts}" == *" --asr"* ]] \
        || die_with 2 "--front_end_asr true wants a recogniser; name one by --asr, as pocketsphinx or whisper:base"
    need 2 "${data}"/{wav,spk1,enroll_spk1}.scp
    need 8 "${tse_exp}/config.yaml"
    mapfile -t weights < <(system_items "${tse_exp}" "${inference_model}")
    split_args opts "${front_end_asr_opts}"
    mapfile -t items < <(corrector_items; named_files "${asr}" "${opts[@]}")
    needed remove "${out}" front_end_asr "@${data}" "%${data}" "${weights[@]}" "@${inference_config:-none}" \
        "inference_model=${inference_model}" "asr=${asr}" "front_end_asr_opts=${front_end_asr_opts}" "${items[@]}" || return 0
    [ -z "${inference_args}" ] || warn "--inference_args are not those of front-end-asr; name what it needs by --front_end_asr_opts"
    if [ -n "${asr}" ]; then extra+=(--asr "${asr}"); fi
    if [ -n "${inference_config}" ]; then extra+=(--inference_config "${inference_config}"); fi
    if [ -n "${inference_model}" ]; then extra+=(--checkpoint "${inference_model}"); fi
    if "${gpu_inference}"; then
        device=(--gpu 1)
        extra+=(--device cuda)
    fi
    "${dry_run}" || log "  recognisers with and without ${tse_exp}; the log is ${out}/front_end_asr.log"
    threads=$(threads_of "${decode_cmd} ${device[*]}" "${inference_nj}")
    run_jobs "${decode_cmd} --num-threads ${threads} ${device[*]}" 0 "${out}/front_end_asr.log" \
        "${python}" -m espnet_tse.bin.front_end_asr --data_dir "${data}" --output_dir "${out}" \
        --system "${tse_tag//[^A-Za-z0-9_.+-]/-}=${tse_exp}" --nj "${threads}" "${extra[@]}" "${opts[@]}"
    if ! "${dry_run}"; then
        [ -s "${out}/front_end_asr.json" ] || die "${out}/front_end_asr.json was not written; read ${out}/front_end_asr.log"
        log "  ${out}/front_end_asr.md and front_end_asr.png"
    fi
    mark_done "${out}" front_end_asr
}

# The done mark of what wrote the estimates.
work_mark() {
    local mark
    for mark in "$1"/.done.{decode,resynthesis,mixture}; do
        if [ -e "${mark}" ]; then echo "${mark}"; return; fi
    done
}

write_report() {  # RESULTS.md and report.html of everything scored below EXPDIR
    local out=${expdir}/report items=("title=${report_title}") file opts
    while IFS= read -r file; do items+=("@${file}"); done \
        < <([ ! -d "${expdir}" ] || find -L "${expdir}" -path '*/scoring/result.json' ! -path '*.old.*' | LC_ALL=C sort)
    [ ${#items[@]} -gt 1 ] || "${dry_run}" || die_with 3 "no scoring/result.json below ${expdir}; run stage 10 (score) first"
    if [ ! -e "${expdir}/RESULTS.md" ] || [ ! -e "${expdir}/report.html" ]; then "${dry_run}" || rm -f "${out}/.done.report"; fi
    split_args opts "${report_opts}"
    while IFS= read -r file; do items+=("${file}"); done < <(named_files "${opts[@]}")
    needed keep "${out}" report "${items[@]}" "report_opts=${report_opts}" || return 0
    # Written in the folder of this step, where what a killed run leaves is removed; the text around the tables stays.
    if [ -e "${expdir}/RESULTS.md" ]; then "${dry_run}" || cp "${expdir}/RESULTS.md" "${out}/RESULTS.md"; fi
    run_jobs "${train_cmd}" 0 "${out}/report.log" "${python}" -m espnet_tse.bin.report --exp_dir "${expdir}" \
        --output "${out}/RESULTS.md" --html "${out}/report.html" --title "${report_title}" "${opts[@]}"
    "${dry_run}" || mv "${out}/RESULTS.md" "${out}/report.html" "${expdir}/"
    mark_done "${out}" report
    "${dry_run}" || log "  ${expdir}/RESULTS.md and ${expdir}/report.html"
}
