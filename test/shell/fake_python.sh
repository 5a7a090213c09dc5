#!/usr/bin/env bash
# Stands for the interpreter in the tests of tse.sh: '-m espnet_tse.bin.X' writes what X promises, in no time.
# Every call is appended to ${FAKE_CALLS}. FAKE_FAIL='module pattern' makes the calls of that module fail
# whose arguments match the pattern; FAKE_SLEEP='module pattern' makes them wait, their process ids in ${FAKE_CALLS}.pid.

set -euo pipefail
# What only asks is no work, and is not counted.
[[ " $* " == *" espnet_tse.bin.config_files "* ]] || echo "$*" >> "${FAKE_CALLS}"
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
    check_config) ;;
    config_files)
        for yaml in "${positional[@]}"; do
            file=${yaml} value=
            while [ -n "${file}" ]; do
                [ -n "${opt[value]:-}" ] || printf '%s\t%s\n' "${yaml}" "${file}"
                value=${value:-$(sed -n "s/^${opt[value]:-none}: *\([^ #]*\).*/\1/p" "${file}")}
                base=$(sed -n 's/^base: *//p' "${file}")
                file=${base:+$(dirname "${file}")/${base}}
            done
            [ -z "${opt[value]:-}" ] || echo "${value}"
        done
        ;;
    validate) echo "${positional[*]}: all is well" ;;
    filter_length) echo "${opt[data_dir]}: all rows kept" ;;
    codec_train | import_codec)
        mkdir -p "${opt[output_dir]}"
        for file in config.yaml model.pth manifest.json; do echo codec > "${opt[output_dir]}/${file}"; done
        ;;
    encode_codes)
        sharded "${opt[scp]}" codes.scp ''
        echo codec > "${opt[output_dir]}/manifest.json"
        ;;
    resynthesize) sharded "${opt[scp]}" wav.scp '' ;;
    tse_train)
        mkdir -p "${opt[output_dir]}"
        echo model > "${opt[output_dir]}/config.yaml"
        ;;
    extract) sharded "${opt[mixture_scp]}" wav.scp '' ;;
    score)
        mkdir -p "${opt[output_dir]}"
        echo "{\"system\": \"${opt[system]}\"}" > "${opt[output_dir]}/result.json"
        ;;
    report)
        echo results > "${opt[output]}"
        echo page > "${opt[html]}"
        ;;
    pack) echo archive > "${opt[output]}" ;;
    *) echo "fake_python: unknown module '${module}'"; exit 2 ;;
esac
