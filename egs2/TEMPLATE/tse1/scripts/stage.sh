#!/usr/bin/env bash
# Sourced by tse.sh and codec.sh: log lines, the choice of stages, done marks, jobs.
# The caller sets stage_names (number -> name), stage_groups (number -> the --skip_* option of the stage),
# stage, stop_stage, force, dry_run, python, and calls stages_init once.
# shellcheck disable=SC2034,SC2154  # the options are the caller's

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    echo "${0##*/}: bash 4.4 or newer is needed, this is ${BASH_VERSION} (macOS: brew install bash)" >&2
    exit 3
fi

# --- Messages and exit codes: 1 failed, 2 usage, 3 something is missing, 4 invalid data --------------

log() {  # log_depth=N: the line of the N-th caller
    local depth=${log_depth:-0} file
    if ((depth + 2 > ${#FUNCNAME[@]})); then depth=$((${#FUNCNAME[@]} - 2)); fi
    file=${BASH_SOURCE[1 + depth]##*/}
    echo "$(date '+%Y-%m-%dT%H:%M:%S') (${file}:${BASH_LINENO[depth]}:${FUNCNAME[1 + depth]}) $*"
}
warn() { log_depth=1 log "Warning: $*" >&2; }
die() { log_depth=$((${log_depth:-0} + 1)) die_with 1 "$@"; }
die_with() {  # die_with CODE MESSAGE...
    local code=$1
    shift
    log_depth=$((${log_depth:-0} + 1)) log "Error: ${current_stage:+stage ${current_stage}: }$*" >&2
    exit "${code}"
}

on_error() {
    local code=$1 line=$2 command=$3
    # A die in a sub-shell has told its reason already.
    log_depth=1 log "Error: ${current_stage:+stage ${current_stage}: }line ${line}: '${command}' ended with ${code}" >&2
}

on_signal() {  # on_signal NAME CODE: end the running job with us, orphans would go on writing
    trap - ERR
    trap '' INT TERM HUP
    log_depth=1 log "Error: ${current_stage:+stage ${current_stage}: }stopped by SIG$1; run the same command to resume" >&2
    if [ -n "${child:-}" ]; then
        kill -TERM -- "-${child}" 2> /dev/null || true
        # Where the job has got the same signal and is gone, bash's wait would wait for the watchdog.
        while kill -0 "${child}" 2> /dev/null; do sleep 0.1; done
    fi
    exit "$2"
}

# --- Stages ----------------------------------------------------------------------------------------

stage_number() {  # stage_number OPTION NUMBER_OR_NAME
    local number
    if [[ "$2" =~ ^[0-9]+$ ]]; then
        echo "$((10#$2))"
        return
    fi
    for number in "${!stage_names[@]}"; do
        [ "${stage_names[number]}" = "$2" ] && { echo "${number}"; return; }
    done
    die_with 2 "--$1 $2: no such stage; the stages are $(stage_list)"
}

stage_list() {
    local number text=
    for number in "${!stage_names[@]}"; do text+="${text:+, }${number} ${stage_names[number]}"; done
    echo "${text}"
}

stages_init() {
    stage=$(stage_number stage "${stage}")
    stop_stage=$(stage_number stop_stage "${stop_stage}")
    if [ "${stage}" -gt "${stop_stage}" ]; then
        die_with 2 "--stage ${stage} comes after --stop_stage ${stop_stage}, so no stage would be run; exchange them"
    fi
    local last=("${!stage_names[@]}")
    [ "${stage}" -le "${last[-1]}" ] || die_with 2 "--stage ${stage}: no such stage; the stages are $(stage_list)"
    trap 'on_error $? ${LINENO} "${BASH_COMMAND}"' ERR
    trap 'on_signal HUP 129' HUP
    trap 'on_signal INT 130' INT
    trap 'on_signal TERM 143' TERM
    set -E
    # Ends the running job if this script is killed (-9); what run_here starts tells it of itself.
    exec {watchdog}> >(exec utils/watchdog.pl)
    SECONDS=0
}

stage_runs() {  # stage_runs NUMBER: whether the options choose it
    local skip=${stage_groups[$1]:-}
    [ "${stage}" -le "$1" ] && [ "$1" -le "${stop_stage}" ] && { [ -z "${skip}" ] || [ "${!skip}" != true ]; }
}

stage_begins() {  # stage_begins NUMBER WHAT: 0 and a log line if the stage is to run
    if ! stage_runs "$1"; then
        # Of the stages outside a deliberate choice only those the user might miss are worth a line.
        [ "${stage}" -gt "$1" ] || [ "$1" -gt "${stop_stage}" ] \
            || log_depth=1 log "Stage $1 (${stage_names[$1]}): skipped (--${stage_groups[$1]} true)"
        return 1
    fi
    current_stage="$1 (${stage_names[$1]})"
    stage_start=${SECONDS}
    log_depth=1 log "Stage ${current_stage}: $2"
}

stage_ends() {  # stage_ends [WHAT]: "done", or WHAT where the stage did nothing
    "${dry_run}" || log_depth=1 log "Stage ${current_stage}: ${1:-done} [elapsed=$((SECONDS - stage_start))s]"
    current_stage=
}

stages_end() {
    if "${dry_run}"; then
        log_depth=1 log "Dry run: nothing was run or written."
    else
        log_depth=1 log "Successfully finished. [elapsed=${SECONDS}s]"
    fi
}

need() {  # need STAGE PATH...: dies unless every PATH is there; STAGE makes them
    local maker=$1 path message
    shift
    for path in "$@"; do
        [ -e "${path}" ] && continue
        message="${path} is missing; ${maker}"
        if [[ "${maker}" =~ ^[0-9]+$ ]]; then
            # In a dry run nothing is made, so what a chosen stage would make is not missed.
            if "${dry_run}" && stage_runs "${maker}"; then continue; fi
            message="${path} is missing; run stage ${maker} (${stage_names[maker]}) first"
        fi
        "${dry_run}" || log_depth=2 die_with 3 "${message}"
        echo "  (${message})"
    done
}

# --- Done marks --------------------------------------------------------------------------------------
# DIR/.done.NAME holds the options and the hashes of the inputs that DIR was made from; while the work
# goes on it is DIR/.started.NAME, so a dead job resumes if, and only if, nothing has changed. From before
# anything is discarded until the mark, DIR is locked: two runs neither mix their work nor mark that of each other.

# Steps that write other results than an earlier version of this toolkit did; what that one left is done again.
declare -A version_of=([format]=3 [validate]=2 [decode]=2 [resynthesis]=2 [mixture]=2 [score]=2)

sha256() { if command -v sha256sum > /dev/null; then sha256sum; else shasum -a 256; fi; }

# audio_hash LIST_OR_FOLDER: sizes and times of the files that it names; their samples are not read. Of a folder all
# lists count, also those from before the filter, and spk2enroll.json. An entry in an archive stands for the archive, a
# command for the files among its words.
audio_hash() {
    local lists=("$1") file
    [ -e "$1" ] || { echo missing; return; }  # in a dry run
    if [ -d "$1" ]; then
        lists=()
        for file in "$1"/*.scp "$1"/.unfiltered/*.scp "$1"/{,.unfiltered/}spk2enroll.json; do
            if [ -f "${file}" ]; then lists+=("${file}"); fi
        done
    fi
    perl -e 'my %entries;
        for my $list (@ARGV) {
            open my $lines, "<", $list or die "$list: $!\n";
            while (<$lines>) {
                s/\s+$//;
                if ($list =~ /\.json$/) { $entries{$_} = 1 for /"([^"]+)"/g; }
                elsif (/^\S+\s+(.+)$/) { $entries{$1} = 1; }
            }
        }
        for my $entry (sort keys %entries) {
            my @files = $entry =~ /^(.*\S)\s*\|$/ ? grep({ -f } split(" ", $1)) : ($entry);
            if (@files == 1 && !-e $files[0]) { $files[0] =~ s/:\d+$//; }
            print "$entry";
            print " @{[(stat)[7, 9]]}" for @files;
            print "\n";
        }' "${lists[@]}" | sha256 | cut -c 1-64
}

content_hash() {  # of a file, or of the files right under a folder (names and contents)
    local file
    if [ -d "$1" ]; then
        for file in "$1"/*; do
            [ -f "${file}" ] || continue
            echo "${file##*/}"
            cat "${file}"
        done | sha256 | cut -c 1-64
    elif [ -e "$1" ]; then
        sha256 < "$1" | cut -c 1-64
    else
        echo missing
    fi
}

declare -A config_files=()  # YAML -> itself and its bases, a line each
note_config_files() {  # fills config_files from the inputs of the run; a change in a base is a change of the YAML
    local yaml kind file
    config_files=()
    while IFS=$'\t' read -r yaml kind _ _ file; do
        if [ "${kind}" = file ]; then config_files[${yaml}]+=${config_files[${yaml}]:+$'\n'}${file}; fi
    done < <(printf '%s\n' "${inputs[@]}")
}

inputs_record() {  # @PATH is an input, %PATH the audio that a list or a folder names, NAME=VALUE an option
    local item path file
    for item in "$@"; do
        case "${item}" in
            @*)
                path=${item#@}
                while IFS= read -r file; do printf 'input %s %s\n' "${file}" "$(content_hash "${file}")"; done \
                    <<< "${path:+${config_files[${path}]-${path}}}"
                ;;
            %*) printf 'audio %s %s\n' "${item#%}" "$(audio_hash "${item#%}")" ;;
            *) printf 'option %s\n' "${item}" ;;
        esac
    done
}

changed_inputs() {  # changed_inputs OLD_RECORD NEW_TEXT: names of what differs
    LC_ALL=C comm -3 <(LC_ALL=C sort "$1") <(LC_ALL=C sort <<< "$2") \
        | sed -e 's/^[[:space:]]*//' -e 's/^input //' -e 's/^audio /audio of /' -e 's/ [0-9a-f]\{64\}$//' -e 's/ missing$//' \
            -e 's/^option \([^=]*\)=.*/--\1/' -e 's/^version .*/version of the toolkit/' | LC_ALL=C sort -u \
        | awk '{ line[NR] = $0; there[$0] }
            END { for (i = 1; i <= NR; i++) {  # where a list differs, so does what it names
                list = line[i]
                if (!sub(/^audio of /, "", list) || !(list in there)) print line[i]
            } }' | paste -s -d ' ' -
}

made_from() {  # made_from DIR NAME ITEM...: whether DIR is done and these ITEMs are among what it was made from
    local mark=$1/.done.$2
    shift 2
    [ -e "${mark}" ] && [ -z "$(LC_ALL=C comm -23 <(inputs_record "$@" | LC_ALL=C sort) <(LC_ALL=C sort "${mark}"))" ]
}

inputs_changed() {  # inputs_changed RECORD: the inputs in it that are not any more what they were
    local kind rest now
    while read -r kind rest; do
        case "${kind}" in
            input) now=$(content_hash "${rest% *}") ;;
            audio) now=$(audio_hash "${rest% *}") ;;
            *) continue ;;
        esac
        [ "${now}" = "${rest##* }" ] || echo "${rest% *}"
    done < "$1"
}

