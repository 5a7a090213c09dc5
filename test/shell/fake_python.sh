#!/usr/bin/env bash
# Stands for the interpreter in the tests of tse.sh: '-m espnet_tse.bin.X' writes what X promises, in no time.
# Every call is appended to ${FAKE_CALLS}. FAKE_FAIL='module pattern' makes the calls of that module fail
# whose arguments match the pattern; FAKE_SLEEP='module pattern' makes them wait, their process ids in ${FAKE_CALLS}.pid.

set -euo pipefail
# What only asks is no work, and is not counted.
if [ "${1:-}" = -c ]; then [[ "${FAKE_FAIL:-}" != *"$2"* ]]; exit; fi
[[ " $* " == *" --print_inputs "* ]] || echo "$*" >> "${FAKE_CALLS}"
while [ $# -gt 0 ] && [[ "$1" != espnet_tse.bin.* ]]; do shift; done
module=${1#espnet_tse.bin.}
shift
arguments="$*"
declare -A opt=()
positional=()
while [ $# -gt 0 ]; do
    case "$1" in
        --*)
            name=${1#--}
            if [ $# -ge 2 ] && [[ "$2" != --* ]]; then opt[${name}]=$2; shift 2; else opt[${name}]=true; shift; fi
            ;;
        *) positional+=("$1"); shift ;;
    esac
done
if [ -n "${FAKE_FAIL:-}" ]; then FAKE_FAIL+=" "; fi
# A question fails only where that is asked for.
if [[ "${arguments}" == *--print_inputs* && "${FAKE_FAIL:-}" != *--print_inputs* ]]; then FAKE_FAIL=; fi
if [ -n "${FAKE_FAIL:-}" ] && [ "${module}" = "${FAKE_FAIL%% *}" ] && [[ "${arguments} " == *${FAKE_FAIL#* }* ]]; then
    echo "${module}: cannot go on, as told"
    exit 1
fi
if [ -n "${FAKE_SLEEP:-}" ] && [ "${module}" = "${FAKE_SLEEP%% *}" ] && [[ "${arguments} " == *${FAKE_SLEEP#"${module}"}* ]]; then
    sleep 60 &
    echo "$$ $!" >> "${FAKE_CALLS}.pid"
    wait
fi

shard_keys() {  # shard_keys SCP: the keys of this shard
    local part=${opt[shard]%/*} parts=${opt[shard]#*/}
    awk -v j="${part}" -v n="${parts}" 'NR % n == j % n { print $1 }' "$1"
}

sharded() {  # sharded SCP NAME: OUT/J/NAME and OUT/NAME
    local out=${opt[output_dir]}
    if [ -n "${opt[shard]:-}" ]; then
        mkdir -p "${out}/$3${opt[shard]%/*}"
        shard_keys "$1" | sed "s|.*|& ${out}/wav/&.wav|" > "${out}/$3${opt[shard]%/*}/$2"
    else
        cat "${out}/$3"*"/$2" | LC_ALL=C sort > "${out}/$2"
    fi
}

case "${module}" in
    format_data)
        sharded "${opt[data_dir]}/wav.scp" wav.scp format/
        if [ -n "${opt[merge]:-}" ]; then
            for file in "${opt[data_dir]}"/*; do
                name=${file##*/}
                [ "${name}" = wav.scp ] || cp "${file}" "${opt[output_dir]}/${name}"
            done
            awk '{ print $1, 16000 }' "${opt[output_dir]}/wav.scp" > "${opt[output_dir]}/utt2num_samples"
        fi
        ;;
    check_config)
        # Of the YAMLs named on the command line; YAMLs of tests name one thing a kind, on one line.
        declare -A passed=()
        show() {  # show YAML: what it builds on, then its files
            local file=$1 base kind line name value
            [ -z "${passed[$1]:-}" ] || return 0
            passed[$1]=yes
            while [ -n "${file}" ]; do
                printf '%s\tfile\t-\tyaml\t%s\n' "$1" "${file}"
                for kind in tokenizers pretrained; do
                    line=$(sed -n "s/^${kind}: *{\(.*\)}.*/\1/p" "${file}")
                    [ -n "${line}" ] || continue
                    name=${line%%:*} value=${line#*: }
                    if [[ "${value}" == *.yaml ]]; then value=$(dirname "${file}")/${value}; fi
                    if [ "${name}" = acoustic ]; then value=${opt[acoustic]:-${value}}; fi
                    if [[ "${kind} ${arguments}" == pretrained*front_end_dir\ * ]]; then value=${arguments##*front_end_dir }; value=${value%% *}; fi
                    if [[ "${value}" == *.yaml ]]; then show "${value}"; fi
                    printf '%s\t%s\t%s\t-\t%s\n' "$1" "${kind}" "${name}" "${value}"
                done
                line=$(sed -n 's/^preferences: *{\(.*\)}.*/\1/p' "${file}")
                [ -z "${line}" ] || printf '%s\tpreferences\t%s\tplace\t%s\n' "$1" "${line%%:*}" "${line#*: }"
                line=$(sed -n 's/^stored_passes: *//p' "${file}")
                [ -z "${line}" ] || printf '%s\tstored_passes\t-\tplace\t%s\n' "$1" "${line}"
                base=$(sed -n 's/^base: *//p' "${file}")
                file=${base:+$(dirname "${file}")/${base}}
            done
        }
        if [ -n "${opt[print_inputs]:-}" ]; then
            for yaml in ${opt[mixing_config]:-}; do
                sed -n "s|^noise_scp: *|${yaml}\tlists\tnoise_scp\tplace\t|p" "${yaml}" "${positional[@]}"
                exit
            done
            for yaml in ${opt[prerequisite_config]:-} "${positional[@]}" ${opt[tse_config]:-} ${opt[codec_config]:-} \
                ${opt[inference_config]:-}; do
                show "${yaml}"
            done
            for yaml in ${opt[inference_config]:-}; do
                sed -n -e "s|^ratio: oracle$|${yaml}\ttruth\tratio\tplace\toracle|p" \
                    -e "s|^corrector: *|${yaml}\tcorrector\tcorrector\tplace\t|p" \
                    -e "s|^task: *|${yaml}\ttask\t-\tplace\t|p" "${yaml}"
            done
            if [[ "${arguments}" == *--inference_args=*"--task "* ]]; then printf -- '-\ttask\t-\tplace\t%s\n' "${arguments##*--task }"; fi
        fi
        ;;
    validate) echo "${positional[*]}: all is well" ;;
    filter_length) echo "${opt[data_dir]}: all rows kept" ;;
    codec_train | import_codec)
        mkdir -p "${opt[output_dir]}"
        for file in config.yaml model.pth manifest.json; do echo codec > "${opt[output_dir]}/${file}"; done
        ;;
    encode_codes)
        if [ -d "${opt[scp]}" ]; then opt[scp]+=/wav.scp; fi
        sharded "${opt[scp]}" acoustic.scp ''
        echo codec > "${opt[output_dir]}/manifest.json"
        ;;
    mix_set)
        mkdir -p "${opt[output_dir]}"
        cp "${opt[source_dir]}/wav.scp" "${opt[output_dir]}/wav.scp"
        ;;
    resynthesize) sharded "${opt[scp]}" wav.scp '' ;;
    make_preferences)
        mkdir -p "${opt[output_dir]}"
        echo "a a.npz" > "${opt[output_dir]}/preferences.scp"
        ;;
    tse_train)
        mkdir -p "${opt[output_dir]}"
        echo model > "${opt[output_dir]}/config.yaml"
        ;;
    extract) sharded "${opt[mixture_scp]}" wav.scp '' ;;
    score)
        mkdir -p "${opt[output_dir]}"
        echo "{\"system\": \"${opt[system]}\"}" > "${opt[output_dir]}/result.json"
        ;;
    front_end_asr)
        mkdir -p "${opt[output_dir]}"
        echo "{\"rows\": []}" > "${opt[output_dir]}/front_end_asr.json"
        ;;
    report)
        echo results > "${opt[output]}"
        echo page > "${opt[html]}"
        ;;
    pack) echo archive > "${opt[output]}" ;;
    upload) echo "https://hub/${opt[repo]}" ;;
    *) echo "fake_python: unknown module '${module}'"; exit 2 ;;
esac
