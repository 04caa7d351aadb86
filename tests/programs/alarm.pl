# SPDX-License-Identifier: Apache-2.0
# A server whose handlers wait for what never comes, until an alarm lets them die out of the wait.
use strict;
use warnings;
use IO::Socket::INET;
use Socket;
use Time::HiRes qw(ualarm);

$| = 1;
alarm 50;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 8) or die $@;
print $listener->sockport, "\n";
my $client;
my %waits = (
    sysread => sub { sysread $client, my $more, 4096 },
    syswrite => sub {
        socketpair my $one, my $other, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die $!;
        while (1) { syswrite $one, 'nobody reads this' x 100_000 }
    },
    accept => sub { $listener->accept },
    select => sub { select undef, undef, undef, 30 },
);
while ($client = $listener->accept) {
    sysread $client, my $head, 4096;
    my ($path) = $head =~ m{^GET /(\w+)};
    for (1 .. ($waits{$path} ? 5 : 0)) {
        eval {
            local $SIG{ALRM} = sub { die "alarm\n" };
            ualarm 20_000;
            $waits{$path}->();
            ualarm 0;
        };
        print "woken by $@";
        alarm 50;
    }
    syswrite $client, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nperl";
    close $client;
    exit 0 if $path eq 'end';
}
