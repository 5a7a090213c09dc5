package ArrayScheduler;

# Submits the jobs of one command line as arrays to SLURM, Grid Engine or PBS, waits for all of them, and
# reports like run.pl. Result and log of every job come through the shared file system, so what the
# scheduler remembers of ended jobs does not matter; it is asked only whether unfinished ones still live, and why
# jobs wait or were ended.

use strict;
use warnings;
use File::Basename qw(basename dirname);
use File::Glob qw(bsd_glob);
use File::Path qw(make_path remove_tree);
use Sys::Hostname qw(hostname);
use JobLine;
use JobScript;
use SchedulerConfig;
use SchedulerDialect;
use Watchdog;

my %NUMBERS = (HUP => 1, INT => 2, TERM => 15);

my $program;
my $watchdog;    # cancels what this program has submitted, should it be killed
my $stopped_by;  # the signal that came while jobs were submitted

sub run {
    ($program, my @words) = @_;
    my $line = JobLine::parse($program, @words);
    my $config = SchedulerConfig::read_config($program, $line);
    my $dialect = SchedulerDialect::named($config->{scheduler});
    my @flags = SchedulerConfig::flags($line, $config);
    my ($todo, $failed_before) = JobLine::jobs($line);
    my $total = $line->{last} - $line->{first} + 1;
    return JobLine::report($line, $total, @$failed_before) unless @$todo;

    my $launch = open_launch($line, $dialect, $todo);
    $launch->{words} = [split(" ", $config->{command}), @flags];
    $watchdog = Watchdog::start($program, sub { end_jobs($launch, grep { $_ ne $launch->{token} } @_) });
    print $watchdog "+$launch->{token}\n";
    # While the scheduler takes jobs a signal has to wait for their number: without it they cannot be cancelled.
    for my $signal (qw(HUP INT TERM)) {
        $SIG{$signal} = sub { $stopped_by = $signal };
    }
    submit_all($launch);
    for my $signal (qw(HUP INT TERM)) {
        $SIG{$signal} = sub { stop($launch, $signal) };
    }
    stop($launch, $stopped_by) if defined $stopped_by;
    my @failed = wait_for($launch);
    print $watchdog "-$_\n" for $launch->{token}, ids($launch);
    # A job that was lost may still run somewhere and has to see that nobody wants it.
    if ($launch->{lost}) { withdraw($launch) }
    else { remove_tree($launch->{folder}) }
    return JobLine::report($line, $total, @$failed_before, @failed);
}

# The files of this launch: script and the scheduler's own log are those of the command, the folder of results is new.
sub open_launch {
    my ($line, $dialect, $todo) = @_;
    JobLine::make_log_folder(JobLine::fill($line, $line->{log}, $_)) for @$todo;
    my $name = basename(JobLine::fill($line, $line->{log}, "JOB"), ".log");
    my $base = dirname(JobLine::fill($line, $line->{log}, $todo->[0])) . "/q/$name";
    my $check_time = JobLine::option($line, "check-time", 30);
    my ($host, $beat) = (hostname(), int($check_time / 3));
    $host =~ s/[^A-Za-z0-9-].*//;
    my $token = join ".", $host, $$, time;
    my $launch = {
        program => $program, line => $line, dialect => $dialect, todo => $todo, first => $todo->[0], token => $token,
        script => "$base.sh", out => "$base.log", running => "$base.running", folder => "$base.$token",
        written_before => -s "$base.log" || 0, check_time => $check_time, beat => $beat < 1 ? 1 : $beat > 10 ? 10 : $beat,
        arrays => [], lost => 0,
    };
    # Of launches that have ended; to a job of theirs, should one be left, this says the same as the file in it.
    remove_tree(map { dirname($_) } bsd_glob(quotemeta($base) . ".*/withdrawn"));
    make_path($launch->{folder}, $launch->{running});
    unlink grep { -e } map { JobLine::fill($line, $line->{log}, $_) } @$todo;
    JobScript::write_script($launch);
    return $launch;
}

sub ids { my ($launch) = @_; return map { $_->{id} } @{ $launch->{arrays} } }

sub described { my ($launch) = @_; return join " ", ids($launch) }

# --- Submission --------------------------------------------------------------------------------------

