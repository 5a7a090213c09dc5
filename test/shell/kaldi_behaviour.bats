bats_require_minimum_version 1.5.0

# Each line of kaldi_behaviour.txt: what the command of it does here, beside what Kaldi's does.

setup() {
    load common.bash
    PATH="${REPO}/utils:${PATH}"
    cd "${BATS_TEST_TMPDIR}"
}

# The folders and lists that the commands of the table name.
make_files() {
    make_data data
    cp -R data segmented
    printf 'a-1 r1 0 1\na-2 r1 1 2\nb-1 r2 0 1\nb-2 r2 1 2\n' > segmented/segments
    printf 'r1 /r1.wav\nr2 /r2.wav\n' > segmented/wav.scp
    printf 'r1 2\nr2 2\n' > segmented/reco2dur
    printf 'r1 r1 A\nr2 r2 A\n' > segmented/reco2file_and_channel
    cp -R data old
    echo "a-1 words" > old/text
    cp -R data other
    sed -i 's/^/p-/' other/wav.scp other/spk[12].scp other/enroll_spk1.scp other/utt2[cn]*
    sed -i 's/.*/p-&/; s/ / p-/' other/utt2spk
    utt2spk_to_spk2utt.pl other/utt2spk > other/spk2utt
    cp -R other lacking
    rm lacking/utt2num_samples
    cp -R data lacking_wav
    sed -i 1d lacking_wav/wav.scp
    cp -R old lacking_text
    cp -R data lacking_duration
    printf 'a-1 1\na-2 1\nb-1 1\n' > lacking_duration/utt2dur
    cp -R data unsorted
    sort -r -o unsorted/wav.scp unsorted/wav.scp
    cp -R data tabs
    sed -i 's/ /\t/' tabs/utt2spk tabs/wav.scp
    cp -R data malformed
    echo "c-1 c c" >> malformed/utt2spk
    cp -R data doubled
    sed -i '1{p;s/audio/else/}' doubled/wav.scp
    cp -R data marked
    sed -i '1s/^/\xef\xbb\xbf/' marked/wav.scp
    printf 'a A\nb B\n' > map
    echo b > speakers
    printf 'a-2\nb-1\n' > utterances
    echo nobody > nobody
}

keys() {  # keys FILE
    if [ "$1" = - ]; then
        [ "${status}" -ne 0 ] || awk '{ print $1 }' <<< "${output}"
    elif [ -f "$1" ]; then
        awk '!/^#/ { print $1 }' "$1"
    elif [ -e "$1" ]; then
        echo "there"
    fi | paste -s -d ' ' -
}

@test "the usual calls do here what they do in Kaldi, or what doc/data_format.md says" {
    mkdir files
    (cd files && make_files)
    faults=0 rows=0
    while IFS= read -r row; do
        [[ "${row}" =~ ^(#|$) ]] && continue
        IFS=$'\x1f' read -r command code file ours ours_file difference <<< "${row// ;; /$'\x1f'}"
        rm -rf case
        cp -R files case
        cd case
        run bash -c "${command}" < /dev/null
        [ -z "${ours}" ] || code=${ours} file=${ours_file}
        name=${file%%:*} expected=${file#*:} found=$(keys "${file%%:*}")
        if [ "${status} ${found}" != "${code} ${expected# }" ]; then
            printf '%s\n' "${command}" "    expected ${code}, ${name}: ${expected# }" "    found    ${status}, ${name}: ${found}" "${output}"
            faults=$((faults + 1))
        fi
        if [ -n "${difference}" ] && ! grep -q "^| ${difference} |" "${REPO}/doc/data_format.md"; then
            echo "doc/data_format.md has no row '${difference}'"
            faults=$((faults + 1))
        fi
        rows=$((rows + 1))
        cd ..
    done < "${REPO}/test/shell/kaldi_behaviour.txt"
    echo "${rows} commands, ${faults} faults"
    [ "${faults}" -eq 0 ] && [ "${rows}" -gt 80 ]
}
