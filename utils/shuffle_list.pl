#!/usr/bin/env perl

# Shuffles lines of a file or stdin; the same --srand (default 0) gives the same order on any machine.
#   shuffle_list.pl [--srand N] [FILE]

use strict;
use warnings;

my $seed = 0;
if (@ARGV && $ARGV[0] =~ /^--srand(?:=(\d+))?$/) {
    shift @ARGV;
    $seed = defined $1 ? $1 : shift @ARGV;
}
if (@ARGV > 1 || !defined $seed || $seed !~ /^\d+$/) { print STDERR "Usage: shuffle_list.pl [--srand N] [FILE]\n"; exit 2 }
my $in = \*STDIN;
if (@ARGV) { undef $in; open $in, "<", $ARGV[0] or do { print STDERR "shuffle_list.pl: cannot read $ARGV[0]: $!\n"; exit 1 } }
my @lines = <$in>;
# perl's generator is its own (drand48) since 5.20, so the order does not depend on the C library.
srand($seed);
for (my $i = $#lines; $i > 0; $i--) {
    my $j = int rand($i + 1);
    @lines[$i, $j] = @lines[$j, $i];
}
print @lines;
