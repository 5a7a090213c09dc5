#!/usr/bin/env perl

# Runs jobs on this machine.
#   run.pl [--max-jobs-run N] [--gpu N] [--pick all|failed|incomplete] [JOB=1:n] <log> <command> ...
#
# The command's words reach the program as they are: no shell reads them again. Words like '|' and '>', which Kaldi's
# run.pl hands to a shell, are refused; 'bash -c' takes a pipe.
# At most --max-jobs-run jobs run at once; by default as many as this process may use processors, or,
# with --gpu N, as many as there are groups of N visible GPUs, each job seeing its own group.
# --pick failed runs again what failed or did not end, --pick incomplete only what did not end.
# Options of the schedulers (--mem, --time, --num-threads, ...) are checked and have no effect.
# Exit: 0 done, 1 a job failed, 2 wrong usage, 3 too few GPUs, 128 + n after signal n. Every job is a process
# group of its own, which is ended with run.pl, whatever ends run.pl, and stops and goes on with it (Ctrl-Z).

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use POSIX qw(WNOHANG setpgid strftime sigprocmask SIGTSTP SIG_UNBLOCK SIG_SETMASK);
use lib dirname(abs_path(__FILE__));
use JobLine;
use Watchdog;

my $line = JobLine::parse("run.pl", @ARGV);
my ($todo, $failed_before) = JobLine::jobs($line);
my @failed = @$failed_before;
my $gpus = JobLine::option($line, "gpu", 0);
my @gpu_groups = $gpus ? gpu_groups($gpus) : ();
my $limit = JobLine::option($line, "max-jobs-run", $gpus ? scalar @gpu_groups : 0)
    || JobLine::available_cpus();

my %running;    # process id -> { job, log, start, gpus }
my $watchdog = Watchdog::start("run.pl", \&Watchdog::end_groups);
for my $signal (qw(HUP INT TERM)) {
    $SIG{$signal} = sub { stop($signal) };
}
$SIG{TSTP} = \&stop_for_a_while;

my @queue = @$todo;
while (@queue || %running) {
    start(shift @queue) while @queue && keys(%running) < $limit && (!$gpus || @gpu_groups);
    my $pid = waitpid(-1, 0);
    finish($pid, $?) if $pid > 0 && $running{$pid};
}
exit JobLine::report($line, $line->{last} - $line->{first} + 1, @failed);

sub start {
    my ($job) = @_;
    my $log = JobLine::fill($line, $line->{log}, $job);
    my @command = map { JobLine::fill($line, $_, $job) } @{ $line->{command} };
    JobLine::make_log_folder($log);
    open my $out, ">", $log or do { print STDERR "run.pl: cannot write $log: $!\n"; stop("TERM", 1) };
    my $shown = join " ", map { JobLine::quote($_) } @command;
    $shown =~ s/\n/\n# /g;
    print $out "# $shown\n# Started at ", now(), "\n#\n";
    close $out;
    my $group = $gpus ? shift @gpu_groups : undef;
    my $pid = fork();
    if (!defined $pid) { print STDERR "run.pl: cannot start a process: $!\n"; stop("TERM", 1) }
    if ($pid == 0) {
        setpgid(0, 0);
        print $watchdog "+$$\n";    # by the job itself: run.pl may be killed at any moment
        # A background job of a shell inherits an ignored SIGINT.
        $SIG{$_} = "DEFAULT" for qw(HUP INT TERM TSTP);
        $ENV{CUDA_VISIBLE_DEVICES} = $group if defined $group;
        open STDIN, "<", "/dev/null" and open STDOUT, ">>", $log and open STDERR, ">&", \*STDOUT
            or POSIX::_exit(126);
        { no warnings "exec"; exec { $command[0] } @command; }
        print STDERR "run.pl: cannot run '$command[0]': $!\n";
        POSIX::_exit(127);
    }
    setpgid($pid, $pid);    # whoever comes first, parent or child: no moment without a group
    $running{$pid} = { job => $job, log => $log, start => time, gpus => $group };
}

sub finish {
    my ($pid, $status) = @_;
    my $done = delete $running{$pid};
    print $watchdog "-$pid\n";
    my $signal = $status & 127;
    my $code = $signal ? 128 + $signal : $status >> 8;
    my $elapsed = time - $done->{start};
    my $threads = $line->{options}{"num-threads"} || 1;
    if (open my $out, ">>", $done->{log}) {
        print $out "# Accounting: time=$elapsed threads=$threads\n# Ended (code $code",
            $signal ? "; signal $signal" : "", ") at ", now(), ", elapsed time $elapsed seconds\n";
        print $out "# This job was $JobLine::KILLED\n" if $code == 137;
        close $out;
    }
    push @gpu_groups, $done->{gpus} if defined $done->{gpus};
    if ($code) {
        push @failed, $done->{job};
        kill "TERM", -$pid;    # workers that outlived a crashed leader
    }
}

# Ctrl-Z in a terminal reaches the group of run.pl, and fg or bg continue it: the jobs have groups of their own.
sub stop_for_a_while {
    kill "TSTP", -$_ for keys %running;
    # Perl blocks a signal while its handler runs.
    my ($own, $before) = (POSIX::SigSet->new(SIGTSTP), POSIX::SigSet->new);
    $SIG{TSTP} = "DEFAULT";
    kill "TSTP", $$;
    sigprocmask(SIG_UNBLOCK, $own, $before);    # here it stops
    sigprocmask(SIG_SETMASK, $before);
    $SIG{TSTP} = \&stop_for_a_while;
    kill "CONT", -$_ for keys %running;
}

# Ends every job: politely first, then not.
sub stop {
    my ($signal, $code) = @_;
    $SIG{$_} = "IGNORE" for qw(HUP INT TERM);
    my @groups = keys %running;
    kill "TERM", -$_ for @groups;
    # 5 s for the jobs, then 1 s for what these started (a zombie that nobody reaps is waited for in vain).
    my $patience = 10;
    for (1 .. 50) {
        for my $pid (keys %running) { finish($pid, $?) if waitpid($pid, WNOHANG) == $pid }
        last if !%running && (!$patience-- || !grep { kill 0, -$_ } @groups);
        select undef, undef, undef, 0.1;
    }
    kill "KILL", -$_ for @groups;
    my %numbers = (HUP => 1, INT => 2, TERM => 15);
    $code = 128 + $numbers{$signal} unless defined $code;
    print STDERR "run.pl: stopped by SIG$signal; its jobs were ended\n" if $code > 128;
    exit $code;
}

sub gpu_groups {
    my ($size) = @_;
    my @devices;
    if (defined $ENV{CUDA_VISIBLE_DEVICES}) {
        @devices = grep { length } split /,/, $ENV{CUDA_VISIBLE_DEVICES};
    } else {
        my @listed = grep { /^GPU \d+/ } `nvidia-smi -L 2>/dev/null`;
        @devices = 0 .. $#listed;
    }
    if (@devices < $size) {
        print STDERR "run.pl: --gpu $size was asked for, but ", scalar @devices, " GPUs are visible\n";
        exit 3;
    }
    my @groups;
    push @groups, join ",", splice @devices, 0, $size while @devices >= $size;
    return @groups;
}

sub now { return strftime("%Y-%m-%dT%H:%M:%S", localtime) }
