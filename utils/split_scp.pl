#!/usr/bin/env perl

# Splits a list into parts of equal size, keeping the order; what is left over makes the first ones a line longer.
#   split_scp.pl [--utt2spk=FILE] IN OUT1 OUT2 ...
#   split_scp.pl -j N I [--one-based] IN [OUT]    writes part I of N only, to stdout by default
# With --utt2spk all lines of a speaker come into one part. More parts than lines (or speakers) is an error.
# Exit: 0 done, 1 an error in the data, 2 wrong usage.

use strict;
use warnings;

my ($utt2spk, $parts, $index, $one_based);
while (@ARGV && $ARGV[0] =~ /^-./) {
    my $option = shift @ARGV;
    if ($option =~ /^--utt2spk=(.+)$/) { $utt2spk = $1 }
    elsif ($option eq "--one-based") { $one_based = 1 }
    elsif ($option eq "-j" && @ARGV >= 2 && $ARGV[0] =~ /^\d+$/ && $ARGV[1] =~ /^\d+$/) {
        ($parts, $index) = splice @ARGV, 0, 2;
    } else { usage() }
}
usage() unless defined $parts ? (@ARGV == 1 || @ARGV == 2) : @ARGV >= 2;
my ($in, @outs) = @ARGV;
if (defined $parts) {
    $index-- if $one_based;
    fail("part $index of $parts does not exist") if $index < 0 || $index >= $parts;
} else {
    $parts = @outs;
}

my @lines = read_lines($in);
fail("'$in' is empty") unless @lines;
my @groups = defined $utt2spk ? by_speaker() : map { [$_] } @lines;
fail("'$in' has " . scalar(@groups) . (defined $utt2spk ? " speakers" : " lines") . ", too few for $parts parts")
    if @groups < $parts;
my @split = defined $utt2spk ? balanced(@groups) : even(@groups);
if (defined $index) { write_part(defined $outs[0] ? $outs[0] : "-", $split[$index]) }
else { write_part($outs[$_], $split[$_]) for 0 .. $parts - 1 }

sub even {
    my @rest = @_;
    my ($size, $longer) = (int(@rest / $parts), @rest % $parts);
    return map { [splice @rest, 0, $size + ($_ < $longer)] } 0 .. $parts - 1;
}

# Speakers in order; a part is closed when it has reached its share of the lines.
sub balanced {
    my @rest = @_;
    my ($left, @result) = (scalar @lines);
    for my $part (0 .. $parts - 1) {
        my ($share, $size, @taken) = ($left / ($parts - $part), 0);
        while (@rest && @rest > $parts - $part - 1) {
            my $next = @{ $rest[0] };
            last if @taken && $size + $next / 2 > $share && $part < $parts - 1;
            $size += $next;
            push @taken, shift @rest;
        }
        $left -= $size;
        push @result, \@taken;
    }
    return @result;
}

sub by_speaker {
    my (%speaker, %group, @groups);
    for (read_lines($utt2spk)) {
        my @fields = split;
        fail("$utt2spk: not two fields: '" . s/\n//r . "'") if @fields != 2;
        $speaker{ $fields[0] } = $fields[1];
    }
    for my $line (@lines) {
        my ($key) = split " ", $line;
        fail("$in: '$key' is not in $utt2spk") unless defined $speaker{$key};
        push @groups, $group{ $speaker{$key} } = [] unless $group{ $speaker{$key} };
        push @{ $group{ $speaker{$key} } }, $line;
    }
    return @groups;
}

sub read_lines {
    my ($file) = @_;
    my $handle = \*STDIN;
    if ($file ne "-") { undef $handle; open $handle, "<", $file or fail("cannot read $file: $!") }
    my @read = <$handle>;
    close $handle;
    return @read;
}

sub write_part {
    my ($file, $groups) = @_;
    my $handle = \*STDOUT;
    if ($file ne "-") { undef $handle; open $handle, ">", $file or fail("cannot write $file: $!") }
    print $handle map { ref $_ ? @$_ : $_ } @$groups;
    if ($file ne "-") { close $handle or fail("cannot write $file: $!") }
}

sub usage {
    print STDERR "Usage: split_scp.pl [--utt2spk=FILE] IN OUT1 OUT2 ...\n",
        "   or: split_scp.pl -j N I [--one-based] IN [OUT]\n";
    exit 2;
}

sub fail { print STDERR "split_scp.pl: $_[0]\n"; exit 1 }
