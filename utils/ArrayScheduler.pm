package ArrayScheduler;

# Submits the jobs of one command line as an array to SLURM, Grid Engine or PBS, waits for all of them, and
# reports like run.pl. Result and log of every job come through the shared file system, so what the
# scheduler remembers of ended jobs does not matter; it is asked only whether unfinished ones still live.

use strict;
use warnings;
use Cwd qw(getcwd);
use File::Basename qw(basename dirname);
use File::Path qw(make_path remove_tree);
use JobLine;
use Watchdog;

# What differs between schedulers. submit: arguments after the configured command; id: in its output;
# alive: the command that lists a job, gone: what it says of one it has forgotten.
my %DIALECTS = (
    slurm => {
        index  => ['SLURM_ARRAY_TASK_ID'],
        submit => sub {
            my ($out, $jobs, $max, $script) = @_;
            my $limit = $max ? "%$max" : "";
            return ("--output=$out", "--open-mode=append", $jobs ? ("--array=" . ranges(@$jobs) . $limit) : (), $script);
        },
        id     => qr/(\d+)/,
        alive  => sub { ("squeue", "-h", "-r", "-o", "%K", "-j", $_[0]) },
        gone   => qr/Invalid job id/i,
        tasks  => 1,
        cancel => "scancel",
    },
    sge => {
        index  => ['SGE_TASK_ID'],
        submit => sub {
            my ($out, $jobs, $max, $script) = @_;
            return ("-o", $out, $jobs ? ("-t", "$jobs->[0]-$jobs->[-1]", $max ? ("-tc", $max) : ()) : (), $script);
        },
        id     => qr/Your job(?:-array)? (\d+)/,
        alive  => sub { ("qstat", "-j", $_[0]) },
        gone   => qr/do(?:es)? not exist/i,
        tasks  => 0,
        cancel => "qdel",
    },
    pbs => {
        index  => ['PBS_ARRAY_INDEX', 'PBS_ARRAYID'],
        submit => sub {
            my ($out, $jobs, $max, $script) = @_;
            my $limit = $max ? "%$max" : "";
            # An array of one is refused by PBS; the script's own default stands for it.
            my @array = $jobs && @$jobs > 1 ? ("-J", "$jobs->[0]-$jobs->[-1]$limit") : ();
            return ("-o", $out, @array, $script);
        },
        id     => qr/^(\d+(?:\[\])?\S*)/m,
        alive  => sub { ("qstat", $_[0]) },
        gone   => qr/unknown job|has finished/i,
        tasks  => 0,
        cancel => "qdel",
    },
);

my $program;
my $watchdog;    # cancels what this program has submitted, should it be killed

sub fail { my ($code, $message) = @_; print STDERR "$program: $message\n"; exit $code }

sub run {
    ($program, my $default_dialect, my $default_config, my $builtin, my @words) = @_;
    my $line = JobLine::parse($program, @words);
    my $max = JobLine::option($line, "max-jobs-run", 0);
    my $check_time = JobLine::option($line, "check-time", 30);
    my $config = read_config($line, $default_config, $builtin);
    my $dialect = $DIALECTS{ $config->{scheduler} || $default_dialect }
        || fail(2, "unknown scheduler '$config->{scheduler}'; take slurm, sge or pbs");
    my @flags = scheduler_flags($line, $config);
    my ($todo, $failed_before) = JobLine::jobs($line);
    my $total = $line->{last} - $line->{first} + 1;
    return JobLine::report($line, $total, @$failed_before) unless @$todo;

    JobLine::make_log_folder(JobLine::fill($line, $line->{log}, $_)) for @$todo;
    my $folder = dirname(JobLine::fill($line, $line->{log}, $todo->[0])) . "/q";
    my $base = basename(JobLine::fill($line, $line->{log}, "JOB"));
    $base =~ s/\.log$//;
    make_path($folder);
    my $work = { script => "$folder/$base.sh", out => "$folder/$base.log", status => "$folder/$base.status.$$" };
    remove_tree($work->{status});
    make_path($work->{status});
    unlink grep { -e } map { JobLine::fill($line, $line->{log}, $_) } @$todo;
    write_script($line, $dialect, $work, $todo->[0]);

    my @jobs = defined $line->{job} ? ($todo) : (undef);
    # Arrays of Grid Engine and PBS are ranges without gaps.
    @jobs = runs(@$todo) if defined $line->{job} && !$dialect->{tasks};
    my @ids;
    $watchdog = Watchdog::start($program, sub { capture($dialect->{cancel}, @_) });
    # While the scheduler takes jobs a signal has to wait for their number: without it they cannot be cancelled.
    my $stopped_by;
    for my $signal (qw(HUP INT TERM)) {
        $SIG{$signal} = sub { $stopped_by = $signal };
    }
    for my $jobs (@jobs) {
        push @ids, submit($dialect, $config->{command}, \@flags, $work, $jobs, $max, \@ids);
        last if defined $stopped_by;
    }
    for my $signal (qw(HUP INT TERM)) {
        $SIG{$signal} = sub { cancel($dialect, $signal, @ids) };
    }
    cancel($dialect, $stopped_by, @ids) if defined $stopped_by;
    my @failed = wait_for($line, $dialect, $work, $todo, $check_time, @ids);
    print $watchdog "-$_\n" for @ids;
    remove_tree($work->{status}) unless @failed;
    return JobLine::report($line, $total, @$failed_before, @failed);
}

