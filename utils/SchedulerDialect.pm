package SchedulerDialect;

# What differs between schedulers: how jobs are submitted, found, looked at and cancelled, and what the answers mean.
#   index   variables that hold the index of a job of an array
#   gaps    whether an array may have gaps
#   submit  arguments behind the configured command, for
#           { out, jobs (undef: no array), max, after (a job that has to end first), offset, script, token }
#   id      finds the number of the jobs in the answer
#   busy    answers behind which nothing is wrong with the jobs: to be tried again
#   alive   the command that lists jobs of a number; gone: its answer for one that it has forgotten
#   cancel  the command that takes numbers
#   note    finds in the answer of 'alive' why jobs wait, where it says so (Grid Engine)
# and where the scheduler tells more (SLURM):
#   limit   (command, pattern, where it does not answer): one more than the largest index
#   found   (command, pattern) that find jobs by the words behind their script
#   ended   (command, pattern): lines 'index|state' of a job that 'alive' has forgotten
#   words   finds what it writes about a job of this number of its own into the log that jobs share
# Its 'alive' gives lines 'index|state|number of its own|reason'.

use strict;
use warnings;
use JobLine;

my %DIALECTS = (
    slurm => {
        index  => ['SLURM_ARRAY_TASK_ID'],
        gaps   => 1,
        submit => sub {
            my ($job) = @_;
            my $limit = $job->{max} ? "%$job->{max}" : "";
            return (
                "--output=$job->{out}", "--open-mode=append",
                defined $job->{after} ? "--dependency=afterany:$job->{after}" : (),
                $job->{jobs} ? "--array=" . ranges(map { $_ - $job->{offset} } @{ $job->{jobs} }) . $limit : (),
                $job->{script}, $job->{offset}, $job->{token},
            );
        },
        # Not the first number: sites add lines of their own. A number alone is the answer to --parsable.
        id     => qr/^Submitted batch job (\d+)|^(\d+)(?:;\S+)?$/m,
        busy   => qr/Unable[ ]to[ ]contact[ ]slurm[ ]controller|Socket[ ]timed[ ]out|temporarily[ ]un|Zero[ ]Bytes[ ]were
            |in[ ]standby[ ]mode|Connection[ ](?:refused|reset|timed[ ]out)|Transport[ ]endpoint[ ]is[ ]not[ ]connected/ix,
        alive  => sub { ("squeue", "-h", "-r", "-t", "all", "-o", "%K|%T|%A|%r", "-j", $_[0]) },
        gone   => qr/Invalid job id/i,
        cancel => "scancel",
        limit  => [["scontrol", "show", "config"], qr/^MaxArraySize\s*=\s*(\d+)/m, 1001],
        found  => sub { (["squeue", "-h", "-t", "all", "-u", $<, "-o", "%F|%o"], qr/^(\d+)\|.* \Q$_[0]\E$/m) },
        words  => sub { qr/^(?:slurmstepd|srun).*\b(?:StepId=|JOB |STEP )$_[0]\b.*/mi },
        ended  => sub { (["sacct", "-n", "-X", "-P", "-o", "JobID,State", "-j", $_[0]], qr/^\d+_?(\d*)\|(\w+)/) },
    },
    sge => {
        index  => ['SGE_TASK_ID'],
        submit => sub {
            my ($job) = @_;
            my $jobs = $job->{jobs};
            my @array = $jobs ? ("-t", "$jobs->[0]-$jobs->[-1]", $job->{max} ? ("-tc", $job->{max}) : ()) : ();
            return ("-o", $job->{out}, @array, $job->{script});
        },
        id     => qr/Your job(?:-array)? (\d+)/,
        busy   => qr/unable to contact qmaster|Connection refused/i,
        alive  => sub { ("qstat", "-j", $_[0]) },
        gone   => qr/do(?:es)? not exist/i,
        note   => qr/^(?:error reason +\d+|scheduling info): +(\S.*)/m,
        cancel => "qdel",
    },
    pbs => {
        index  => ['PBS_ARRAY_INDEX', 'PBS_ARRAYID'],
        submit => sub {
            my ($job) = @_;
            my ($jobs, $limit) = ($job->{jobs}, $job->{max} ? "%$job->{max}" : "");
            # An array of one is refused by PBS; the script's own default stands for it.
            my @array = $jobs && @$jobs > 1 ? ("-J", "$jobs->[0]-$jobs->[-1]$limit") : ();
            return ("-o", $job->{out}, @array, $job->{script});
        },
        id     => qr/^(\d+(?:\[\])?\S*)/m,
        busy   => qr/cannot connect to server/i,
        alive  => sub { ("qstat", $_[0]) },
        gone   => qr/unknown job|has finished/i,
        cancel => "qdel",
    },
);

sub named {
    my ($name) = @_;
    return $DIALECTS{$name} || JobLine::fail(2, "unknown scheduler '$name'; take slurm, sge or pbs");
}

