# SPDX-License-Identifier: Apache-2.0
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use HTTP::Request;
use LWP::UserAgent;
use Steps;

Steps::run(
    sub {
        my ($step, $proxy) = @_;
        my $agent = LWP::UserAgent->new(keep_alive => $step->{kept}, timeout => $step->{timeout});
        $agent->proxy(http => "http://$proxy") if $step->{way} eq 'proxy';
        return $agent;
    },
    sub {
        my ($agent, $step) = @_;
        my $request = HTTP::Request->new($step->{method}, $step->{url});
        if (defined $step->{body}) {
            $request->header('Content-Type' => 'application/octet-stream');
            $request->content($step->{chunked} ? Steps::pieces($step) : $step->{body});
        }
        my $answer = $agent->request($request);
        die $answer->status_line . "\n" if $answer->header('Client-Warning');
        die "aborted\n" if $answer->header('Client-Aborted') || $answer->header('X-Died');
        return ($answer->code, $answer->content);
    });
