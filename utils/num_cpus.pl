#!/usr/bin/env perl

# Prints how many processors this process may use: affinity and the cgroup's quota are honoured.

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use lib dirname(abs_path(__FILE__));
use JobLine;

print JobLine::available_cpus(), "\n";
