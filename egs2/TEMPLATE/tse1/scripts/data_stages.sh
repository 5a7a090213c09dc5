#!/usr/bin/env bash
# Sourced by tse.sh and codec.sh: corpus -> data/SET -> dump/raw/SET.
# shellcheck disable=SC2154  # the options are the caller's

prepare_data() {  # prepare_data SET...: local/data.sh writes data/SET
    local items=(@local "local_data_opts=${local_data_opts}") set variable opts
    need "every recipe has one (setup.sh makes it)" local/data.sh
    # Values and not db.sh itself: they may come from the environment, and those of other corpora do not matter.
    while read -r variable; do
        # Recipes of one kind link their local/ to one of them, and grep -r follows no links.
        if [ -n "$(find -L local -type f -exec grep -lw -e "${variable}" {} +)" ]; then
            items+=("${variable}=${!variable-}")
        fi
    done < <(sed -n 's/^\([A-Z][A-Z0-9_]*\)=.*/\1/p' db.sh)
    for set in "$@"; do
        [ -e "data/${set}/wav.scp" ] || "${dry_run}" || rm -f data/.done.data
    done
    needed keep data data "${items[@]}" || return 0
    split_args opts "${local_data_opts}"
    # A program of its own: it sees --python and --force only through the environment.
    export python force
    # A script with an option dry_run tells by itself what it would write; a corpus that it lacks does not end a dry run.
    if "${dry_run}" && grep -q '^dry_run=' local/data.sh; then
        log "  local/data.sh --dry_run true:"
        local/data.sh "${opts[@]}" --dry_run true || warn "local/data.sh cannot tell what it would write (see above)"
    fi
    run_here local/data.sh "${opts[@]}" || die_with $? "local/data.sh failed (its messages are above)"
    if ! "${dry_run}"; then
        for set in "$@"; do
            [ -s "data/${set}/wav.scp" ] || die "local/data.sh left no data/${set}/wav.scp"
            log "  data/${set}: $(awk 'END { print NR }' "data/${set}/wav.scp") rows"
        done
    fi
    mark_done data data
}

check_factors() {  # check_factors OPTION...: their values are lists of factors from 0.5 to 2
    local option
    for option in "$@"; do
        awk -v list="${!option}" 'BEGIN {
            count = split(list, factors, " ")
            for (i = 1; i <= count; i++)
                if (factors[i] !~ /^[0-9]*\.?[0-9]+$/ || factors[i] + 0 < 0.5 || factors[i] + 0 > 2) exit 1
        }' || die_with 2 "--${option} takes factors from 0.5 to 2, as \"0.9 1.1\", not '${!option}'"
    done
}

format_set() {  # format_set SET [SPEEDS [FORMANTS]]: data/SET -> dump/raw/SET at one rate, mono
    local data=data/$1 out=${dumpdir}/raw/$1 speeds=${2:-} formants=${3:-} extra=()
    need 1 "${data}/wav.scp"
    claim_dump
    # data/ without any mark was made without stage 1, which is as good.
    if [ -e data/.started.data ] && ! "${dry_run}"; then
        die_with 3 "stage 1 (data) began and did not end, so data/ may be incomplete or of earlier options; run stage 1" \
            "again, or remove data/.started.data if data/ is as you want it"
    fi
    if [ -n "${speeds}" ]; then extra=(--speed_perturb_factors "${speeds}"); fi
    if [ -n "${formants}" ]; then extra+=(--formant_perturb_factors "${formants}"); fi
    needed remove "${out}" format "@${data}" "%${data}" "fs=${sample_rate}" "audio_format=${audio_format}" \
        "speed_perturb_factors=${speeds}" "formant_perturb_factors=${formants}" || return 0
    run_shards "${train_cmd}" "${nj}" "${data}/wav.scp" "${out}" format \
        "${python}" -m espnet_tse.bin.format_data --data_dir "${data}" --output_dir "${out}" \
        --sample_rate "${sample_rate}" --audio_format "${audio_format}" "${extra[@]}"
    # Its keys, which may be segments or rows of several targets, were checked by the program itself.
    [ -s "${out}/wav.scp" ] || "${dry_run}" || die "${out}/wav.scp was not written; read ${out}/log/format*.log"
    mark_done "${out}" format
}

