#!/usr/bin/env perl

# Replaces fields of stdin by a map (lines 'from to ...'); everything else of a line stays byte by byte, so
# paths with spaces survive.
#   apply_map.pl [-f A or A-B] [--permissive] MAP < IN
# All fields are mapped unless -f names one or a range, counted from 1. A field that the map lacks is an
# error; with --permissive it stays. Exit: 0 done, 1 an error in the data, 2 wrong usage.

use strict;
use warnings;

my ($first, $last, $permissive) = (1, undef, 0);
while (@ARGV && $ARGV[0] =~ /^-./) {
    my $option = shift @ARGV;
    if ($option eq "--permissive") { $permissive = 1 }
    elsif ($option eq "-f" && @ARGV && $ARGV[0] =~ /^([1-9]\d*)(?:-([1-9]\d*)?)?$/) {
        ($first, $last) = ($1, shift(@ARGV) =~ /-$/ ? undef : defined $2 ? $2 : $1);
    } else { usage() }
}
usage() unless @ARGV == 1;
my $file = shift @ARGV;
usage() if defined $last && $last < $first;

my %map;
open my $list, "<", $file or fail("cannot read $file: $!");
while (<$list>) {
    /^\s*(\S+)\s*(.*?)\s*$/s or next;
    fail("$file, line $.: '$1' twice with different values") if exists $map{$1} && $map{$1} ne $2;
    $map{$1} = $2;
}
close $list;

while (my $line = <STDIN>) {
    my $number = 0;
    $line =~ s{(\S+)}{
        $number++;
        $number < $first || (defined $last && $number > $last) ? $1
            : exists $map{$1} ? $map{$1}
            : $permissive ? $1
            : fail("'$1' (field $number of line $. of stdin) is not in $file")
    }ge;
    print $line;
}

sub usage { print STDERR "Usage: apply_map.pl [-f A or A-B] [--permissive] MAP < IN\n"; exit 2 }
sub fail { print STDERR "apply_map.pl: $_[0]\n"; exit 1 }
