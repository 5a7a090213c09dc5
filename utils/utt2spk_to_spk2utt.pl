#!/usr/bin/env perl

# Lines 'utterance speaker' (a file or stdin) -> lines 'speaker utterance ...', speakers and utterances in
# the order of their first appearance. Exit: 0 done, 1 an error in the data, 2 wrong usage.

use strict;
use warnings;

if (@ARGV > 1) { print STDERR "Usage: utt2spk_to_spk2utt.pl [UTT2SPK]\n"; exit 2 }
my $name = @ARGV ? $ARGV[0] : "stdin";
my $in = \*STDIN;
if (@ARGV) { undef $in; open $in, "<", $ARGV[0] or fail("cannot read it: $!") }
my (@order, %utterances, %seen);
while (<$in>) {
    my @fields = split;
    fail("line $. has not two fields: '" . s/\n//r . "'") if @fields != 2;
    fail("line $.: utterance '$fields[0]' twice") if $seen{ $fields[0] }++;
    push @order, $fields[1] unless $utterances{ $fields[1] };
    push @{ $utterances{ $fields[1] } }, $fields[0];
}
print "$_ @{ $utterances{$_} }\n" for @order;

sub fail { print STDERR "utt2spk_to_spk2utt.pl: $name: $_[0]\n"; exit 1 }
