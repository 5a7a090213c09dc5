#!/usr/bin/env perl

# Runs jobs through SLURM, with the command line of run.pl:
#   slurm.pl [--mem 4G --time 1:00:00 --gpu N --num-threads N --num-nodes N --max-jobs-run N --name x]
#            [--config conf/slurm.conf] [--pick all|failed|incomplete] [--check-time S] [JOB=1:n] <log> <command> ...
#
# Options become flags of sbatch by conf/slurm.conf (or the lines of SchedulerConfig.pm, if there is none); one that is
# not described there is an error. Jobs start in this folder and source ./path.sh. --check-time is how often squeue is
# asked (s; default 30). Why jobs wait is told after twice that time, why SLURM has ended one when it has. While its
# controller is away it is tried again, for 60 times that time. A signal cancels the jobs.
# Exit: 0 done, 1 a job failed, 2 wrong usage or configuration, 128 + n after signal n.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use lib dirname(abs_path(__FILE__));
use ArrayScheduler;

exit ArrayScheduler::run("slurm.pl", @ARGV);
