#!/usr/bin/env perl

# max_threads.pl N run.pl|slurm.pl|queue.pl [--option value ...]: how many of N threads one job of this backend can have.
# A job that asks for more than any node has waits for ever. Of SLURM that is the largest node of the partition and what
# its memory allows; of other schedulers, which do not say it in one way, 8; of this machine N.
# Exit: 0 done, 2 wrong usage or configuration.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(basename dirname);
use lib dirname(abs_path(__FILE__));
use JobLine;
use SchedulerConfig;
use SchedulerDialect;

my $unasked = 8;

my ($wanted, $backend, @options) = @ARGV;
if (!defined $backend || $wanted !~ /^[1-9]\d*$/) {
    print STDERR "Usage: max_threads.pl N run.pl|slurm.pl|queue.pl [--option value ...]\n";
    exit 2;
}
my $program = basename($backend);
my $most = $wanted;
if (SchedulerConfig::knows($program)) {
    my $line = JobLine::parse($program, @options, "none.log", "none");
    my $config = SchedulerConfig::read_config($program, $line);
    my @flags = SchedulerConfig::flags($line, $config);
    $most = $config->{scheduler} eq "slurm" && SchedulerDialect::threads_of_node($wanted, @flags) || $unasked;
}
print $most < $wanted ? $most : $wanted, "\n";
