#!/usr/bin/env perl

# Reads '+GROUP' and '-GROUP' lines, process groups that were started and have ended; when its input closes, it ends
# those that are left. For shell scripts: exec {watchdog}> >(exec utils/watchdog.pl)

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use lib dirname(abs_path(__FILE__));
use Watchdog;

Watchdog::watch(\*STDIN, \&Watchdog::end_groups);