# The states of SLURM in which a job is over and was not by itself, and what to do.
my %ENDS = (
    TIMEOUT       => "its time limit was over: give more by --time",
    CANCELLED     => "it was cancelled, by scancel, an administrator or a limit of the account",
    NODE_FAIL     => "its node failed",
    OUT_OF_MEMORY => "it needed more memory than it had asked for: give more by --mem",
    PREEMPTED     => "a job of a higher priority took its place",
    DEADLINE      => "its deadline was over",
    BOOT_FAIL     => "its node did not boot",
);
my $OVER = join "|", keys %ENDS, "COMPLETED", "FAILED", "REVOKED";

# The state that these words of SLURM mean where it does not name one: without cgroups it calls a memory overrun FAILED.
sub state_in_words {
    my ($state, $words) = @_;
    return !$ENDS{$state} && $words =~ /memory limit|oom[-_ ]kill/i ? "OUT_OF_MEMORY" : $state;
}

sub is_over { my ($state) = @_; return $state =~ /^(?:$OVER)$/ }
sub is_waiting { my ($state) = @_; return $state =~ /^(?:PENDING|CONFIGURING|REQUEUED|REQUEUE_\w+|SPECIAL_EXIT|RESV_DEL_HOLD)$/ }
sub meaning_of_end { my ($state) = @_; return $ENDS{$state} }

# Why SLURM lets a job wait (%r of squeue), in words.
my @WAITS = (
    [qr/^Resources$/ => "all nodes that could take them are busy"],
    [qr/^Priority$/ => "jobs of others come first"],
    [qr/^(PartitionConfig|BadConstraints|PartitionNodeLimit)/ => "no node of the partition has what they ask for, so they "
        . "will never start: fewer --num-threads (--nj, --inference_nj), less --mem, fewer --gpu or --num-nodes, or another --queue"],
    [qr/^PartitionTimeLimit/ => "the partition does not give that much time, so they will never start: a shorter --time "
        . "or another --queue"],
    [qr/^(ReqNodeNotAvail|Nodes required|Partition(Down|Inactive)|NodeDown)/ => "nodes are down, drained or reserved; see sinfo -R"],
    [qr/^(Assoc|QOS|MaxCpuPerAccount|MaxMemPerLimit|Licenses)/ => "a limit of the account, the QOS or the licences"],
    [qr/^(JobHeld|launch failed)/ => "they are held; scontrol release lets them go"],
    [qr/^BeginTime/ => "they have been put back into the queue and start again a little later"],
);

# undef where the launcher itself is the reason: --max-jobs-run.
sub meaning_of_wait {
    my ($reason) = @_;
    return undef if $reason =~ /^(None|JobArrayTaskLimit|Dependency)$/;
    for my $known (@WAITS) { return $known->[1] if $reason =~ $known->[0] }
    return "see 'man squeue', JOB REASON CODES";
}

# The largest number of threads, at most $wanted, that one node of SLURM can give a job of these flags; undef where
# sinfo does not answer.
sub threads_of_node {
    my ($wanted, @flags) = @_;
    my $text = join " ", @flags;
    my ($partition) = $text =~ /(?:^| )(?:--partition[ =]|-p ?)(\S+)/;
    $partition = $ENV{SBATCH_PARTITION} unless defined $partition;
    my ($per_cpu) = map { megabytes($_) } $text =~ /(?:^| )--mem-per-cpu[ =](\S+)/;
    my ($per_node) = map { megabytes($_) } $text =~ /(?:^| )--mem[ =](\S+)/;
    my ($code, $output) = JobLine::capture("sinfo", "-h", "-N", "-o", "%P|%c|%m", defined $partition ? ("-p", $partition) : ());
    return undef if $code;
    my @nodes = map { /^(\S+)\|(\d+)\+?\|(\d+)\+?\s*$/ ? { partition => $1, cpus => $2, memory => $3 } : () } split /\n/, $output;
    my @default = grep { $_->{partition} =~ /\*$/ } @nodes;
    @nodes = @default if @default && !defined $partition;
    my $most = 0;
    for my $node (@nodes) {
        next if $per_node && $per_node > $node->{memory};
        my $threads = $node->{cpus};
        $threads = int($node->{memory} / $per_cpu) if $per_cpu && $threads * $per_cpu > $node->{memory};
        $most = $threads if $threads > $most;
    }
    # Where not one thread fits, squeue will say why.
    return !@nodes ? undef : $most < 1 ? 1 : $most < $wanted ? $most : $wanted;
}

sub megabytes {
    my ($size) = @_;
    my ($number, $unit) = $size =~ /^([\d.]+)([kmgt]?)/i or return 0;
    return $number * { "" => 1, k => 1 / 1024, m => 1, g => 1024, t => 1024 * 1024 }->{ lc $unit };
}

# --- Index lists -------------------------------------------------------------------------------------

# The jobs as arrays that the scheduler takes: ({ jobs, offset }, ...), where offset is what its indices lack. $limit is
# one more than the largest index, undef where there is none.
sub arrays {
    my ($dialect, $limit, @jobs) = @_;
    return map { { jobs => $_, offset => 0 } } runs(@jobs) unless $dialect->{gaps};
    my @arrays = ({ jobs => [], offset => 0 });
    for my $job (@jobs) {
        push @arrays, { jobs => [], offset => $job - 1 } if defined $limit && $job - $arrays[-1]{offset} >= $limit;
        push @{ $arrays[-1]{jobs} }, $job;
    }
    return grep { @{ $_->{jobs} } } @arrays;
}

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
