# SPDX-License-Identifier: Apache-2.0
# The steps that the programs here do (tests/integration/clients/plan.py), and how they say what
# came of them.
package Steps;
use strict;
use warnings;
use Compress::Zlib ();

sub content {
    my ($size) = @_;
    return substr(join('', map { chr } 0 .. 250) x (int($size / 251) + 1), 0, $size);
}

sub pieces {
    my ($step) = @_;
    my $third = int(length($step->{body}) / 3) + 1;
    my @pieces = unpack("(a$third)*", $step->{body});
    return sub { return shift @pieces };
}

# $begin->($step, $proxy) makes what lasts as long as a connection does; $ask->($it, $step) returns
# status and body, or dies.
sub run {
    my ($begin, $ask) = @_;
    my $kept;
    $| = 1;
    open my $lines, '<', $ARGV[0] or die "$ARGV[0]: $!";
    while (my $line = <$lines>) {
        my %step;
        my ($body, $milliseconds, $connection);
        (@step{qw(number method url)}, $body, $milliseconds, $step{way}, $connection) =
            split ' ', $line;
        my ($kind, $size) = split /:/, $body;
        $step{body} = $kind eq '-' ? undef : content($size);
        $step{chunked} = $kind eq 'chunked';
        $step{timeout} = $milliseconds ? $milliseconds / 1000 : 60;
        $step{kept} = $connection eq 'kept';
        undef $kept if !$step{kept};
        my $client = $kept || $begin->(\%step, $ARGV[1]);
        my ($status, $text) = eval { $ask->($client, \%step) };
        if (defined $status) {
            printf "%s %d %d %08x\n", $step{number}, $status, length $text,
                Compress::Zlib::crc32($text);
        } else {
            my ($why) = $@ =~ /^(.*?)(?: at \S+ line \d+\.)?$/m;
            print "$step{number} failed $why\n";
        }
        $kept = $step{kept} ? $client : undef;
    }
}

1;
