#!/usr/bin/env bash
# Stage 1 of wesep: the data folder of a WeSep recipe (shards and lists) -> data/{train,dev,test}
set -euo pipefail

train_dir="train-100"   # WeSep's folder of the training set, in WESEP_DATA
train_list="shard.list" # its list of shards; shard_online.list for single speakers
dev_dir="dev"
test_dir="test"
help_message="Usage: local/data.sh [--train_dir train-100] [--train_list shard.list] [--dev_dir dev] [--test_dir test]
WESEP_DATA (environment, db.sh or db.local.sh) names the data folder of a WeSep recipe whose stages 1 and 2 have run, as
examples/librimix/tse/v2/data/clean. The shards are unpacked into data/<set>/audio, as large as they are; a broken run is
resumed. Relative paths in WeSep's lists are looked for from here and from the folders above the list."

# shellcheck source-path=SCRIPTDIR source=../../../TEMPLATE/tse1/scripts/data_script.sh
. scripts/data_script.sh

need_folder WESEP_DATA "it names the data folder of a WeSep recipe, in the environment or in db.local.sh"

SECONDS=0
prepare() { "${python}" local/prepare_wesep.py "$@"; }
# Enrollments of the training set are drawn anew for every row; those of dev and test are WeSep's own choice.
prepare --wesep_dir "${WESEP_DATA}/${train_dir}" --shard_list "${train_list}" --output_dir data/train
prepare --wesep_dir "${WESEP_DATA}/${dev_dir}" --fixed_enrollments --output_dir data/dev
prepare --wesep_dir "${WESEP_DATA}/${test_dir}" --fixed_enrollments --output_dir data/test
log "Successfully finished. [elapsed=${SECONDS}s]"
