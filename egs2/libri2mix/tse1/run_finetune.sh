#!/usr/bin/env bash
# The paper's "training data 2": run_dm.sh up to its training, then fine-tuning on Libri2Mix and everything after it.
# Options of its own: --dm_config and --finetune_config, the YAMLs of the two trainings, and --dm, the hours of the first.
# --tse_args (or --enh_args), --tse_tag and --tse_exp are of the second training; all other options go to both.

set -euo pipefail

# shellcheck source-path=SCRIPTDIR source=scripts/run_options.sh
. scripts/run_options.sh
dm=460
dm_config=conf/laura_tse_paper_dm.yaml
finetune_config=conf/laura_tse_paper_finetune.yaml
expdir=exp
tse_args=
enh_args=  # ESPnet's name of tse_args
tse_config=
enh_config=
take_options "dm dm_config finetune_config expdir tse_args enh_args tse_config enh_config" "$@"
if [ -n "${tse_config}${enh_config}" ]; then
    echo "run_finetune.sh: two systems are trained; name them by --dm_config and --finetune_config" >&2
    exit 2
fi

# Codec and decoding of the published system, as in run.sh; others need not fit them.
codec=() decoding=() same_codec=()
if [ "${finetune_config}" = conf/laura_tse_paper_finetune.yaml ]; then
    codec=(--codec_dir ./downloads/funcodec)
    decoding=(--inference_config conf/decode_paper.yaml)
fi

# What the first training makes of its tokenizers' YAMLs is the second's, too: trained anew, on other data, its codes would
# mean something else.
if [ ${#codec[@]} -eq 0 ] && ! has_option --codec_dir --help -h; then
    # shellcheck disable=SC1091
    . ./path.sh
    while IFS=$'\t' read -r name yaml; do
        if [ "${name}" != acoustic ]; then
            echo "run_finetune.sh: ${dm_config} trains its own '${name}' (${yaml}), which the second training would make anew;" \
                "name a trained folder in both YAMLs" >&2
            exit 2
        fi
        codec_tag=$(basename "${yaml%.yaml}")
        same_codec=(--codec_dir "${expdir}/codec_${codec_tag#codec_}")
    done < <(python3 -m espnet_tse.bin.check_config --print_inputs --tse_config "${dm_config}" \
        | awk -F '\t' '$2 == "tokenizers" && $4 == "yaml" { print $3 "\t" $5 }')
fi
if ! has_option --help -h; then
    ./run_dm.sh "${codec[@]}" "${others[@]}" --dm "${dm}" --expdir "${expdir}" --tse_config "${dm_config}" \
        --tse_args "" --tse_tag "" --tse_exp "" --skip_eval true --skip_packing true
fi
# Its own weights, wherever exp is and whatever the YAML says.
weights=${expdir}/tse_$(basename "${dm_config%.yaml}")/valid.loss.ave.pth
exec ./run.sh "${codec[@]}" "${same_codec[@]}" "${decoding[@]}" --tse_tag "$(basename "${finetune_config%.yaml}")" "${others[@]}" --expdir "${expdir}" \
    --tse_config "${finetune_config}" --tse_args "--init_param ${weights}${tse_args:+ ${tse_args}}${enh_args:+ ${enh_args}}"