# --- Locks -------------------------------------------------------------------------------------------

declare -A lock_of=()  # DIR -> descriptor of its lock, which this run holds; what it starts inherits it

try_lock() {  # try_lock DESCRIPTOR: 0 locked, 1 another run has it, 2 the file system has no locks
    perl -MFcntl=:flock -MErrno=EWOULDBLOCK -e 'open my $lock, ">&=", $ARGV[0] or exit 2;
        exit(flock($lock, LOCK_EX | LOCK_NB) ? 0 : $! == EWOULDBLOCK ? 1 : 2)' "$1"
}

# lock_dir POLICY DIR: this run alone works on DIR until unlock_dir. A training is not waited for.
lock_dir() {
    local dir=$2 file descriptor answer=0
    if [ -n "${lock_of[${dir}]:-}" ]; then return 0; fi
    # Beside DIR, which may be moved away; what lies right in the recipe is never moved.
    if [[ "${dir}" == */* ]]; then file=${dir%/*}/.lock.${dir##*/}; else file=${dir}/.lock; fi
    mkdir -p "$(dirname "${file}")" || log_depth=2 die "cannot make $(dirname "${file}")"
    { exec {descriptor}>> "${file}"; } 2> /dev/null \
        || log_depth=2 die "cannot write ${file}; make room, fix its rights, or work in a folder of your own (--expdir, --dumpdir)"
    try_lock "${descriptor}" || answer=$?
    if [ "${answer}" -eq 1 ] && [ "$1" = aside ]; then
        log_depth=2 die "another run writes to ${dir} (ps shows a training as tse_train or codec_train); wait for it or end it"
    fi
    if [ "${answer}" -eq 1 ]; then log_depth=2 log "  ${dir}: waiting for another run that works on it"; fi
    while [ "${answer}" -eq 1 ]; do
        sleep 1
        answer=0
        try_lock "${descriptor}" || answer=$?
    done
    if [ "${answer}" -eq 2 ]; then log_depth=1 warn "no locks where ${file} is; see that no second run works on ${dir}"; fi
    lock_of[${dir}]=${descriptor}
}

unlock_dir() {  # unlock_dir DIR
    local descriptor=${lock_of[$1]:-}
    if [ -n "${descriptor}" ]; then exec {descriptor}>&-; fi
    unset "lock_of[$1]"
}

# needed POLICY DIR NAME ITEM...: 1 and "up to date" if DIR was made from these ITEMs, else 0, a begun mark and a lock.
# If DIR was made from others, or --force true, POLICY says what becomes of it first: remove, aside or keep.
# What fails ends the run: its callers ask "needed ... || return 0", so set -e does not hold in here.
needed() {
    local policy=$1 dir=$2 name=$3 record old='' why=''
    shift 3
    record=$(inputs_record "$@" && echo "${version_of[${name}]:+version ${version_of[${name}]}}")
    # First without a lock: what is up to date may lie in a folder that is not ours to write.
    if ! "${force}" && [ ! -e "${dir}/.started.${name}" ] && [ -s "${dir}/.done.${name}" ] \
        && [ "$(cat "${dir}/.done.${name}")" = "${record}" ]; then
        log_depth=1 log "  ${dir}: up to date (${name})"
        return 1
    fi
    "${dry_run}" || lock_dir "${policy}" "${dir}"
    if [ -e "${dir}/.done.${name}" ]; then old=${dir}/.done.${name}; fi
    if [ -e "${dir}/.started.${name}" ]; then old=${dir}/.started.${name}; fi
    if [ -n "${old}" ]; then
        if "${force}"; then
            why="--force true"
        elif [ ! -s "${old}" ]; then
            log_depth=1 die "${old} is empty, as after a full disk, so it is not known what ${dir} was made from; remove it to go" \
                "on from what is there, or begin anew with --force true"
        elif [ "$(cat "${old}")" != "${record}" ]; then
            why="changed: $(changed_inputs "${old}" "${record}")"
        elif [ "${old}" = "${dir}/.done.${name}" ]; then
            log_depth=1 log "  ${dir}: up to date (${name})"  # another run has made it meanwhile
            unlock_dir "${dir}"
            return 1
        else
            log_depth=1 log "  ${dir}: resuming (${name})"
        fi
    fi
    if [ -n "${why}" ]; then
        log_depth=1 log "  ${dir}: redone (${name}), ${why}"
        "${dry_run}" || discard "${policy}" "${dir}" "${name}" || log_depth=1 die "cannot move ${dir} out of the way"
    fi
    "${dry_run}" && return 0
    mkdir -p "${dir}" || log_depth=1 die "cannot make ${dir}"
    remove_remains "${dir}" || log_depth=1 die "cannot remove what an earlier run has left in ${dir}"
    { printf '%s\n' "${record}" > "${dir}/.started.${name}.tmp" && [ -s "${dir}/.started.${name}.tmp" ] \
        && mv "${dir}/.started.${name}.tmp" "${dir}/.started.${name}"; } \
        || log_depth=1 die "cannot write ${dir}/.started.${name}; make room or fix the rights of ${dir}"
}

# What a run that was killed has left of DIR: files under temporary names, and a folder half removed.
remove_remains() {  # remove_remains DIR
    rm -rf "$1.removed.tmp" && find "$1" -name '.*.tmp' -prune -exec rm -rf {} +
}

discard() {  # discard POLICY DIR NAME
    local number=1
    case "$1" in
        # Renamed first: a part of a folder must not pass for the whole one.
        remove) rm -rf "$2.removed.tmp" && mv "$2" "$2.removed.tmp" && rm -rf "$2.removed.tmp" ;;
        aside)
            while [ -e "$2.old.${number}" ]; do number=$((number + 1)); done
            mv "$2" "$2.old.${number}" && log_depth=2 log "  the earlier one is kept as $2.old.${number}"
            ;;
        keep) rm -f "$2/.done.$3" "$2/.started.$3" ;;
    esac
}