sub submit_all {
    my ($launch) = @_;
    my ($line, $dialect) = @{$launch}{qw(line dialect)};
    my @arrays = ({ jobs => undef, offset => 0 });
    @arrays = SchedulerDialect::arrays($dialect, limit_of($dialect), @{ $launch->{todo} }) if defined $line->{job};
    my $max = JobLine::option($line, "max-jobs-run", 0);
    my $after;
    for my $array (@arrays) {
        my @arguments = $dialect->{submit}->({ %$launch, %$array, max => $max, after => $after });
        $array->{id} = submit($launch, $array, @{ $launch->{words} }, @arguments);
        return unless defined $array->{id};
        push @{ $launch->{arrays} }, $array;
        print $watchdog "+$array->{id}\n";
        return if defined $stopped_by;
        # Each array has the limit for itself, so they run one after the other.
        $after = $array->{id} if $max;
    }
}

sub limit_of {
    my ($dialect) = @_;
    return undef unless $dialect->{limit};
    my ($command, $pattern, $usual) = @{ $dialect->{limit} };
    my ($code, $output) = JobLine::capture(@$command);
    return !$code && $output =~ $pattern ? $1 : $usual;
}

# The number of the jobs, undef if a signal ended the attempts.
sub submit {
    my ($launch, $array, @words) = @_;
    my $dialect = $launch->{dialect};
    my ($patience, $pause, $since) = (60 * $launch->{check_time}, $launch->{check_time} / 6, time);
    my $told;
    while (1) {
        my ($code, $output) = JobLine::capture(@words);
        return defined $1 ? $1 : $2 if !$code && $output =~ $dialect->{id};
        my ($answered, $id) = found($launch, $array->{offset});
        return $id if defined $id;
        if ($code && $output !~ $dialect->{busy} || !$code && $answered || time - $since >= $patience) {
            print STDERR $output;
            withdraw($launch);
            end_jobs($launch, ids($launch)) if @{ $launch->{arrays} };
            JobLine::fail(1, "submission failed (code $code): " . join(" ", map { JobLine::quote($_) } @words));
        }
        $told ||= print STDERR "$program: the scheduler does not take jobs now; trying again for $patience s: $output";
        do {
            select undef, undef, undef, $pause;
            return undef if defined $stopped_by;
            $pause = $pause * 2 > 60 ? 60 : $pause * 2;
            # It may have taken the jobs although its answer was lost: they are sent again when it says that it has not.
            ($answered, $id) = found($launch, $array->{offset});
            return $id if defined $id;
        } until $answered || time - $since >= $patience;
    }
}

# (whether the scheduler answered, number of the jobs that it has of this launch and offset). One that cannot be asked
# has said so by 'busy' already.
sub found {
    my ($launch, $offset) = @_;
    my $dialect = $launch->{dialect};
    return (1, undef) unless $dialect->{found};
    my ($command, $pattern) = $dialect->{found}->("$offset $launch->{token}");
    my ($code, $output) = JobLine::capture(@$command);
    return (!$code, !$code && $output =~ $pattern ? $1 : undef);
}

# --- Waiting -----------------------------------------------------------------------------------------

# The jobs that failed.
sub wait_for {
    my ($launch) = @_;
    # open: jobs without a result; ending: those of them that something has killed, and when that was seen; missed: how
    # often the scheduler did not know them; ended_by: state -> jobs that it has ended; told: reasons of waits.
    my %watch = (open => { map { $_ => 1 } @{ $launch->{todo} } }, map { $_ => {} } qw(ending missed ended_by told));
    $watch{failed} = [];
    my ($pause, $begun, $last_check, $last_look) = (0.1, time, time, time);
    while (1) {
        read_results($launch, \%watch);
        my $due = time - $last_check >= $launch->{check_time};
        if (%{ $watch{open} } && ($due || %{ $watch{ending} } && time > $last_look)) {
            $last_look = time;
            $last_check = time if $due;
            my $states = states($launch, $watch{open});
            judge_killed($launch, \%watch, $states);
            find_lost($launch, \%watch, $states) if $due;
            tell_waits($launch, $states, $begun, $watch{told}) if $due && time - $begun >= 2 * $launch->{check_time};
        }
        last unless %{ $watch{open} };
        select undef, undef, undef, $pause;
        $pause = $pause * 1.3 > 3 ? 3 : $pause * 1.3;
    }
    tell_ends($launch, $watch{ended_by});
    return @{ $watch{failed} };
}

sub numbers { return sort { $a <=> $b } keys %{ $_[0] } }

