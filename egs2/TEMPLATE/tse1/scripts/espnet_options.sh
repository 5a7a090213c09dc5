#!/usr/bin/env bash
# Sourced by tse.sh ahead of utils/parse_options.sh: options of ESPnet's own tse.sh and enh.sh become ours, each with one line
# that says what it became (doc/from_espnet.md). Reads and sets "$@" of the caller.
# shellcheck disable=SC2034  # variables that the table names are the caller's

# ESPnet's name -> ours; "-TEXT": read, without effect; "!TEXT": refused unless it is false or empty, for it would change
# results in silence.
declare -A espnet_options=(
    [enh_config]=tse_config
    [enh_args]=tse_args
    [enh_tag]=tse_tag
    [enh_exp]=tse_exp
    [inference_enh_config]=inference_config
    [skip_upload_hf]=skip_upload
    [scoring_opts]=score_opts
    [ref_num]="-every enroll_spk<n>.scp of a set is a target"
    [spk_num]="-every enroll_spk<n>.scp of a set is a target"
    [is_tse_task]="-every system here extracts a target"
    [lang]="-no model of ours asks for it"
    [feats_type]="-all data are waveforms"
    [enh_speech_fold_length]="-batch_size and crop_s of the YAML make the batches"
    [variable_num_refs]="-every enroll_spk<n>.scp of a set is a target"
    [scoring_protocol]="!name metrics by --score_opts \"--metrics si_sdr,stoi\""
    [init_param]="!name it by --tse_args \"--init_param FILE\""
    [download_model]="!name the folder or archive by --tse_exp, or decode with espnet-tse extract --model"
    [score_with_asr]="!name a recogniser by --asr"
    [use_noise_ref]="!noise<n>.scp of a set is read by the checks only; systems learn to output spk<n>.scp"
    [noise_type_num]="-every noise<n>.scp of a set is read, by the checks"
    [use_dereverb_ref]="!list the dry speech in spk<n>.scp: it is what systems learn to output"
    [dereverb_ref_num]="-spk<n>.scp lists what systems learn to output, dry speech too"
    [dynamic_mixing]="!a training set with a mixing.yaml is mixed while training (doc/data_format.md)"
    [use_preprocessor]="-crop_s and enrollment_s of the YAML are always applied"
    [extra_wav_list]="!all lists of audio are formatted as they are"
    [ref_channel]="!all audio is mono"
)
# They count with score_with_asr alone.
for espnet_name in asr_exp lm_exp nlsyms_txt inference_asr_{model,tag,config,args} inference_lm; do
    espnet_options[${espnet_name}]="-it is of ESPnet's recogniser; name ours by --asr"
done

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
        !*) if [[ ${#espnet_value[@]} -eq 1 && "${espnet_value[0]}" =~ ^(false)?$ ]]; then
                echo "${0##*/}: --${espnet_name} of ESPnet has no effect: it is switched off" >&2
                continue
            fi
            echo "${0##*/}: --${espnet_name} of ESPnet: ${espnet_meaning#!} (see doc/from_espnet.md)" >&2
            exit 2 ;;
        *)  echo "${0##*/}: --${espnet_name} of ESPnet is --${espnet_meaning} here" >&2
            espnet_words+=("--${espnet_meaning}" "${espnet_value[@]}") ;;
    esac
done
set -- "${espnet_words[@]}"
other_options=$(printf -- '--%s ' "${!espnet_options[@]}")  # of parse_options.sh, for what is misspelt
unset espnet_options espnet_words espnet_word espnet_value espnet_name espnet_meaning
