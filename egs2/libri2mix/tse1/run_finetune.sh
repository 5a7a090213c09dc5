#!/usr/bin/env bash
# The paper's "training data 2": run_dm.sh up to its training, then fine-tuning on Libri2Mix and everything after it.
# Options of its own: --dm_config and --finetune_config, the YAMLs of the two trainings, and --dm, the hours of the first.
# --tse_args, --tse_tag and --tse_exp are of the second training; all other options go to both.

set -euo pipefail

dm=460
dm_config=local/conf/laura_tse_paper_dm.yaml
finetune_config=local/conf/laura_tse_paper_finetune.yaml
expdir=exp
tse_args=
both=()
while [ $# -gt 0 ]; do
    name=${1%%=*}
    case "${name}" in
        --dm | --dm_config | --finetune_config | --expdir | --tse_args)
            if [[ "$1" == *=* ]]; then set -- "${name}" "${1#*=}" "${@:2}"; fi
            [ $# -ge 2 ] || { echo "run_finetune.sh: option ${name} needs a value" >&2; exit 2; }
            printf -v "${name#--}" '%s' "$2"
            shift 2
            ;;
        --tse_config)
            echo "run_finetune.sh: two systems are trained; name them by --dm_config and --finetune_config" >&2
            exit 2
            ;;
        *) both+=("$1"); shift ;;
    esac
done

if [[ ! " ${both[*]} " =~ " "(--help|-h)" " ]]; then
    ./run_dm.sh "${both[@]}" --dm "${dm}" --expdir "${expdir}" --tse_config "${dm_config}" \
        --tse_args "" --tse_tag "" --tse_exp "" --skip_eval true --skip_packing true
fi
# As run.sh decodes its own system; another one decodes by default.
decoding=()
if [ "${finetune_config}" = local/conf/laura_tse_paper_finetune.yaml ]; then
    decoding=(--inference_config conf/decode_paper.yaml)
fi
# Its own weights, wherever exp is and whatever the YAML says.
weights=${expdir}/tse_$(basename "${dm_config%.yaml}")/valid.loss.ave.pth
exec ./run.sh "${decoding[@]}" --tse_tag "$(basename "${finetune_config%.yaml}")" "${both[@]}" --expdir "${expdir}" \
    --tse_config "${finetune_config}" --tse_args "--init_param ${weights} ${tse_args}"