mark_done() {  # mark_done DIR NAME: the begun mark becomes the done one, and the lock ends
    local changed
    "${dry_run}" && return 0
    changed=$(inputs_changed "$1/.started.$2" | paste -s -d ' ' -)
    if [ -n "${changed}" ]; then
        # A training has read its inputs when it began; a YAML may be edited for the next one while it goes on.
        [[ "$2" == train || "$2" == codec ]] \
            || log_depth=1 die "${changed} changed while $1 was made from it; run the same command again"
        log_depth=1 warn "${changed} changed after this training began; ${1}/config.yaml holds the options it used"
    fi
    mv "$1/.started.$2" "$1/.done.$2" || log_depth=1 die "cannot write $1/.done.$2"
    unlock_dir "$1"
}

claim_dump() {  # the sets of two recipes in one dumpdir would replace each other
    local owner='' here
    here=$(pwd -P)
    if [[ "${dumpdir}" != /* && "${dumpdir}" != *..* && ! -L "${dumpdir%%/*}" ]]; then return 0; fi  # within this recipe
    if [ -s "${dumpdir}/.owner" ]; then owner=$(cat "${dumpdir}/.owner"); fi
    if [ "${owner}" = "${here}" ]; then return 0; fi
    if [ -n "${owner}" ] && [ -e "${owner}/run.sh" ]; then
        die_with 2 "--dumpdir ${dumpdir} holds the sets of ${owner}; name another folder"
    fi
    "${dry_run}" && return 0
    mkdir -p "${dumpdir}" || die "cannot make ${dumpdir}"
    { echo "${here}" > "${dumpdir}/.owner.tmp" && mv "${dumpdir}/.owner.tmp" "${dumpdir}/.owner"; } \
        || die "cannot write ${dumpdir}/.owner"
}

# --- Jobs --------------------------------------------------------------------------------------------

stop_with_child() {  # Ctrl-Z, and what continues it, reach the group of this script only
    stopped=true
    if [ -n "${child:-}" ]; then kill -TSTP -- "-${child}" 2> /dev/null || true; fi
    trap - TSTP
    kill -TSTP "${BASHPID}"  # here it stops
    trap stop_with_child TSTP
    if [ -n "${child:-}" ]; then kill -CONT -- "-${child}" 2> /dev/null || true; fi
}

# In a process group of its own and waited for, so that a signal to this script, and its death, reach all of it.
run_here() {
    local code stopped
    if "${dry_run}"; then
        printf '  would run:'
        printf ' %q' "$@"
        echo
        return 0
    fi
    trap stop_with_child TSTP
    perl -e 'setpgrp(0, 0); open my $watchdog, ">&=", shift @ARGV or die $!; syswrite $watchdog, "+$$\n";
        exec { $ARGV[0] } @ARGV or die "cannot run $ARGV[0]: $!\n"' -- "${watchdog}" "$@" &
    child=$!
    while :; do
        stopped=false code=0
        wait "${child}" || code=$?
        # Ctrl-Z ends the waiting, not what is waited for.
        "${stopped}" || break
    done
    trap - TSTP
    [ "${code}" -ne 137 ] \
        || log_depth=1 warn "'$1' was killed (signal 9): usually the machine ran out of memory; use fewer jobs or smaller batches"
    # Its own processes may have outlived a command that failed.
    [ "${code}" -eq 0 ] || kill -TERM -- "-${child}" 2> /dev/null || true
    echo "-${child}" >&"${watchdog}"
    child=
    return "${code}"
}

last_lines() {  # last_lines LOG...: the end of the first log whose job did not end well
    local file
    for file in "$@"; do
        grep -q '^# Ended (code 0' "${file}" 2> /dev/null && continue
        echo "---- last ${tail_lines:-20} lines of ${file}" >&2
        # Our torchrun names the process that failed first, behind what the others have said since; PyTorch's own words
        # about the end of its processes hide both.
        if [ -e "${file}" ]; then
            awk -v most="${tail_lines:-20}" '/torch[.\/]distributed[.\/]elastic/ { next }
                /^torchrun: error: rank/ && !told { told = 1; n = 0 }
                { line[n++ % most] = $0 }
                END { for (i = n > most ? n - most : 0; i < n; i++) print line[i % most] }' "${file}" >&2
        else
            echo "there is no such file: the job was not started" >&2
        fi
        echo "----" >&2
        return 0
    done
}

# run_jobs "BACKEND [OPTIONS]" N LOG COMMAND...: N jobs (JOB=1:N, 0: a single one without JOB); dies if one fails.
# exit_as=CODE set by the caller changes the exit code.
run_jobs() {
    local words number=$2 log=$3 range=() logs=() job
    read -ra words <<< "$1"
    shift 3
    if [ "${number}" -gt 0 ]; then
        range=("JOB=1:${number}")
        for ((job = 1; job <= number; job++)); do logs+=("${log//JOB/${job}}"); done
    else
        logs=("${log}")
    fi
    run_here "${words[@]}" "${range[@]}" "${log}" "$@" && return 0
    last_lines "${logs[@]}"
    log_depth=1 die_with "${exit_as:-1}" "a job failed; its log is ${log//JOB/*}. Fix the cause and run the same command again"
}

clamp() {  # clamp NUMBER SCP: no more jobs than keys
    local lines=$1
    if [ -s "$2" ]; then lines=$(awk 'END { print NR }' "$2"); fi
    echo $((lines < $1 ? lines : $1))
}

# threads_of "BACKEND [OPTIONS]" N: N, or what one job of the backend can have where that is less. A single job with more
# threads than any node has would wait for ever, unlike an array of N.
threads_of() {
    local words
    read -ra words <<< "$1"
    utils/max_threads.pl "$2" "${words[@]}" || die_with 2 "the options of '$1' cannot be read (see above)"
}

# run_shards BACKEND NJ SCP DIR NAME COMMAND...: COMMAND --shard JOB/N as an array, then COMMAND --merge N.
# The number of shards of an interrupted run is kept: its shards are valid for that number only.
run_shards() {
    local backend=$1 shards scp=$3 dir=$4 name=$5 pick="--pick failed"
    shards=$(clamp "$2" "${scp}")
    shift 5
    # The backend would write the job's number there.
    [[ "${dir} $*" != *JOB* ]] \
        || die_with 2 "'JOB' stands for the number of a job; leave it out of the names of folders, files and options: ${dir} $*"
    if [ -s "${dir}/.shards.${name}" ]; then shards=$(cat "${dir}/.shards.${name}"); fi
    [ "${shards}" -gt 0 ] || die_with 4 "${scp} is empty"
    "${dry_run}" || echo "${shards}" > "${dir}/.shards.${name}"
    "${dry_run}" || log_depth=2 log "  ${shards} jobs; their logs are ${dir}/log/${name}.*.log"
    # Where the shards ended well and yet could not be joined, all are run again: each makes what it lacks.
    if [ -e "${dir}/.joining.${name}" ]; then pick=; fi
    run_jobs "${backend} ${pick}" "${shards}" "${dir}/log/${name}.JOB.log" "$@" --shard "JOB/${shards}"
    "${dry_run}" || : > "${dir}/.joining.${name}"
    run_jobs "${backend}" 0 "${dir}/log/${name}_merge.log" "$@" --merge "${shards}"
    "${dry_run}" || rm "${dir}/.joining.${name}"
}

check_keys() {  # check_keys EXPECTED_SCP PRODUCED_SCP LOGS: dies if a key of the first is not in the second
    local missing
    "${dry_run}" && return 0
    [ -e "$2" ] || die "$2 was not written; read $3"
    missing=$(LC_ALL=C comm -23 <(awk '{ print $1 }' "$1" | LC_ALL=C sort) <(awk '{ print $1 }' "$2" | LC_ALL=C sort))
    [ -z "${missing}" ] && return 0
    die "$2 lacks $(wc -l <<< "${missing}" | tr -d ' ') keys of $1 ($(head -n 3 <<< "${missing}" | paste -s -d ' ' -) ...);" \
        "read $3, then run the stage with --force true"
}

split_args() {  # split_args ARRAY TEXT: words of TEXT, quotes honoured, nothing evaluated; 1: a quote is left open
    local -n words_=$1
    mapfile -d '' -t words_ < <(perl -MText::ParseWords -e 'print map { "$_\0" } shellwords($ARGV[0])' -- "$2")
    # Of a text that it cannot split, shellwords gives no words.
    [ ${#words_[@]} -gt 0 ] || [[ "$2" != *[![:space:]]* ]]
}

rotate_log() {  # the log of the run before becomes NAME.1.log, and so on
    local base=${1%.log} number
    if "${dry_run}" || [ ! -e "$1" ]; then return 0; fi
    for number in 3 2 1; do
        [ ! -e "${base}.${number}.log" ] || mv "${base}.${number}.log" "${base}.$((number + 1)).log"
    done
    mv "$1" "${base}.1.log"
}

write_resume() {  # write_resume DIR STAGE: DIR/run.sh repeats this run from STAGE on
    "${dry_run}" && return 0
    {
        echo '#!/usr/bin/env bash'
        echo "# Resumes from stage $2; more options may follow."
        printf 'cd %q || exit 1\n' "${PWD}"
        printf 'exec %q' "${0}"
        printf ' %q' "${command_line[@]}"
        # shellcheck disable=SC2016  # for the script that is written
        printf ' --stage %s "$@"\n' "$2"
    } > "$1/run.sh.tmp"
    chmod +x "$1/run.sh.tmp"
    mv "$1/run.sh.tmp" "$1/run.sh"
}

# --- Options -----------------------------------------------------------------------------------------

settle_options() {  # checks what every pipeline is given and fills in what follows from it
    local option words named=()
    for option in train_set valid_set test_sets; do
        [ -n "${!option}" ] || die_with 2 "--${option} is required; run.sh of the recipe names it"
    done
    for option in ngpu num_nodes num_procs num_threads; do
        [[ "${!option}" =~ ^[0-9]+$ ]] || die_with 2 "--${option} takes a whole number, not '${!option}'"
    done
    for option in local_data_opts validate_opts tse_args codec_args inference_args score_opts front_end_asr_opts report_opts; do
        split_args words "${!option-}" \
            || die_with 2 "--${option}: a quote is not closed, or a backslash ends it: ${!option}"
    done
    for option in nj inference_nj; do
        [[ "${!option}" =~ ^([1-9][0-9]*)?$ ]] || die_with 2 "--${option} takes a number of jobs, not '${!option}'"
    done
    # What reaches run_shards, refused before days of training; of a YAML and its options what makes up the folder's name.
    named=(python dumpdir expdir train_set valid_set test_sets codec_dir codec_tag codec_exp tse_exp tse_tag
        inference_config inference_args inference_tag inference_model)
    if [ -z "${tse_exp-}${tse_tag-}" ]; then named+=(tse_config tse_args); fi
    if [ -z "${codec_exp-}${codec_tag-}" ]; then named+=(codec_config codec_args); fi
    for option in "${named[@]}"; do
        [[ "${!option-}" != *JOB* ]] \
            || die_with 2 "--${option} ${!option}: 'JOB' stands for the number of a job; choose another name"
    done
    [[ "${audio_format}" =~ ^(flac|wav)$ ]] || die_with 2 "--audio_format takes flac or wav, not '${audio_format}'"
    [[ "${seed}" =~ ^[0-9]*$ ]] || die_with 2 "--seed takes a whole number, not '${seed}'"
    sample_rate=${fs/%k/000}
    [[ "${sample_rate}" =~ ^[1-9][0-9]*$ ]] || die_with 2 "--fs takes 16k, 8k or a rate in Hz, not '${fs}'"
    if [ -z "${nj}" ]; then
        nj=32
        # More jobs than processors only add start-up time where they share one machine.
        if [[ "${train_cmd}" == *run.pl* ]]; then nj=$(utils/num_cpus.pl) && nj=$((nj < 32 ? nj : 32)); fi
    fi
    inference_nj=${inference_nj:-${nj}}
    if "${dry_run}" && [ ! -e "data/${train_set}/wav.scp" ] && [ ! -e "${dumpdir}/raw/${train_set}/wav.scp" ]; then
        log "Dry run without data: CLEAN.scp stands for spk1.scp, or for wav.scp of a set that is mixed while training;"
        log "  scoring will also be given enroll_spk1.scp, spk2.scp, text and utt2spk where a set has them"
    fi
}

check_repository() {  # before anything is trained for an upload that cannot be
    [[ "${hf_repo}" =~ ^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$ ]] \
        || die_with 2 "--hf_repo '${hf_repo}': stage 13 (upload) wants a repository of the hub, owner/name"
    "${python}" -c 'import huggingface_hub' 2> /dev/null || die "stage 13 (upload) needs: pip install -e '.[hub]'"
}

# tag_of FILE OPTIONS: a file's base name and what its options change, in characters that are safe in a path.
tag_of() {
    local tag
    tag=$(basename "${1%.yaml}")${2:+_$2}
    tag=$(tr -s ' ' '_' <<< "${tag//--/}" | tr -cd 'A-Za-z0-9._+=-')
    if [ ${#tag} -gt 120 ]; then tag=${tag:0:111}-$(sha256 <<< "${tag}" | cut -c 1-8); fi
    echo "${tag}"
}
# --- Help --------------------------------------------------------------------------------------------

options_help() {  # options_help SCRIPT: the lines 'name=default  # text' between '# Options' and parse_options
    awk '
        /^# Options/ { on = 1; next }
        on && /^\. / { exit }
        !on { next }
        /^# / { sub(/^# /, ""); printf "\n%s\n", $0; next }
        /^[a-z][a-z0-9_]*=/ {
            name = $0; sub(/=.*/, "", name)
            value = substr($0, length(name) + 2)
            text = value
            if (!sub(/^.*[ \t]# /, "", text)) text = ""
            sub(/[ \t]+# .*$/, "", value); gsub(/^"|"$/, "", value)
            printf "  --%-22s %s (default: %s)\n", name, text, value == "" ? "none" : value
        }' "$1"
}

presets_help() {  # presets_help WORD...: what was set before --help, as a recipe's run.sh does
    local word
    # Only then: the words of a call that asks for no help may hold misspelt options, which are no help.
    [ $# -gt 1 ] && [[ " $* " =~ " "(--help|-h)" " ]] || return 0
    printf '\nSet by this call: by run.sh, then on the command line; the last one wins'
    for word in "$@"; do
        case "${word}" in
            --help | -h) ;;
            --*[[:space:]]*) printf ' %q' "${word}" ;;  # a value: options for another program
            --*) printf '\n  %s' "${word}" ;;
            *) printf ' %q' "${word}" ;;
        esac
    done
    printf '\n'
}

stages_help() {
    local number
    printf '\nStages (--stage and --stop_stage take numbers or names)\n'
    for number in "${!stage_names[@]}"; do
        printf '  %2d %-13s %s\n' "${number}" "${stage_names[number]}" "${stage_texts[number]}"
    done
}
