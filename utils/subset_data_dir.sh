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
  --per-spk   N utterances of each speaker, or all it has
More utterances than there are: exit 1."

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
[ ! "${src}" -ef "${dst}" ] || die "source and destination are the same"
make_scratch

sort "${src}/utt2spk" > "${scratch}/utt2spk"
total=$(wc -l < "${scratch}/utt2spk" | tr -d ' ')
case "${mode}" in per-spk | utt-list | spk-list) ;; *)
    [ "${number}" -le "${total}" ] || die "${number} utterances were asked for, ${src} has ${total}" ;;
esac
case "${mode}" in
    first) sed -n "1,${number}p" "${scratch}/utt2spk" ;;
    last) tail -n "${number}" "${scratch}/utt2spk" ;;
    even) awk -v n="${number}" -v t="${total}" 'int(NR * n / t) > int((NR - 1) * n / t)' "${scratch}/utt2spk" ;;
    speakers) sort -k 2,2 -k 1,1 "${scratch}/utt2spk" \
        | awk -v n="${number}" '$2 != speaker && NR > n { exit } { speaker = $2; print }' ;;
    per-spk) awk -v n="${number}" 'seen[$2]++ < n' "${scratch}/utt2spk" ;;
    shortest)
        lengths=${src}/utt2num_samples
        [ -e "${lengths}" ] || lengths=${src}/utt2dur
        [ -e "${lengths}" ] || die "--shortest needs ${src}/utt2num_samples or ${src}/utt2dur"
        # awk reads on to the end: a closed pipe would fail the script.
        sort -k 2,2n -k 1,1 "${lengths}" | awk -v n="${number}" 'NR <= n'
        ;;
    utt-list) filter_scp.pl "${list}" "${scratch}/utt2spk" ;;
    spk-list) filter_scp.pl -f 2 "${list}" "${scratch}/utt2spk" ;;
esac | keys | sort -u > "${scratch}/chosen"
[ -s "${scratch}/chosen" ] || die "no utterance of ${src} is chosen"
restrict "${src}" "${dst}" "${scratch}/chosen"
echo "${0##*/}: ${src} -> ${dst}: $(wc -l < "${dst}/utt2spk" | tr -d ' ') of ${total} utterances"
