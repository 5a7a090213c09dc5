package JobLine;

# The command line that run.pl, slurm.pl and queue.pl have in common:
#   <program> [--option value ...] [JOB=first:last] <log> <command> [argument ...]
# and what follows from it: JOB substitution, quoting, choice of the jobs to run.

# What an option's value looks like. Without this the log after a forgotten value would be taken for it, and the
# command for the log.
my $number = qr/^\d+$/;
my %FORMS = (
    "mem"          => qr/^\d+(\.\d+)?\s*([kmgt]i?b?)?$/i,
    "time"         => qr/^(\d[\d:-]*|unlimited|infinite)$/i,
    "gpu"          => $number,
    "num-threads"  => $number,
    "num-nodes"    => $number,
    "max-jobs-run" => qr/^[1-9]\d*$/,
    "check-time"   => $number,
    "pick"         => qr/^(all|failed|incomplete)$/,
);
my %WANTED = (
    "mem" => "a size like 4G", "time" => "a time like 1:00:00", "max-jobs-run" => "a number of at least 1",
    "pick" => "all, failed or incomplete",
);
# Flags of qsub in Kaldi recipes: what they are here. Its -V and -sync change nothing for a caller who waits.
my %KALDI_FLAGS = ("tc" => "max-jobs-run", "q" => "queue");

use strict;
use warnings;
use File::Basename qw(dirname);
use File::Path qw(make_path);

my $program = "run.pl";
# What exit code 137 means, of a job or of what it has started.
our $KILLED = "killed (signal 9): usually the machine ran out of memory; use fewer jobs at once (--nj, --max-jobs-run), "
    . "smaller batches, or on a cluster more memory (--mem)";

sub fail { my ($code, $message) = @_; print STDERR "$program: $message\n"; exit $code }

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
        if ($words[0] eq "-V") {
            shift @words;
        } elsif ($words[0] =~ /^--?([A-Za-z][\w-]*)(?:=(.*))?$/s) {
            my ($name, $value) = ($1, $2);
            my $typed = shift @words;
            $name =~ tr/_/-/;
            if ($name eq "pe" && @words) { $name = "num-threads"; shift @words }    # -pe smp 4
            $name = $KALDI_FLAGS{$name} if $typed !~ /^--/ && exists $KALDI_FLAGS{$name};
            $value = shift @words if !defined $value;
            check_value($typed, $name, $value);
            next if $typed eq "-sync";
            # Where cmd.sh and a script limit the jobs, both are obeyed.
            my $before = $line{options}{$name};
            $value = $before if $name eq "max-jobs-run" && defined $before && $before < $value;
            push @{ $line{order} }, $name unless defined $before;
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
    refuse_shell_words(@{ $line{command} });
    return \%line;
}

sub check_value {
    my ($typed, $name, $value) = @_;
    my $wanted = $WANTED{$name} || ($FORMS{$name} ? "a whole number" : "a value");
    usage_error("option $typed needs $wanted") if !defined $value;
    # A job range, another option and a log are no values of any option.
    return if $value !~ /^-|^[A-Z_]\w*=\d+$|^\w+=\d+:\d+$|\.log$/ && (!$FORMS{$name} || $value =~ $FORMS{$name});
    usage_error("option $typed needs $wanted, not '$value'");
}

# Words that Kaldi's run.pl hands to a shell as operators: '|', '&&', ';', '>', '2>&1', '>file' ... Here no shell reads
# the command, so they would reach the program as arguments.
sub refuse_shell_words {
    my @command = @_;
    # The command is a shell's already: what it gets beside its script is meant as it stands.
    return if @command > 2 && $command[0] =~ m{^(.*/)?(ba|da|z|k)?sh$} && $command[1] =~ /^-\w*c$/;
    # Not '<unk>' and its like.
    my $operator = qr/^(\|\|?|\|&|&&?|;|&?\d*(>>?\|?|>&|<|<<<?)(&?[\w.\/-]*))$/;
    my ($found) = grep { $_ =~ $operator } @command;
    return if !defined $found;
    my $script = join " ", map { $_ =~ $operator ? $_ : quote($_) } @command;
    usage_error("'$found' would reach $command[0] as an argument: no shell reads the words of a command. "
        . "Give the command to a shell:\n  $program ... <log> bash -c " . quote($script) . "\n"
        . "or, where the program is to have it, all words behind the script:\n  $program ... <log> bash -c 'exec \"\$@\"' "
        . join(" ", map { quote($_) } $command[0], @command));
}

sub option {
    my ($line, $name, $default) = @_;
    my $value = $line->{options}{$name};
    return defined $value ? $value : $default;
}

# JOB is replaced wherever it stands, inside a word too, as Kaldi does.
sub fill {
    my ($line, $text, $value) = @_;
    return $text unless defined $line->{job};
    $text =~ s/\Q$line->{job}\E/$value/g;
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
    my $killed = grep { (ended_code($_) || 0) == 137 } @logs;
    print STDERR "$program: ", $total == 1 ? "the job was" : "of these $killed were", " $KILLED\n" if $killed;
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

# (exit code, stdout and stderr) of a command, without a shell. It has a process group of its own: a Ctrl-C meant for
# this program must not end a submission before it has told the number of its jobs.
sub capture { return capture_within(0, @_) }

# The same for at most some seconds, then it is killed: commands of a scheduler that is away may take minutes.
sub capture_within {
    my ($limit_s, @words) = @_;
    my $pid = open my $from, "-|";
    fail(1, "cannot start a process: $!") unless defined $pid;
    if ($pid == 0) {
        require POSIX;
        POSIX::setpgid(0, 0);
        open STDIN, "<", "/dev/null";
        open STDERR, ">&", \*STDOUT;
        { no warnings "exec"; exec { $words[0] } @words; }
        syswrite STDOUT, "cannot run '$words[0]': $!\n";
        POSIX::_exit(127);
    }
    local $SIG{ALRM} = sub { kill "KILL", -$pid };
    alarm $limit_s;
    local $/;
    my $output = <$from>;
    close $from;
    alarm 0;
    return ($? >> 8 || $? & 127, defined $output ? $output : "");
}

sub slurp {
    open my $file, "<", $_[0] or return "";
    local $/;
    my $text = <$file>;
    close $file;
    return defined $text ? $text : "";
}

1;
