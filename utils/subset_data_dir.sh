#!/usr/bin/env bash
# Takes some utterances of a data directory, with all its files.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/data_dir.sh"

help_message="Usage: subset_data_dir.sh [--first|--last|--shortest|--speakers|--per-spk] SRC N DST
   or: subset_data_dir.sh --utt-list FILE SRC DST
   or: subset_data_dir.sh --spk-list FILE SRC DST
  (none)      N utterances at equal distances over the sorted list
  --first     the first N utterances of the sorted list
  --last      the last N
  --shortest  the N shortest, by utt2num_samples or utt2dur
  --speakers  whole speakers, until N utterances are reached
  --per-spk   N utterances of each speaker at equal distances, or all it has
More utterances than there are: exit 1. A DST that is there becomes DST/.backup."

mode=even list=
case "${1:-}" in
    --help | -h) echo "${help_message}"; exit 0 ;;
    --first | --last | --shortest | --speakers | --per-spk) mode=${1#--}; shift ;;
    --utt-list | --spk-list)
        [ $# -ge 2 ] || usage_error "$1 needs a file"
        mode=${1#--} list=$2
        shift 2
        [ -r "${list}" ] || die "cannot read ${list}"
        ;;
    --*) usage_error "unknown option $1" ;;
esac
if [ -n "${list}" ]; then
    [ $# -eq 2 ] || usage_error "a source and a destination are expected"
    src=$1 dst=$2 number=0
else
    [ $# -eq 3 ] || usage_error "a source, a number and a destination are expected"
    src=$1 number=$2 dst=$3
    [[ "${number}" =~ ^[1-9][0-9]*$ ]] || usage_error "'${number}' is not a number of utterances"
fi
need_utt2spk "${src}"
make_scratch
new_dir "${dst}" "${src}"

rows_of "${src}" utt2spk | one_value_a_key "${src}/utt2spk" > "${scratch}/utt2spk"
total=$(wc -l < "${scratch}/utt2spk" | tr -d ' ')
case "${mode}" in per-spk | utt-list | spk-list) ;; *)
    [ "${number}" -le "${total}" ] || die "${number} utterances were asked for, ${src} has ${total}" ;;
esac
# Nobody of these stops reading early: see first_few.
case "${mode}" in
    first) awk -v n="${number}" 'NR <= n' "${scratch}/utt2spk" ;;
    last) tail -n "${number}" "${scratch}/utt2spk" ;;
    even) awk -v n="${number}" -v t="${total}" 'int(NR * n / t) > int((NR - 1) * n / t)' "${scratch}/utt2spk" ;;
    speakers) sort -k 2,2 -k 1,1 "${scratch}/utt2spk" \
        | awk -v n="${number}" '$2 != speaker && NR > n { enough = 1 } !enough { speaker = $2; print }' ;;
    per-spk) awk -v n="${number}" 'NR == FNR { count[$2]++; next }
        { step = count[$2] < n ? 1 : int(count[$2] / n); i = seen[$2]++; if (i % step == 0 && i / step < n) print }' \
        "${scratch}/utt2spk" "${scratch}/utt2spk" ;;
    shortest)
        lengths=utt2num_samples
        [ -e "${src}/${lengths}" ] || lengths=utt2dur
        [ -e "${src}/${lengths}" ] || die "--shortest needs ${src}/utt2num_samples or ${src}/utt2dur"
        rows_of "${src}" "${lengths}" | sort -k 2,2n -k 1,1 | awk -v n="${number}" 'NR <= n'
        ;;
    utt-list) rows < "${list}" | filter_scp.pl - "${scratch}/utt2spk" ;;
    spk-list) rows < "${list}" | filter_scp.pl -f 2 - "${scratch}/utt2spk" ;;
esac | keys | sort -u > "${scratch}/chosen"
[ -s "${scratch}/chosen" ] || die "no utterance of ${src} is chosen"
restrict "${src}" "${new}" "${scratch}/chosen"
kept=$(wc -l < "${new}/utt2spk" | tr -d ' ')
publish
echo "${0##*/}: ${src} -> ${dst}: ${kept} of ${total} utterances"
