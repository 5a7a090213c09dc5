#!/usr/bin/env bash
# Sourced by the *_data_dir.sh scripts: what the files of a data directory are keyed by.
export LC_ALL=C

data_dir_tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
export PATH="${data_dir_tools}:${PATH}"

die() { echo "${0##*/}: $*" >&2; exit 1; }
usage_error() { echo "${0##*/}: $* (see ${0##*/} --help)" >&2; exit 2; }

# Names of the files of $1 whose lines begin with an utterance. With segments, wav.scp is keyed by recordings.
utterance_files() {
    local file name
    for file in "$1"/*; do
        name=${file##*/}
        [ -f "${file}" ] || continue
        case "${name}" in
            wav.scp) [ -e "$1/segments" ] || echo "${name}" ;;
            cmvn.scp | reco2*) ;;
            *.scp | utt2* | text | text_* | segments) echo "${name}" ;;
        esac
    done
}

# Names of the remaining files: protocol, mixing.yaml and whatever else a corpus keeps there.
other_files() {
    local file name lists
    lists=$(utterance_files "$1")
    for file in "$1"/*; do
        name=${file##*/}
        [ -f "${file}" ] || continue
        grep -qxF -- "${name}" <<< "${lists}" && continue
        case "${name}" in
            wav.scp | cmvn.scp | reco2*) ;;
            spk2*.json) echo "${name}" ;;
            spk2*) ;;
            *) echo "${name}" ;;
        esac
    done
}

# Names of the files keyed by speakers, spk2utt excepted.
speaker_files() {
    local file name
    for file in "$1"/spk2* "$1/cmvn.scp"; do
        name=${file##*/}
        [ -f "${file}" ] || continue
        case "${name}" in
            spk2utt | spk2*.json | spk2.scp) ;;
            *) echo "${name}" ;;
        esac
    done
}

keys() { awk 'NF { print $1 }' "$@"; }

# A folder for temporary files that goes with the script; TMPDIR is honoured.
make_scratch() {
    scratch=$(mktemp -d "${TMPDIR:-/tmp}/data_dir.XXXXXX") || die "cannot make a temporary folder in ${TMPDIR:-/tmp}"
    trap 'rm -rf "${scratch}"' EXIT
}

need_dir() { [ -d "$1" ] || die "$1 is not a folder"; }
need_utt2spk() {
    need_dir "$1"
    [ -s "$1/utt2spk" ] || die "$1/utt2spk is missing or empty"
}

# restrict SRC DST UTTERANCES: writes the rows of SRC that belong to these utterances to DST (SRC may be DST).
restrict() {
    local src=$1 dst=$2 utterances=$3 name
    mkdir -p "${dst}"
    for name in $(utterance_files "${src}"); do
        filter_scp.pl "${utterances}" "${src}/${name}" | sort -u > "${scratch}/rows"
        put "${dst}/${name}"
    done
    utt2spk_to_spk2utt.pl "${dst}/utt2spk" | sort > "${scratch}/rows"
    put "${dst}/spk2utt"
    for name in $(speaker_files "${src}"); do
        filter_scp.pl "${dst}/spk2utt" "${src}/${name}" | sort -u > "${scratch}/rows"
        put "${dst}/${name}"
    done
    if [ -e "${src}/segments" ]; then
        awk '{ print $2 }' "${dst}/segments" | sort -u > "${scratch}/recordings"
        for name in wav.scp $(cd "${src}" && ls reco2* 2> /dev/null); do
            [ -e "${src}/${name}" ] || continue
            filter_scp.pl "${scratch}/recordings" "${src}/${name}" | sort -u > "${scratch}/rows"
            put "${dst}/${name}"
        done
    fi
    [ "${src}" -ef "${dst}" ] && return 0
    for name in $(other_files "${src}"); do cp "${src}/${name}" "${dst}/${name}"; done
}

# put FILE: moves ${scratch}/rows there; the rename within the folder is what readers see.
put() { cp "${scratch}/rows" "$1.tmp" && mv "$1.tmp" "$1"; }
