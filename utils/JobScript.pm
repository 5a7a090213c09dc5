package JobScript;

# The script that a scheduler runs for each job of an array. It frames the job's log as run.pl does and leaves the exit
# code in the folder of its launch. Two launches of a job never work at the same time, even where the scheduler has
# lost a node that still runs one: a job that is not wanted any more ends itself, and the next one waits for it.

use strict;
use warnings;
use Cwd qw(getcwd);
use JobLine;

# $launch: { line, dialect, script, folder, running, first, beat }
sub write_script {
    my ($launch) = @_;
    my $line = $launch->{line};
    my $command = join " ", map { JobLine::quote_template($line, $_) } @{ $line->{command} };
    # 'a=b command' would set a variable: here every word is an argument, the first the program.
    $command = "command $command" if $line->{command}[0] =~ /=/;
    my $log = JobLine::quote_template($line, $line->{log});
    my $shown = JobLine::quote(join " ", map { JobLine::quote($_) } @{ $line->{command} });
    my ($cwd, $folder, $running) = map { JobLine::quote($_) } getcwd(), $launch->{folder}, $launch->{running};
    my $threads = $line->{options}{"num-threads"} || 1;
    my ($first, $beat, $patience) = ($launch->{first}, $launch->{beat}, 4 * $launch->{beat});
    # Schedulers set the index of a job outside an array to nothing, 0 or 'undefined'.
    my @variables = @{ $launch->{dialect}{index} };
    my $index = join("", map { "\${$_:-" } @variables) . "}" x @variables;
    open my $out, ">", $launch->{script} or JobLine::fail(1, "cannot write $launch->{script}: $!");
    print $out <<"END";
#!/usr/bin/env bash
# Written by $launch->{program}: one job of an array; JOB is its index. The argument is what the scheduler's index lacks.
cd $cwd || exit 1
JOB=$index
if [[ "\${JOB}" =~ ^[1-9][0-9]*\$ ]]; then JOB=\$((JOB + \${1:-0})); else JOB=$first; fi
log=$log
launch=$folder
running=$running/"\${JOB}"
# By this srun would give its steps only the variables that sbatch was told to export.
unset SLURM_EXPORT_ENV
if [ -e ./path.sh ]; then . ./path.sh; fi

# --- One at a time. Whoever works writes to 'running' every $beat s; a file that rests is that of a dead job. ---
host=\$(hostname):\$(readlink /proc/self/ns/pid)  # where process numbers mean the same
me="\${host}:\$\$:job \${SLURM_JOB_ID:-\${JOB_ID:-\${PBS_JOBID:-}}} of \$(date '+%Y-%m-%dT%H:%M:%S')"
pause() { read -rt "\$1" <> <(:) || true; }  # a sleep that leaves no process behind
wanted() { [ -d "\${launch}" ] && [ ! -e "\${launch}/withdrawn" ] && [ ! -e "\${launch}/\${JOB}.withdrawn" ]; }
[ -d "\${launch}" ] || pause 5  # a shared file system may show it late
owner=none rested=0
while :; do
    wanted || { echo "job \${JOB} is not wanted any more: what started it has ended or taken it for lost"; exit 1; }
    if (set -o noclobber; echo "\${me}, 0" > "\${running}") 2> /dev/null; then break; fi
    before=\${owner}
    owner=\$(cat "\${running}" 2> /dev/null)
    if [ "\${owner}" != "\${before}" ]; then
        rested=0
        pid=\${owner#"\${host}":} pid=\${pid%%:*}
        if [[ "\${pid}" =~ ^[0-9]+\$ ]] && ! kill -0 "\${pid}" 2> /dev/null; then
            rm -f "\${running}"
            continue
        fi
    elif [ "\$((rested += 1))" -ge $patience ]; then
        [ -e "\${running}" ] || { echo "cannot write \${running}"; exit 1; }
        rm -f "\${running}"
        continue
    fi
    [ "\${before}" != none ] || echo "job \${JOB} waits for an earlier one: \${owner}"
    pause 1
done
watch() {
    local beats=0 holder missed=0
    trap '' TERM
    while pause $beat; kill -0 \$\$ 2> /dev/null; do
        read -r holder 2> /dev/null < "\${running}"
        # Not at once: a shared file system may be away for a moment.
        if wanted && [ "\${holder%, *}" = "\${me}" ]; then missed=0; else missed=\$((missed + 1)); fi
        if [ "\${missed}" -ge 2 ]; then
            echo "job \${JOB} is not wanted any more, so it ends"
            kill -TERM \$\$
            pause 10
            kill -KILL 0
        fi
        [ "\${missed}" -gt 0 ] || echo "\${me}, \$((beats += 1))" > "\${running}"
    done
}
watch &
watcher=\$!
disown

started=\$(date +%s)
now() { date '+%Y-%m-%dT%H:%M:%S'; }
{ printf '# %s\\n' $shown; echo "# Running on \$(hostname), JOB=\${JOB}"; echo "# Started at \$(now)"; echo '#'; } > "\${log}"
finish() {
    trap '' TERM  # what has ended is not cancelled any more
    elapsed=\$((\$(date +%s) - started))
    echo "# Accounting: time=\${elapsed} threads=$threads" >> "\${log}"
    echo "# Ended (code \$1) at \$(now), elapsed time \${elapsed} seconds" >> "\${log}"
    kill -KILL "\${watcher}" 2> /dev/null
    rm -f "\${running}"
    { echo "\$1" > "\${launch}/\${JOB}.tmp" && mv "\${launch}/\${JOB}.tmp" "\${launch}/\${JOB}"; } 2> /dev/null
    exit "\$1"
}
# Time limits and cancellations come as SIGTERM: the job ends with all that it has started, and the log says so. The
# watcher goes first: bash waits for it, too, where the command has got its signal before.
trap 'trap "" TERM; kill -KILL "\${watcher}" 2> /dev/null; kill -TERM 0; wait "\${child}"; finish 143' TERM
$command < /dev/null >> "\${log}" 2>&1 &
child=\$!
wait "\${child}"
finish \$?
END
    close $out;
    chmod 0755, $launch->{script};
}

1;
