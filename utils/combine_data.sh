#!/usr/bin/env bash
# Joins data directories of different utterances into one.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/data_dir.sh"

extra_files=      # further lists to join
skip_fix=false    # keep utterances that some lists lack, too
strict=true       # a file that only some sources have is an error; false: it is left out, saying so
python=python3    # joins spk2enroll.json
help_message="Usage: combine_data.sh [--extra-files 'F ...'] [--skip-fix true] [--strict false] [--python P] DST SRC ...
Joins every list (*.scp, utt2*, text*, segments, reco2*, spk2gender ...) and spk2enroll.json, and keeps the utterances that
all lists know, as fix_data_dir.sh does. --strict false leaves a list or mixing.yaml out that only some of the sources have,
or that differs; with --strict true (default) it is an error. An utterance in two sources is an error.
A DST that is there becomes DST/.backup."
. "${data_dir_tools}/parse_options.sh"
[ $# -ge 2 ] || usage_error "a destination and at least one source are expected"
dst=$1
shift
for src in "$@"; do need_utt2spk "${src}"; done
make_scratch
new_dir "${dst}" "$@"

twice=$(for src in "$@"; do keys_of "${src}" utt2spk; done | sort | uniq -d | first_few)
[ -z "${twice}" ] || die "utterances are in more than one source: ${twice}; rename them by copy_data_dir.sh --utt-prefix"
# As in Kaldi, a source without segments gets some where another has them, or wav.scp would mix recordings and utterances.
segmented=false
for src in "$@"; do [ ! -e "${src}/segments" ] || segmented=true; done
if "${segmented}"; then
    for src in "$@"; do
        [ -e "${src}/segments" ] || [ -e "${src}/utt2dur" ] \
            || die "segments is not in ${src}, but in another source; write ${src}/utt2dur (seconds), which it is made of"
    done
fi

# Which files there are, and what keeps one from being joined.
for src in "$@"; do utterance_files "${src}"; recording_files "${src}"; speaker_files "${src}"; done > "${scratch}/names"
for name in ${extra_files}; do echo "${name}"; done >> "${scratch}/names"
for src in "$@"; do other_files "${src}"; done | sort -u | comm -23 - <(sort -u "${scratch}/names") > "${scratch}/others"
faults=0
leave_out() {  # leave_out NAME WHY
    if "${strict}"; then
        echo "${0##*/}: $1 $2" >&2
        faults=$((faults + 1))
    else
        echo "${0##*/}: $1 is left out, it $2"
    fi
}
lists=() same=()
while IFS= read -r name; do
    lacking=
    for src in "$@"; do [ -e "${src}/${name}" ] || [[ "${name}" =~ ^(utt2uniq|segments)$ ]] || lacking+=" ${src}"; done
    if [ -n "${lacking}" ]; then leave_out "${name}" "is not in:${lacking}"; else lists+=("${name}"); fi
done < <(sort -u "${scratch}/names")
# What describes a whole list (protocol, mixing.yaml) holds for the joined one if all sources agree.
while IFS= read -r name; do
    [ "${name}" != spk2enroll.json ] || continue
    for first in "$@"; do [ ! -e "${first}/${name}" ] || break; done
    differing=
    for src in "$@"; do cmp -s "${first}/${name}" "${src}/${name}" || differing+=" ${src}"; done
    why="is another one than ${first}'s, or none, in:${differing}"
    if [ -z "${differing}" ]; then
        same+=("${name}")
    elif [ "${name}" = mixing.yaml ]; then
        # It decides what kind of set the folder is.
        leave_out "${name}" "${why}"
    else
        echo "${0##*/}: ${name} is left out, it ${why}"
    fi
done < "${scratch}/others"
[ "${faults}" -eq 0 ] || die "nothing was written; make the sources alike, or pass --strict false to leave these out"

joined=${scratch}/joined_dir
mkdir "${joined}"
for name in "${lists[@]}"; do
    for src in "$@"; do
        if [ -e "${src}/${name}" ]; then
            rows_of "${src}" "${name}"
        elif [ "${name}" = utt2uniq ]; then
            # Utterances that were never renamed stand for themselves.
            keys_of "${src}" utt2spk | awk '{ print $1, $1 }'
        else
            rows_of "${src}" utt2dur | awk '{ print $1, $1, 0, $2 }'
        fi
    done | one_value_a_key "${name} of all sources" > "${joined}/${name}"
done
utt2spk_to_spk2utt.pl "${joined}/utt2spk" | sort > "${joined}/spk2utt"
for name in ${same[@]+"${same[@]}"}; do cp "$1/${name}" "${joined}/${name}"; done
enrollments=()
for src in "$@"; do [ ! -e "${src}/spk2enroll.json" ] || enrollments+=("${src}/spk2enroll.json"); done
if [ ${#enrollments[@]} -gt 0 ]; then
    "${python}" "${data_dir_tools}/merge_spk2enroll.py" "${joined}/spk2enroll.json" "${enrollments[@]}" \
        || die "spk2enroll.json cannot be joined; nothing was written"
fi
if "${skip_fix}"; then
    cp "${joined}"/* "${new}/"
else
    common_utterances "${joined}" "$*"
    restrict "${joined}" "${new}" "${scratch}/common"
fi
total=$(wc -l < "${new}/utt2spk" | tr -d ' ')
publish
echo "${0##*/}: ${dst}: ${total} utterances of $# sources"
