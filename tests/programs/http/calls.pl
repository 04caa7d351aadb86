# SPDX-License-Identifier: Apache-2.0
# What HTTP::Tiny or LWP is made to ask. usage: calls.pl tiny|lwp PORT
use strict;
use warnings;

my ($client, $port) = @ARGV;

sub tiny {
    my ($method, $path, %options) = @_;
    require HTTP::Tiny;
    my $tiny = HTTP::Tiny->new(timeout => $options{timeout} || 20, keep_alive => 1,
        $options{proxy} ? (http_proxy => "http://127.0.0.1:$port") : (http_proxy => undef));
    my $parts = $options{chunks};
    my %content = $parts ? (content => sub { shift @$parts }) :
        $options{content} ? (content => $options{content}) : ();
    my $answer = $tiny->request($method, $path, \%content);
    return ($answer->{status}, $answer->{status} == 599 ? '' : $answer->{content});
}

my $kept;

sub lwp {
    my ($method, $path, %options) = @_;
    require LWP::UserAgent;
    $kept ||= LWP::UserAgent->new(keep_alive => 1, timeout => 20);
    $kept->timeout($options{timeout}) if $options{timeout};
    $kept->proxy('http', "http://127.0.0.1:$port/") if $options{proxy};
    my $request = HTTP::Request->new($method, $path);
    my $parts = $options{chunks};
    $request->content($parts ? sub { shift @$parts || '' } : $options{content} || '');
    my $answer = $kept->request($request);
    return ($answer->code, $answer->header('Client-Warning') ? '' : $answer->content);
}

sub ask {
    my ($method, $path, %options) = @_;
    my $url = $path =~ m{^/} ? "http://127.0.0.1:$port$path" : $path;
    my ($status, $content) = $client eq 'lwp' ? lwp($method, $url, %options) :
        tiny($method, $url, %options);
    print "$method $path $status $content\n";
}

ask('GET', '/ok?token=hunter2');
ask('GET', '/chunked');
ask('POST', '/echo', content => 'hello');
ask('POST', '/echo', chunks => ['hel', 'lo']);
ask('HEAD', '/ok');
ask('GET', '/missing');
ask('GET', '/fail');
ask('GET', '/redirect');
ask('GET', '/close');
ask('GET', '/reset');
ask('GET', '/slow', timeout => 1);
ask('GET', 'http://shop.example/ok', proxy => 1);
