#!/usr/bin/env perl

# Keeps the lines whose key is in a list, or with --exclude those whose key is not, as they are.
#   filter_scp.pl [--exclude] [-f FIELD] IDS [SCP]
# The key is the first field of a line of SCP (stdin by default), or field FIELD, counted from 1. Of IDS only
# the first column matters. Exit: 0 done, 1 an error in the data, 2 wrong usage.

use strict;
use warnings;

my ($exclude, $field) = (0, 1);
while (@ARGV && $ARGV[0] =~ /^-./) {
    my $option = shift @ARGV;
    if ($option eq "--exclude") { $exclude = 1 }
    elsif ($option eq "-f" && @ARGV && $ARGV[0] =~ /^[1-9]\d*$/) { $field = shift @ARGV }
    else { usage() }
}
usage() unless @ARGV == 1 || @ARGV == 2;
my ($ids, $scp) = @ARGV;

my %wanted;
my $list = \*STDIN;
if ($ids ne "-") { undef $list; open $list, "<", $ids or fail("cannot read $ids: $!") }
while (<$list>) {
    my ($key) = split;
    $wanted{$key} = 1 if defined $key;
}
close $list;

my $in = \*STDIN;
if (defined $scp && $scp ne "-") { undef $in; open $in, "<", $scp or fail("cannot read $scp: $!") }
while (my $line = <$in>) {
    my @fields = split " ", $line;
    next unless @fields;
    fail("line $. of " . (defined $scp ? $scp : "stdin") . " has no field $field") if @fields < $field;
    print $line if $exclude xor $wanted{ $fields[$field - 1] };
}

sub usage { print STDERR "Usage: filter_scp.pl [--exclude] [-f FIELD] IDS [SCP]\n"; exit 2 }
sub fail { print STDERR "filter_scp.pl: $_[0]\n"; exit 1 }
