#!/usr/bin/env bash
# Sourced: where the corpora are. A variable of the environment wins over this file, and so does db.local.sh
# in the recipe (not tracked). Empty: the corpus must be named. 'downloads': local/data.sh may fetch it.

LIBRISPEECH=${LIBRISPEECH:-downloads}
LIBRI2MIX=${LIBRI2MIX:-}
LIBRI3MIX=${LIBRI3MIX:-}
LIBRIMIX_METADATA=${LIBRIMIX_METADATA:-}
ENROLLMENT_LISTS=${ENROLLMENT_LISTS:-}
WSJ0=${WSJ0:-}
WSJ0_2MIX=${WSJ0_2MIX:-}
WHAM=${WHAM:-}
WHAMR=${WHAMR:-}
MIXTURE_LISTS=${MIXTURE_LISTS:-}
WHAM_NOISE=${WHAM_NOISE:-}
MUSAN=${MUSAN:-}
DEMAND=${DEMAND:-}
REAL_TSE=${REAL_TSE:-}
URGENT=${URGENT:-}
SPEECH=${SPEECH:-}
NOISE=${NOISE:-}
ROOMS=${ROOMS:-}

WESEP_DATA=${WESEP_DATA:-}

if [ -e db.local.sh ]; then
    # shellcheck disable=SC1091
    . ./db.local.sh
fi
