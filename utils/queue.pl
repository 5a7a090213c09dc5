#!/usr/bin/env perl

# Runs jobs through Grid Engine, or through PBS if the configuration says 'scheduler pbs', with the command
# line of run.pl:
#   queue.pl [--mem 4G --time 1:00:00 --gpu N --num-threads N --max-jobs-run N --name x]
#            [--config conf/queue.conf] [--pick all|failed|incomplete] [--check-time S] [JOB=1:n] <log> <command> ...
#
# Options become flags of qsub by conf/queue.conf (or the lines below, if there is none); one that is not
# described there is an error. Jobs start in this folder and source ./path.sh. A signal deletes the jobs.
# Exit: 0 done, 1 a job failed, 2 wrong usage or configuration, 128 + n after signal n.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use lib dirname(abs_path(__FILE__));
use ArrayScheduler;

my $builtin = <<'END';
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

exit ArrayScheduler::run("queue.pl", "sge", "conf/queue.conf", $builtin, @ARGV);
