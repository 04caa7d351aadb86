# SPDX-License-Identifier: Apache-2.0
# A server whose handler waits for what never comes, until an alarm lets it die out of the wait.
use strict;
use warnings;
use IO::Socket::INET;
use Time::HiRes qw(ualarm);

$| = 1;
alarm 50;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 8) or die $@;
print $listener->sockport, "\n";
while (my $client = $listener->accept) {
    sysread $client, my $head, 4096;
    if ($head =~ m{^GET /wait}) {
        for (1 .. 5) {
            eval {
                local $SIG{ALRM} = sub { die "alarm\n" };
                ualarm 20_000;
                sysread $client, my $more, 4096;
                ualarm 0;
            };
            print "woken by $@";
        }
        alarm 50;
    }
    syswrite $client, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nperl";
    close $client;
    exit 0 if $head =~ m{^GET /end};
}