# --- Configuration -----------------------------------------------------------------------------------

# Grammar: 'command WORDS', 'option NAME=* FLAGS with $0', 'option NAME=VALUE FLAGS', 'default NAME=VALUE',
# 'scheduler NAME', '#' comments.
sub read_config {
    my ($line, $default_file, $builtin) = @_;
    my $named = delete $line->{options}{config};
    my $file = defined $named ? $named : $default_file;
    my $text = $builtin;
    if (-e $file) {
        open my $handle, "<", $file or fail(2, "cannot read $file: $!");
        local $/;
        $text = <$handle>;
        close $handle;
    } elsif (defined $named) {
        fail(2, "there is no file $file (--config)");
    } else {
        $file = "the built-in configuration";
    }
    my %config = (file => $file, options => {}, any => {}, defaults => {});
    my $number = 0;
    for (split /\n/, $text) {
        $number++;
        s/(^|\s)#.*$//;
        next unless /\S/;
        if (/^\s*command\s+(.*?)\s*$/) { $config{command} = $1 }
        elsif (/^\s*scheduler\s+(\w+)\s*$/) { $config{scheduler} = $1 }
        elsif (/^\s*option\s+([\w-]+)=\*\s*(.*?)\s*$/) { $config{any}{ canonical($1) } = $2 }
        elsif (/^\s*option\s+([\w-]+)=(\S+)\s*(.*?)\s*$/) { $config{options}{ canonical($1) . "=$2" } = $3 }
        elsif (/^\s*default\s+([\w-]+)=(\S+)\s*$/) { $config{defaults}{ canonical($1) } = $2 }
        else { fail(2, "$file, line $number: cannot read '$_'") }
    }
    fail(2, "$file has no 'command' line") unless defined $config{command};
    return \%config;
}

sub canonical { my ($name) = @_; $name =~ tr/_/-/; return $name }

sub scheduler_flags {
    my ($line, $config) = @_;
    my %options = (%{ $config->{defaults} }, %{ $line->{options} });
    my @order = (@{ $line->{order} }, sort grep { !exists $line->{options}{$_} } keys %{ $config->{defaults} });
    my (@flags, @unknown);
    for my $name (@order) {
        next if $name =~ /^(config|pick|max-jobs-run|check-time)$/ || !exists $options{$name};
        my $value = $options{$name};
        if (exists $config->{options}{"$name=$value"}) {
            push @flags, split " ", $config->{options}{"$name=$value"};
        } elsif (exists $config->{any}{$name}) {
            push @flags, map { my $flag = $_; $flag =~ s/\$0/$value/g; $flag } split " ", $config->{any}{$name};
        } else {
            push @unknown, "--$name $value";
        }
    }
    fail(2, "$config->{file} does not describe " . join(", ", @unknown) . "; add an 'option' line") if @unknown;
    return @flags;
}

# --- Submission --------------------------------------------------------------------------------------

sub write_script {
    my ($line, $dialect, $work, $first) = @_;
    my $command = join " ", map { JobLine::quote_template($line, $_) } @{ $line->{command} };
    # 'a=b command' would set a variable: here every word is an argument, the first the program.
    $command = "command $command" if $line->{command}[0] =~ /=/;
    my $log = JobLine::quote_template($line, $line->{log});
    my $cwd = JobLine::quote(getcwd());
    my $status = JobLine::quote($work->{status});
    my $threads = $line->{options}{"num-threads"} || 1;
    my $shown = JobLine::quote(join " ", map { JobLine::quote($_) } @{ $line->{command} });
    # Schedulers set the index of a job outside an array to nothing, 0 or 'undefined'.
    my $index = join "", map { "\${$_:-" } @{ $dialect->{index} };
    $index .= $first . "}" x @{ $dialect->{index} };
    open my $out, ">", $work->{script} or fail(1, "cannot write $work->{script}: $!");
    print $out <<"END";
#!/usr/bin/env bash
# Written by $program: one job of an array; JOB is its index.
cd $cwd || exit 1
JOB=$index
[[ "\${JOB}" =~ ^[1-9][0-9]*\$ ]] || JOB=$first
log=$log
if [ -e ./path.sh ]; then . ./path.sh; fi
started=\$(date +%s)
{ printf '# %s\\n' $shown; echo "# Running on \$(hostname), JOB=\${JOB}"; echo "# Started at \$(date '+%Y-%m-%dT%H:%M:%S')"; echo '#'; } > "\${log}"
finish() {
    elapsed=\$((\$(date +%s) - started))
    echo "# Accounting: time=\${elapsed} threads=$threads" >> "\${log}"
    echo "# Ended (code \$1) at \$(date '+%Y-%m-%dT%H:%M:%S'), elapsed time \${elapsed} seconds" >> "\${log}"
    echo "\$1" > $status/"\${JOB}.tmp" && mv $status/"\${JOB}.tmp" $status/"\${JOB}"
    exit "\$1"
}
# Time limits and cancellations come as SIGTERM: the job ends with all that it has started, and the log says so.
trap 'trap "" TERM; kill -TERM 0; wait "\${child}"; finish 143' TERM
$command < /dev/null >> "\${log}" 2>&1 &
child=\$!
wait "\${child}"
finish \$?
END
    close $out;
    chmod 0755, $work->{script};
}

