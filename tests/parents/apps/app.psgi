# SPDX-License-Identifier: Apache-2.0
# A PSGI application, for starman: DBI's MySQL or MariaDB driver (DRIVER), and WWW::Curl.
use strict;
use warnings;
use DBI;
use WWW::Curl::Easy;

my ($database, $handle); # a process answers one request at a time

sub sql {
    my ($number, $request) = @_;
    $database ||= DBI->connect(
        "DBI:$ENV{DRIVER}:database=$ENV{DB_NAME};host=$ENV{DB_HOST};port=$ENV{DB_PORT}",
        $ENV{DB_USER}, $ENV{DB_PASSWORD}, { RaiseError => 1 });
    $database->selectall_arrayref("SELECT $number AS r$request");
}

sub http {
    my ($request) = @_;
    my $answer = '';
    open my $sink, '>', \$answer;
    $handle ||= WWW::Curl::Easy->new;
    $handle->setopt(CURLOPT_URL, "$ENV{UPSTREAM}/up/$request");
    $handle->setopt(CURLOPT_WRITEDATA, $sink);
    $handle->perform == 0 or die 'no answer from upstream';
}

sub {
    my ($env) = @_;
    my (undef, $name, $request) = split m{/}, $env->{PATH_INFO};
    if ($name eq 'work') {
        sql(1, $request);
        http($request);
        sql(2, $request);
    }
    my $body = ($request // $name) . "\n";
    return [200, ['Content-Type' => 'text/plain', 'Content-Length' => length $body], [$body]];
}