sub read_results {
    my ($launch, $watch) = @_;
    for my $job (numbers($watch->{open})) {
        next if $watch->{ending}{$job} || JobLine::slurp("$launch->{folder}/$job") !~ /^(\d+)/;
        # Something has killed it; why, SLURM says a little later.
        if ($launch->{dialect}{ended} && ($1 == 143 || $1 == 137)) { $watch->{ending}{$job} = time; next }
        delete $watch->{open}{$job};
        push @{ $watch->{failed} }, $job if $1;
    }
}

sub judge_killed {
    my ($launch, $watch, $states) = @_;
    for my $job (numbers($watch->{ending})) {
        my $state = state_of($states, $job);
        if (SchedulerDialect::is_waiting($state)) {
            print STDERR "$program: job $job of ", described($launch), " was put back into the queue and will run again\n";
            unlink "$launch->{folder}/$job";
            delete $watch->{ending}{$job};
        } elsif (SchedulerDialect::is_over($state) || $state eq "gone" || time - $watch->{ending}{$job} > 60) {
            delete $watch->{ending}{$job};
            has_failed($launch, $watch, $job, $states);
        }
    }
}

sub find_lost {
    my ($launch, $watch, $states) = @_;
    for my $job (grep { !$watch->{ending}{$_} } numbers($watch->{open})) {
        my $state = state_of($states, $job);
        my $missed = $state eq "gone" || SchedulerDialect::is_over($state);
        $watch->{missed}{$job} = $missed ? ($watch->{missed}{$job} || 0) + 1 : 0;
        # A file may be seen later than the queue's news, so one miss is not enough.
        next if $watch->{missed}{$job} < 2;
        lose($launch, $job);
        has_failed($launch, $watch, $job, $states);
    }
}

sub has_failed {
    my ($launch, $watch, $job, $states) = @_;
    push @{ $watch->{ended_by}{ note_end($launch, $job, $states) } }, $job;
    push @{ $watch->{failed} }, $job;
    delete $watch->{open}{$job};
}

# What the scheduler says of the arrays that hold open jobs: { index => [state, reason, number of its own] }, { all => 1 }
# where it tells no more than that some live (and note: why they wait), undef where it does not answer.
sub states {
    my ($launch, $open) = @_;
    my $dialect = $launch->{dialect};
    my %states;
    for my $array (@{ $launch->{arrays} }) {
        next unless grep { $open->{$_} } @{ $array->{jobs} || $launch->{todo} };
        my ($code, $output) = JobLine::capture($dialect->{alive}->($array->{id}));
        if ($output =~ $dialect->{gone}) {
            next unless $dialect->{ended};
            my ($command, $pattern) = $dialect->{ended}->($array->{id});
            (my $no_records, $output) = JobLine::capture(@$command);
            next if $no_records;
            /$pattern/ and $states{ $1 eq "" ? $launch->{first} : $1 + $array->{offset} } = [$2, "", ""] for split /\n/, $output;
            next;
        }
        return undef if $code;
        if (!$dialect->{ended}) {
            $states{all} = 1 if $output =~ /\S/;
            $states{note} = $1 if $dialect->{note} && $output =~ $dialect->{note};
            next;
        }
        for (split /\n/, $output) {
            /^\s*(\d+|N\/A)\|(\w+)\|(\d*)\|(.*)$/ or next;
            $states{ $1 eq "N/A" ? $launch->{first} : $1 + $array->{offset} } = [$2, $4, $3];
        }
    }
    return \%states;
}

sub state_of {
    my ($states, $job) = @_;
    return "unknown" if !defined $states || $states->{all};
    return $states->{$job} ? $states->{$job}[0] : "gone";
}

sub tell_waits {
    my ($launch, $states, $begun, $told) = @_;
    my %waiting;
    # Only where none has begun: of others Grid Engine says the same as of those.
    my $note = $states && $states->{note};
    if (defined $note && !bsd_glob(quotemeta($launch->{running}) . "/*") && !$told->{$note}++) {
        print STDERR "$program: after ", time - $begun, " s the jobs of ", described($launch), " wait: $note\n";
    }
    for my $job (grep { /^\d/ } keys %{ $states || {} }) {
        my ($state, $reason) = @{ $states->{$job} };
        $waiting{$reason}++ if $state eq "PENDING" && SchedulerDialect::meaning_of_wait($reason);
    }
    for my $reason (sort grep { !$told->{$_}++ } keys %waiting) {
        print STDERR "$program: after ", time - $begun, " s $waiting{$reason} of ", scalar @{ $launch->{todo} }, " jobs (",
            described($launch), ") wait: $reason: ", SchedulerDialect::meaning_of_wait($reason), "\n";
    }
}