validate_sets() {  # validate_sets TRAIN VALID TEST...: the report goes to the terminal and to dump/raw/validate
    local dir=${dumpdir}/raw/validate items=("fs=${sample_rate}" "validate_opts=${validate_opts}") dirs=() set opts filtered lists
    filtered=" $1 $2 "
    for set in "$@"; do
        need 2 "${dumpdir}/raw/${set}/wav.scp"
        dirs+=("${dumpdir}/raw/${set}")
        items+=("@${dumpdir}/raw/${set}/.done.format" "%${dumpdir}/raw/${set}")
        # Of a filtered set stage 3 removes rows, so the mark of stage 2 stands for its lists until others change them.
        if [[ "${filtered}" != *" ${set} "* ]] || edited "${dumpdir}/raw/${set}"; then items+=("@${dumpdir}/raw/${set}"); fi
    done
    find_lists "${dirs[@]}"
    items+=("${lists[@]/#/@}" "${lists[@]/#/%}")
    claim_dump
    needed remove "${dir}" validate "${items[@]}" || return 0
    split_args opts "${validate_opts}"
    # The whole report where something is wrong; else a line a set.
    exit_as=4 tail_lines=400 run_jobs "${train_cmd}" 0 "${dir}/validate.log" \
        "${python}" -m espnet_tse.bin.validate "${dirs[@]}" --sample_rate "${sample_rate}" \
        --train "${dumpdir}/raw/$1" "${opts[@]}"
    if ! "${dry_run}"; then
        grep -v -e '^#' -e '^  .* \(ok\|not checked\) ' "${dir}/validate.log" || true
        log "  the whole table is in ${dir}/validate.log"
    fi
    mark_done "${dir}" validate
}

filter_set() {  # filter_set SET: drops rows of too short or too long audio
    local dir=${dumpdir}/raw/$1 line
    need 2 "${dir}/utt2num_samples"
    needed keep "${dir}" filter "@${dir}/.done.format" "min=${min_wav_duration}" "max=${max_wav_duration}" || return 0
    run_jobs "${train_cmd}" 0 "${dir}/log/filter.log" "${python}" -m espnet_tse.bin.filter_length \
        --data_dir "${dir}" --min_duration_s "${min_wav_duration}" --max_duration_s "${max_wav_duration}"
    if ! "${dry_run}"; then
        while IFS= read -r line; do warn "${line#WARNING: }"; done < <(grep '^WARNING: ' "${dir}/log/filter.log" || true)
        # The program's own line has the counts of what was too short and too long.
        log "  $(grep -v '^#' "${dir}/log/filter.log" | tail -n 1)"
    fi
    [ -s "${dir}/wav.scp" ] || "${dry_run}" \
        || die_with 4 "no row of ${dir} lasts ${min_wav_duration} to ${max_wav_duration} s; see --min_wav_duration"
    "${dry_run}" || content_hash "${dir}" > "${dir}/.filtered"
    mark_done "${dir}" filter
}

edited() {  # edited DIR: whether its lists are not what stage 3 left
    [ -s "$1/.filtered" ] && [ "$(cat "$1/.filtered")" != "$(content_hash "$1")" ]
}

# Of what stage 1 or stage 2 has made, whichever is there.
is_mixed_on_the_fly() { [ -e "${dumpdir}/raw/$1/mixing.yaml" ] || [ -e "data/$1/mixing.yaml" ]; }  # is_mixed_on_the_fly SET

# The clean speech that a codec learns and encodes: a dynamic mixing set has it in wav.scp.
target_scp() {
    local dir=${dumpdir}/raw/$1
    if is_mixed_on_the_fly "$1"; then
        echo "${dir}/wav.scp"
    elif "${dry_run}" && [ ! -e "${dir}/wav.scp" ] && [ ! -e "data/$1/wav.scp" ]; then
        echo "${dir}/CLEAN.scp"
    else
        echo "${dir}/spk1.scp"
    fi
}
