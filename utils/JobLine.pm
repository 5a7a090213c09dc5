package JobLine;

# The command line that run.pl, slurm.pl and queue.pl have in common:
#   <program> [--option value ...] [JOB=first:last] <log> <command> [argument ...]
# and what follows from it: JOB substitution, quoting, choice of the jobs to run.

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);

my $program = "run.pl";

sub usage_error {
    my ($message) = @_;
    print STDERR "$program: $message\n",
        "Usage: $program [--option value ...] [JOB=first:last] <log> <command> [argument ...]\n";
    exit 2;
}

# Options (name => value, '_' as '-'), the job range, the log and the command as typed.
sub parse {
    ($program, my @words) = @_;
    my %line = (options => {}, order => [], job => undef, first => 1, last => 1);
    while (@words) {
        if ($words[0] =~ /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s) {
            my ($name, $value) = ($1, $2);
            shift @words;
            if (!defined $value) {
                usage_error("option --$name needs a value") unless @words;
                $value = shift @words;
            }
            $name =~ tr/_/-/;
            push @{ $line{order} }, $name unless exists $line{options}{$name};
            $line{options}{$name} = $value;
        } elsif (!defined $line{job} && $words[0] =~ /^([A-Za-z_]\w*)=(\d+)(?::(\d+))?$/) {
            ($line{job}, $line{first}, $line{last}) = ($1, $2, defined $3 ? $3 : $2);
            shift @words;
        } elsif ($words[0] =~ /^[A-Za-z_]\w*=.*:/) {
            usage_error("bad job range '$words[0]'; write JOB=1:4");
        } else {
            last;
        }
    }
    usage_error("no log and command given") if @words < 2;
    ($line{log}, @{ $line{command} }) = @words;
    usage_error("job range $line{first}:$line{last} is empty or does not start at 1 or above")
        if $line{first} < 1 || $line{last} < $line{first};
    usage_error("the log '$line{log}' must hold $line{job}, or the jobs overwrite each other's")
        if $line{last} > $line{first} && fill(\%line, $line{log}, "\0") !~ /\0/;
    my $pick = $line{options}{pick};
    usage_error("--pick takes all, failed or incomplete, not '$pick'")
        if defined $pick && $pick !~ /^(all|failed|incomplete)$/;
    return \%line;
}

sub whole_number {
    my ($line, $name, $default) = @_;
    my $value = $line->{options}{$name};
    return $default unless defined $value;
    usage_error("--$name takes a whole number, not '$value'") unless $value =~ /^\d+$/;
    return $value;
}

# JOB is replaced where no letter or digit touches it: 'JOB', 'x/JOB/y', 'log.JOB', 'JOB/4', 'out_JOB',
# but not 'MYJOBDIR'.
sub fill {
    my ($line, $text, $value) = @_;
    return $text unless defined $line->{job};
    $text =~ s/(?<![A-Za-z0-9])\Q$line->{job}\E(?![A-Za-z0-9])/$value/g;
    return $text;
}

# One shell word that the shell reads as $text and nothing else.
sub quote {
    my ($text) = @_;
    return $text if $text =~ m{^[A-Za-z0-9_\@%+=:,./-]+$};
    $text =~ s/'/'\\''/g;
    return "'$text'";
}

# As quote, but JOB becomes the value of the shell variable JOB.
sub quote_template {
    my ($line, $text) = @_;
    my $marked = fill($line, $text, "\0");
    my @parts = split /(\0)/, $marked, -1;
    my $word = join "", map { $_ eq "\0" ? '"${JOB}"' : $_ eq "" ? "" : quote($_) } @parts;
    return $word eq "" ? "''" : $word;
}

sub jobs {
    my ($line) = @_;
    my $pick = $line->{options}{pick} || "all";
    my (@run, @failed_before);
    for my $job ($line->{first} .. $line->{last}) {
        my $code = $pick eq "all" ? undef : ended_code(fill($line, $line->{log}, $job));
        if (!defined $code || ($code && $pick eq "failed")) { push @run, $job }
        elsif ($code) { push @failed_before, $job }
    }
    return (\@run, \@failed_before);
}

# The code of the last '# Ended (code N' line, undef where the job has not ended.
sub ended_code {
    my ($log) = @_;
    open my $file, "<", $log or return undef;
    my $code;
    while (<$file>) { $code = $1 if /^# Ended \(code (\d+)/ }
    close $file;
    return $code;
}

sub make_log_folder {
    my ($log) = @_;
    my $folder = dirname($log);
    make_path($folder, { error => \my $errors });
    return if -d $folder;
    print STDERR "$program: cannot make the folder of the log: $folder\n";
    exit 1;
}

# Prints what failed and returns the exit code.
sub report {
    my ($line, $total, @failed) = @_;
    return 0 unless @failed;
    my @logs = map { fill($line, $line->{log}, $_) } sort { $a <=> $b } @failed;
    my $shown = $total == 1 ? $logs[0] : fill($line, $line->{log}, "*");
    my $count = scalar @failed;
    print STDERR $total == 1
        ? "$program: job failed, log is in $shown\n"
        : "$program: $count / $total failed, log is in $shown\n";
    if ($total > 1) { print STDERR "$program: failed: $_\n" for @logs[0 .. ($#logs < 4 ? $#logs : 4)] }
    return 1;
}

# Processors this process may use: affinity, then the cgroup's quota, never more than are there.
sub available_cpus {
    my $cpus = affinity_cpus() || `getconf _NPROCESSORS_ONLN 2>/dev/null` || 1;
    my $quota = cgroup_cpus();
    $cpus = $quota if defined $quota && $quota < $cpus;
    return $cpus < 1 ? 1 : int($cpus);
}

sub affinity_cpus {
    open my $status, "<", "/proc/self/status" or return 0;
    my ($list) = map { /^Cpus_allowed_list:\s*(\S+)/ ? $1 : () } <$status>;
    close $status;
    my $count = 0;
    for (split /,/, defined $list ? $list : "") { $count += /^(\d+)-(\d+)$/ ? $2 - $1 + 1 : 1 }
    return $count;
}

sub cgroup_cpus {
    my @quotas;
    my ($own) = map { /^0::(\S+)/ ? $1 : () } split /\n/, slurp("/proc/self/cgroup");
    for my $folder ("/sys/fs/cgroup", defined $own ? "/sys/fs/cgroup$own" : ()) {
        push @quotas, $1 / $2 if slurp("$folder/cpu.max") =~ /^(\d+)\s+(\d+)/;
    }
    my $quota = slurp("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    my $period = slurp("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    push @quotas, $quota / $period if $quota =~ /^\d+/ && $period =~ /^[1-9]/;
    my ($least) = sort { $a <=> $b } @quotas;
    # A quota of 1.5 processors keeps two busy for most of the time.
    return defined $least ? int($least + 0.999) : undef;
}

sub slurp {
    open my $file, "<", $_[0] or return "";
    local $/;
    my $text = <$file>;
    close $file;
    return defined $text ? $text : "";
}

1;
