#!/usr/bin/env bash
# Stage 1 of mini_librispeech: a folder in LibriSpeech layout, or OpenSLR-31 -> data/{train,dev,test}
set -euo pipefail

log() { echo "$(date '+%Y-%m-%dT%H:%M:%S') (${0##*/}) $*"; }

usage() {
    cat << EOF
Usage: local/data.sh [--data_dir data] [--dev_mixtures 60] [--test_mixtures 60] [--seed 0] ...
LIBRISPEECH (environment, db.sh or db.local.sh) names a folder with subsets in LibriSpeech layout; 'downloads'
fetches mini LibriSpeech (OpenSLR-31, 459 MB) into downloads/.
Every option goes to local/prepare_mini_librispeech.py; see its --help.
EOF
}

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
    usage
    exit 0
fi

SECONDS=0
unset CDPATH  # in its folders cd would look first, and it would print where it goes
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -e ./path.sh ]; then
    # shellcheck source=/dev/null
    . ./path.sh
fi
if [ -e ./db.sh ]; then
    # shellcheck source=/dev/null
    . ./db.sh
fi

# Sizes and sums as published with OpenSLR-31 (md5sum.txt there).
url=${LIBRISPEECH_URL:-https://www.openslr.org/resources/31}
parts=(train-clean-5 dev-clean-2)
sums=(5df7d4e78065366204ca6845bb08f490 6d7ab67ac6a1d2c993d050e16d61080d)
sizes=("333 MB" "126 MB")

# md5 of a file, with what Linux or macOS have
md5_of() {
    if command -v md5sum > /dev/null; then
        md5sum "$1" | cut -d ' ' -f 1
    else
        md5 -q "$1"
    fi
}

# fetch URL FILE: resumes a broken download
fetch() {
    if command -v curl > /dev/null; then
        curl --fail --location --retry 3 --continue-at - --output "$2" "$1"
    elif command -v wget > /dev/null; then
        wget --continue --tries 3 --output-document "$2" "$1"
    else
        log "Error: neither curl nor wget is installed; fetch $1 into downloads/ by hand" >&2
        return 1
    fi
}

download() {
    local i part archive
    mkdir -p downloads
    for i in "${!parts[@]}"; do
        part=${parts[i]} archive=downloads/${parts[i]}.tar.gz
        if [ -e "downloads/LibriSpeech/${part}/.complete" ]; then
            log "${part}: there already"
            continue
        fi
        if [ ! -e "${archive}" ]; then
            log "${part}: downloading ${sizes[i]} from ${url}"
            if ! fetch "${url}/${part}.tar.gz" "${archive}.part"; then
                log "Error: ${url}/${part}.tar.gz could not be fetched; run again to resume, or set" \
                    "LIBRISPEECH to a folder in LibriSpeech layout" >&2
                exit 3
            fi
            mv "${archive}.part" "${archive}"
        fi
        if [ "$(md5_of "${archive}")" != "${sums[i]}" ]; then
            mv "${archive}" "${archive}.bad"
            log "Error: ${archive} has another md5 than ${sums[i]}; it is now ${archive}.bad," \
                "run again to fetch it" >&2
            exit 3
        fi
        log "${part}: unpacking"
        tar -xzf "${archive}" -C downloads
        touch "downloads/LibriSpeech/${part}/.complete"
    done
}

corpus=${LIBRISPEECH:-downloads}
if [ "${corpus}" = downloads ]; then
    download
    corpus=downloads/LibriSpeech
elif [ ! -d "${corpus}" ]; then
    log "Error: LIBRISPEECH='${corpus}' is not a folder; name one in LibriSpeech layout," \
        "or set it to 'downloads'" >&2
    exit 3
fi

"${python:-python3}" local/prepare_mini_librispeech.py --librispeech "${corpus}" "$@"
log "Successfully finished. [elapsed=${SECONDS}s]"