sub submit {
    my ($dialect, $command, $flags, $work, $jobs, $max, $ids) = @_;
    my @words = (split(" ", $command), @$flags, $dialect->{submit}->($work->{out}, $jobs, $max, $work->{script}));
    my ($code, $output) = capture(@words);
    if (!$code && $output =~ $dialect->{id}) {
        my $id = $1;
        print $watchdog "+$id\n";
        return $id;
    }
    print STDERR $output;
    cancel($dialect, undef, @$ids) if @$ids;
    fail(1, "submission failed (code $code): " . join(" ", map { JobLine::quote($_) } @words));
}

# --- Waiting -----------------------------------------------------------------------------------------

sub wait_for {
    my ($line, $dialect, $work, $todo, $check_time, @ids) = @_;
    my %open = map { $_ => 1 } @$todo;
    my ($pause, $last_check, @failed, %missed) = (0.1, time);
    while (1) {
        for my $job (keys %open) {
            my $code = JobLine::slurp("$work->{status}/$job");
            next unless $code =~ /^(\d+)/;
            delete $open{$job};
            push @failed, $job if $1;
        }
        return @failed unless %open;
        if (time - $last_check >= $check_time) {
            $last_check = time;
            my $alive = alive($dialect, @ids);
            for my $job (keys %open) {
                # A file may be seen later than the queue's news, so one miss is not enough.
                if (!defined $alive || $alive->{all} || $alive->{$job}) { $missed{$job} = 0; next }
                next if ++$missed{$job} < 2;
                my $log = JobLine::fill($line, $line->{log}, $job);
                vanished($log, $ids[0]);
                print STDERR "$program: job $job of @ids left the queue without a result; see $log and $work->{out}\n";
                delete $open{$job};
                push @failed, $job;
            }
            return @failed unless %open;
        }
        select undef, undef, undef, $pause;
        $pause = $pause * 1.3 > 3 ? 3 : $pause * 1.3;
    }
}

sub vanished {
    my ($log, $id) = @_;
    open my $out, ">>", $log or return;
    print $out "# Ended (code 255; job $id left the queue without a result: killed by the scheduler or its node, often for lack of memory: --mem)\n";
    close $out;
}

# Which jobs live: { index => 1 }, { all => 1 } where the scheduler does not tell, undef where it did not answer.
sub alive {
    my ($dialect, @ids) = @_;
    my %alive;
    for my $id (@ids) {
        my ($code, $output) = capture($dialect->{alive}->($id));
        next if $output =~ $dialect->{gone};
        return undef if $code;
        if (!$dialect->{tasks}) { $alive{all} = 1 if $output =~ /\S/ }
        else { /^\s*(\d+)\s*$/ ? $alive{$1} = 1 : /\S/ && ($alive{all} = 1) for split /\n/, $output }
    }
    return \%alive;
}

sub cancel {
    my ($dialect, $signal, @ids) = @_;
    $SIG{$_} = "IGNORE" for qw(HUP INT TERM);
    if (@ids) {
        my ($code, $output) = capture($dialect->{cancel}, @ids);
        print STDERR $code ? "$program: could not cancel @ids: $output" : "$program: cancelled @ids\n";
        unless ($code) { print $watchdog "-$_\n" for @ids }
    }
    return unless defined $signal;
    my %numbers = (HUP => 1, INT => 2, TERM => 15);
    print STDERR "$program: stopped by SIG$signal\n";
    exit 128 + $numbers{$signal};
}

# (exit code, stdout and stderr) of a command, without a shell.
sub capture {
    my (@words) = @_;
    my $pid = open my $from, "-|";
    fail(1, "cannot start a process: $!") unless defined $pid;
    if ($pid == 0) {
        open STDERR, ">&", \*STDOUT;
        { no warnings "exec"; exec { $words[0] } @words; }
        syswrite STDOUT, "cannot run '$words[0]': $!\n";
        require POSIX;
        POSIX::_exit(127);
    }
    local $/;
    my $output = <$from>;
    close $from;
    return ($? >> 8 || $? & 127, defined $output ? $output : "");
}

# --- Index lists -------------------------------------------------------------------------------------

sub runs {    # consecutive numbers as lists
    my @runs;
    for my $number (@_) {
        if (@runs && $runs[-1][-1] == $number - 1) { push @{ $runs[-1] }, $number }
        else { push @runs, [$number] }
    }
    return @runs;
}

sub ranges { return join ",", map { @$_ > 1 ? "$_->[0]-$_->[-1]" : $_->[0] } runs(@_) }

1;
