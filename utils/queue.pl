#!/usr/bin/env perl

# Runs jobs through Grid Engine, or through PBS if the configuration says 'scheduler pbs', with the command
# line of run.pl:
#   queue.pl [--mem 4G --time 1:00:00 --gpu N --num-threads N --max-jobs-run N --name x]
#            [--config conf/queue.conf] [--pick all|failed|incomplete] [--check-time S] [JOB=1:n] <log> <command> ...
#
# Options become flags of qsub by conf/queue.conf (or the lines of SchedulerConfig.pm, if there is none); one that is
# not described there is an error. Jobs start in this folder and source ./path.sh. A signal deletes the jobs.
# Exit: 0 done, 1 a job failed, 2 wrong usage or configuration, 128 + n after signal n.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use lib dirname(abs_path(__FILE__));
use ArrayScheduler;

exit ArrayScheduler::run("queue.pl", @ARGV);
