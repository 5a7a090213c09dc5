#!/usr/bin/env perl

# Lines 'speaker utterance ...' (a file or stdin) -> lines 'utterance speaker', in the order of the input.
# Exit: 0 done, 1 an error in the data, 2 wrong usage.

use strict;
use warnings;

if (@ARGV > 1) { print STDERR "Usage: spk2utt_to_utt2spk.pl [SPK2UTT]\n"; exit 2 }
my $name = @ARGV ? $ARGV[0] : "stdin";
my $in = \*STDIN;
if (@ARGV) { undef $in; open $in, "<", $ARGV[0] or fail("cannot read it: $!") }
my %seen;
while (<$in>) {
    my ($speaker, @utterances) = split;
    fail("line $. names no utterance: '" . s/\n//r . "'") unless @utterances;
    for my $utterance (@utterances) {
        fail("line $.: utterance '$utterance' twice") if $seen{$utterance}++;
        print "$utterance $speaker\n";
    }
}

sub fail { print STDERR "spk2utt_to_utt2spk.pl: $name: $_[0]\n"; exit 1 }