sub lose {
    my ($launch, $job) = @_;
    $launch->{lost}++;
    withdraw($launch, $job);
    my $log = JobLine::fill($launch->{line}, $launch->{line}{log}, $job);
    my ($array) = grep { grep { $_ == $job } @{ $_->{jobs} || $launch->{todo} } } @{ $launch->{arrays} };
    if (open my $out, ">>", $log) {
        print $out "# Ended (code 255; job $array->{id} left the queue without a result: killed by the scheduler or its node, ",
            "often for lack of memory: --mem)\n";
        close $out;
    }
    print STDERR "$program: job $job of ", described($launch), " left the queue without a result; see $log and $launch->{out}\n";
}

# The state in which a job has ended. Its log then names who ended it, with the scheduler's own words.
sub note_end {
    my ($launch, $job, $states) = @_;
    my $number = $states && $states->{$job} ? $states->{$job}[2] : "";
    my @words = $number ne "" ? own_words($launch, $number) : ();
    my $state = SchedulerDialect::state_in_words(state_of($states, $job), "@words");
    my $why = SchedulerDialect::meaning_of_end($state);
    if (defined $why and open my $out, ">>", JobLine::fill($launch->{line}, $launch->{line}{log}, $job)) {
        print $out "# The scheduler ended this job, $state: $why; its own words are in $launch->{out}\n", map { "# $_\n" } @words;
        close $out;
    }
    return $state;
}

# What the scheduler has written of one job since this launch began.
sub own_words {
    my ($launch, $number) = @_;
    my $written = JobLine::slurp($launch->{out});
    my $pattern = $launch->{dialect}{words}->($number);
    return substr($written, $launch->{written_before} < length $written ? $launch->{written_before} : 0) =~ /$pattern/g;
}

sub tell_ends {
    my ($launch, $ended_by) = @_;
    for my $state (sort keys %$ended_by) {
        my $why = SchedulerDialect::meaning_of_end($state) or next;
        my @jobs = @{ $ended_by->{$state} };
        my $shown = join ", ", @jobs[0 .. ($#jobs < 9 ? $#jobs : 9)], @jobs > 10 ? "..." : ();
        print STDERR "$program: the scheduler ended ", @jobs == 1 ? "job " : "jobs ", "$shown of ", described($launch),
            ", $state: $why; its own words are in $launch->{out}\n";
    }
}

# --- Ending ------------------------------------------------------------------------------------------

# Jobs of this launch, or one of them, end themselves where they see this file. It reaches those that the scheduler cannot.
sub withdraw {
    my ($launch, $job) = @_;
    open my $mark, ">", "$launch->{folder}/" . (defined $job ? "$job." : "") . "withdrawn";
}

# Whether the scheduler has cancelled all that it has of this launch, and its words.
sub end_jobs {
    my ($launch, @ids) = @_;
    withdraw($launch);
    my $dialect = $launch->{dialect};
    # Jobs whose number never came.
    if ($dialect->{found}) {
        my ($command, $pattern) = $dialect->{found}->($launch->{token});
        my (undef, $output) = JobLine::capture_within(15, @$command);
        my %known = map { $_ => 1 } @ids;
        while ($output =~ /$pattern/g) { push @ids, $1 unless $known{$1}++ }
    }
    return (1, "") unless @ids;
    my ($code, $output) = JobLine::capture_within(15, $dialect->{cancel}, @ids);
    print STDERR $code
        ? "$program: could not cancel @ids, so its jobs end by themselves in half a minute or when they begin: $output"
        : "$program: cancelled @ids\n";
    return (!$code, $output);
}

sub stop {
    my ($launch, $signal) = @_;
    $SIG{$_} = "IGNORE" for qw(HUP INT TERM);
    my ($done) = end_jobs($launch, ids($launch));
    if ($done) { print $watchdog "-$_\n" for $launch->{token}, ids($launch) }
    print STDERR "$program: stopped by SIG$signal\n";
    exit 128 + $NUMBERS{$signal};
}

1;
