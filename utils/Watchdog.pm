package Watchdog;

# Ends what a program has started, even if the program is killed (-9): a process of its own hears through a pipe
# what runs, and acts when the pipe closes.

use strict;
use warnings;
use POSIX qw(setpgid);

# The end of a pipe to print '+NAME' to for what has been started and '-NAME' for what has ended. When it closes,
# the function END is called with the names that are left.
sub start {
    my ($program, $end) = @_;
    my ($from, $to, $pid);
    pipe $from, $to and defined($pid = fork()) or die "$program: cannot start a process: $!\n";
    if ($pid == 0) {
        close $to;
        watch($from, $end);
        exit 0;
    }
    close $from;
    select((select($to), $| = 1)[0]);
    return $to;
}

# The body of that process.
sub watch {
    my ($from, $end) = @_;
    setpgid(0, 0);
    $SIG{$_} = "IGNORE" for qw(HUP INT TERM);
    # Whoever waits for the output of the program waits for all that hold it open.
    open STDIN, "<", "/dev/null" unless fileno($from) == 0;
    open STDOUT, ">", "/dev/null";
    open STDERR, ">", "/dev/null";
    my %names;
    while (<$from>) { /^([+-])(\S+)$/ and $1 eq "+" ? $names{$2} = 1 : delete $names{$2} }
    $end->(keys %names) if %names;
}

# Ends process groups: politely, and after 5 s not. Those that Ctrl-Z has stopped have to go on to hear of it.
sub end_groups {
    my @groups = @_;
    for my $group (@groups) { kill $_, -$group for qw(TERM CONT) }
    for (1 .. 50) {
        return unless grep { kill 0, -$_ } @groups;
        select undef, undef, undef, 0.1;
    }
    kill "KILL", -$_ for @groups;
}

1;
