bats_require_minimum_version 1.5.0

# The batch script of doc/training.md on two nodes, which are this machine: processors instead of GPUs, one process a
# node, a nano system. RECIPE is mini_espeak with codec_nano, stages 1 to 6 done.

setup() {
    load ../shell/common.bash
    PATH="${REPO}/test/shell/fake_slurm:${PATH}"
    export FAKE_SLURM=${BATS_TEST_TMPDIR}/slurm FAKE_SLURM_JOB_ID=$((4000 + $$ % 10000))
    unset FAKE_SLURM_REFUSES FAKE_SLURM_LOSES
    mkdir -p "${FAKE_SLURM}"
    cd "${RECIPE:?}"
    folder=${BATS_TEST_TMPDIR}/tse
    mkdir "${folder}"
    {
        sed -e '/^max_epoch\|^num_iters/d' conf/laura_tse_nano.yaml
        echo 'max_epoch: 3'
        echo 'num_iters_per_epoch: 40'
    } > "${BATS_TEST_TMPDIR}/nano.yaml"
    awk '/^    #!/ { on = 1 } on && /^[^ ]/ { exit } on { print substr($0, 5) }' "${REPO}/doc/training.md" \
        | sed -e 's/ 4 -m espnet_tse.bin.tse_train --ngpu 1/ 1 -m espnet_tse.bin.tse_train --ngpu 0 --dist_backend gloo/' \
            -e "s|conf/laura_tse_small.yaml|${BATS_TEST_TMPDIR}/nano.yaml|; s|exp/tse_laura_tse_small|${folder}|" \
            -e 's/--checkpoint_interval 500/--checkpoint_interval 5/; s/_mini/_nano/g' > "${BATS_TEST_TMPDIR}/job.sh"
}

processes() { pgrep -f -- "--output_dir ${folder}" || [ $? -eq 1 ]; }

@test "the batch script of the document trains on two nodes; cancelled and submitted again it goes on" {
    grep -q -- '--ngpu 0 --dist_backend gloo' "${BATS_TEST_TMPDIR}/job.sh"
    run -0 sbatch "${BATS_TEST_TMPDIR}/job.sh"
    wait_for_line '/2\].* 1/3epoch started' "${folder}/train.log"
    wait_until test -e "${folder}/checkpoint.pth"
    running=$(processes)
    [ "$(wc -w <<< "${running}")" -ge 4 ]
    scancel "${FAKE_SLURM_JOB_ID}"
    # shellcheck disable=SC2086
    gone ${running}
    run ! grep -q 'training was finished' "${folder}/train.log"
    rm "${FAKE_SLURM}/running"
    run -0 sbatch "${BATS_TEST_TMPDIR}/job.sh"
    wait_for_line 'The training was finished at 3 epochs' "${folder}/train.log"
    grep -q 'The training was resumed using' "${folder}/train.log"
    # shellcheck disable=SC2046
    gone $(processes)
    [ -s "${folder}/valid.loss.ave.pth" ]
}
