#!/usr/bin/env bash
# Sourced by tse.sh ahead of utils/parse_options.sh: options of ESPnet's own tse.sh become ours, each with one line that
# says what it became (doc/from_espnet.md). Reads and sets "$@" of the caller.
# shellcheck disable=SC2034  # variables that the table names are the caller's

# ESPnet's name -> ours; "-TEXT": read, without effect; "!TEXT": refused, for it would change results in silence.
declare -A espnet_options=(
    [enh_config]=tse_config
    [enh_args]=tse_args
    [enh_tag]=tse_tag
    [enh_exp]=tse_exp
    [inference_enh_config]=inference_config
    [skip_upload_hf]=skip_upload
    [scoring_opts]=score_opts
    [ref_num]="-every enroll_spk<n>.scp of a set is a target"
    [lang]="-no model of ours asks for it"
    [feats_type]="-all data are waveforms"
    [enh_speech_fold_length]="-batch_size and crop_s of the YAML make the batches"
    [variable_num_refs]="-every enroll_spk<n>.scp of a set is a target"
    [scoring_protocol]="!name metrics by --score_opts \"--metrics si_sdr,stoi\""
    [init_param]="!name it by --tse_args \"--init_param FILE\""
    [download_model]="!name the folder or archive by --tse_exp, or decode with espnet-tse extract --model"
    [score_with_asr]="!name a recogniser by --asr"
    [extra_wav_list]="!all lists of audio are formatted as they are"
    [ref_channel]="!all audio is mono"
)

espnet_words=()
while [ $# -gt 0 ]; do
    espnet_word=$1
    shift
    # Behind "--" or a positional argument nothing is an option.
    if [[ "${espnet_word}" = -- || "${espnet_word}" != -* ]]; then
        espnet_words+=("${espnet_word}" "$@")
        break
    fi
    espnet_value=()
    espnet_name=${espnet_word#--}
    if [[ "${espnet_word}" = *=* ]]; then
        espnet_value=("${espnet_word#*=}")
        espnet_name=${espnet_name%%=*}
    elif [[ "${espnet_word}" != --help && "${espnet_word}" != -h && $# -gt 0 ]]; then
        espnet_value=("$1")
        shift
    fi
    espnet_meaning=
    if [[ "${espnet_name}" =~ ^[a-z][a-z_-]*$ ]]; then espnet_meaning=${espnet_options[${espnet_name//-/_}]:-}; fi
    case "${espnet_meaning}" in
        "") if [[ "${espnet_word}" = *=* ]]; then espnet_value=(); fi
            espnet_words+=("${espnet_word}" "${espnet_value[@]}") ;;
        -*) echo "${0##*/}: --${espnet_name} of ESPnet has no effect: ${espnet_meaning#-}" >&2 ;;
        !*) echo "${0##*/}: --${espnet_name} of ESPnet: ${espnet_meaning#!} (see doc/from_espnet.md)" >&2
            exit 2 ;;
        *)  echo "${0##*/}: --${espnet_name} of ESPnet is --${espnet_meaning} here" >&2
            espnet_words+=("--${espnet_meaning}" "${espnet_value[@]}") ;;
    esac
done
set -- "${espnet_words[@]}"
unset espnet_options espnet_words espnet_word espnet_value espnet_name espnet_meaning
