# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use HTTP::Tiny;
use Steps;

Steps::run(
    sub {
        my ($step, $proxy) = @_;
        return HTTP::Tiny->new(keep_alive => $step->{kept}, timeout => $step->{timeout},
            $step->{way} eq 'proxy' ? (http_proxy => "http://$proxy") : ());
    },
    sub {
        my ($client, $step) = @_;
        my %options;
        if (defined $step->{body}) {
            $options{headers} = {'Content-Type' => 'application/octet-stream'};
            $options{content} = $step->{chunked} ? Steps::pieces($step) : $step->{body};
        }
        my $answer = $client->request($step->{method}, $step->{url}, \%options);
        die(($answer->{content} =~ /([^.:]*)/)[0] . "\n") if $answer->{status} == 599;
        return ($answer->{status}, $answer->{content});
    });
