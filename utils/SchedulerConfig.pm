package SchedulerConfig;

# The configuration of slurm.pl and queue.pl: how the options of a job become flags of the scheduler. Grammar, a line each:
# 'command WORDS', 'option NAME=* FLAGS with $0', 'option NAME=VALUE FLAGS', 'default NAME=VALUE', 'scheduler NAME',
# '#' comments.

use strict;
use warnings;
use JobLine;

# What a program reads where the command line names no file, and what holds where that is not there either.
my %PROGRAMS = (
    "slurm.pl" => { scheduler => "slurm", file => "conf/slurm.conf", builtin => <<'END' },
command sbatch --export=PATH,HF_HOME,HF_HUB_OFFLINE,OMP_NUM_THREADS,NCCL_SOCKET_IFNAME --no-requeue
option name=* --job-name $0
option time=* --time $0
option mem=* --mem-per-cpu $0
option num-threads=* --cpus-per-task $0
option num-nodes=* --nodes $0
option queue=* --partition $0
option gpu=0
option gpu=* --gres=gpu:$0
END
    "queue.pl" => { scheduler => "sge", file => "conf/queue.conf", builtin => <<'END' },
command qsub -v PATH -cwd -S /bin/bash -j y
option name=* -N $0
option time=* -l h_rt=$0
option mem=* -l mem_free=$0
option num-threads=1
option num-threads=* -pe smp $0
option queue=* -q $0
option gpu=0
option gpu=* -l gpu=$0
END
);

sub knows { my ($program) = @_; return exists $PROGRAMS{$program} }

# { file, scheduler, command, options, any, defaults } for a parsed command line, whose --config is taken out.
sub read_config {
    my ($program, $line) = @_;
    my $known = $PROGRAMS{$program};
    my $named = delete $line->{options}{config};
    my ($file, $text) = (defined $named ? $named : $known->{file}, $known->{builtin});
    if (-e $file) {
        open my $handle, "<", $file or JobLine::fail(2, "cannot read $file: $!");
        local $/;
        $text = <$handle>;
        close $handle;
    } elsif (defined $named) {
        JobLine::fail(2, "there is no file $file (--config)");
    } else {
        $file = "the built-in configuration";
    }
    my %config = (file => $file, scheduler => $known->{scheduler}, options => {}, any => {}, defaults => {});
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
        else { JobLine::fail(2, "$file, line $number: cannot read '$_'") }
    }
    JobLine::fail(2, "$file has no 'command' line") unless defined $config{command};
    return \%config;
}

sub canonical { my ($name) = @_; $name =~ tr/_/-/; return $name }

# The flags of a command line. Where it has no --name, the job is called after its log.
sub flags {
    my ($line, $config) = @_;
    my %options = (%{ $config->{defaults} }, %{ $line->{options} });
    my @order = (@{ $line->{order} }, sort grep { !exists $line->{options}{$_} } keys %{ $config->{defaults} });
    if (!exists $options{name} && exists $config->{any}{name}) {
        $options{name} = name_of($line);
        unshift @order, "name";
    }
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
    JobLine::fail(2, "$config->{file} does not describe " . join(", ", @unknown) . "; add an 'option' line") if @unknown;
    return @flags;
}

# 'exp/log/decode.JOB.log' -> 'decode'. Grid Engine takes no name that begins with a digit.
sub name_of {
    my ($line) = @_;
    my ($name) = $line->{log} =~ m{([^/]+)$};
    $name =~ s/\.log$//;
    $name =~ s/[._-]*\Q$line->{job}\E// if defined $line->{job};
    $name =~ s/[^A-Za-z0-9._-]/_/g;
    return $name =~ /^[A-Za-z]/ ? $name : "job$name";
}

1;
