#!/usr/bin/env bash
# Copies a data directory, all files of it, giving utterances or speakers a prefix or suffix if asked.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/data_dir.sh"

spk_prefix=   # before speaker names
utt_prefix=   # before utterance names
spk_suffix=   # after speaker names
utt_suffix=   # after utterance names
help_message="Usage: copy_data_dir.sh [--spk-prefix P] [--utt-prefix P] [--spk-suffix S] [--utt-suffix S] SRC DST
Every file with utterances as keys (*.scp, utt2*, text*, segments) is copied and renamed; DST/utt2uniq maps to the old names."
. "${data_dir_tools}/parse_options.sh"
[ $# -eq 2 ] || usage_error "a source and a destination are expected"
src=$1 dst=$2
need_utt2spk "${src}"
[ ! "${src}" -ef "${dst}" ] || die "source and destination are the same"
make_scratch
mkdir -p "${dst}"

awk -v p="${utt_prefix}" -v s="${utt_suffix}" '{ print $1, p $1 s }' "${src}/utt2spk" > "${scratch}/utt_map"
awk -v p="${spk_prefix}" -v s="${spk_suffix}" '{ print $2, p $2 s }' "${src}/utt2spk" | sort -u > "${scratch}/spk_map"

for name in $(utterance_files "${src}"); do
    apply_map.pl -f 1 "${scratch}/utt_map" < "${src}/${name}" > "${scratch}/renamed" \
        || die "${src}/${name} has utterances that utt2spk lacks; run fix_data_dir.sh ${src}"
    if [ "${name}" = utt2spk ]; then
        apply_map.pl -f 2 "${scratch}/spk_map" < "${scratch}/renamed" > "${scratch}/speakers"
        mv "${scratch}/speakers" "${scratch}/renamed"
    fi
    sort "${scratch}/renamed" > "${scratch}/rows"
    put "${dst}/${name}"
done
utt2spk_to_spk2utt.pl "${dst}/utt2spk" | sort > "${scratch}/rows"
put "${dst}/spk2utt"
for name in $(speaker_files "${src}"); do
    apply_map.pl -f 1 --permissive "${scratch}/spk_map" < "${src}/${name}" | sort > "${scratch}/rows"
    put "${dst}/${name}"
done
if [ -n "${utt_prefix}${utt_suffix}" ] && [ ! -e "${src}/utt2uniq" ]; then
    awk '{ print $2, $1 }' "${scratch}/utt_map" | sort > "${scratch}/rows"
    put "${dst}/utt2uniq"
fi
# Recordings keep their names.
if [ -e "${src}/segments" ] && [ -e "${src}/wav.scp" ]; then cp "${src}/wav.scp" "${dst}/wav.scp"; fi
for name in $(other_files "${src}") $(cd "${src}" && ls reco2* 2> /dev/null || true); do
    cp "${src}/${name}" "${dst}/${name}"
done
echo "${0##*/}: ${src} -> ${dst}: $(wc -l < "${dst}/utt2spk" | tr -d ' ') utterances"
