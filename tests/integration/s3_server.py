# SPDX-License-Identifier: Apache-2.0
"""An S3 server for the tests: moto's S3 behind waitress, from PyPI, run by the Python of the
virtual environment that scripts/bootstrap makes.

Why moto: it installs on a bare Debian 12 from wheels alone in ten seconds, starts in half a
second, and compares SigV4 signatures. npm's s3rver takes any V4 signature; crates and Go modules
want newer compilers than Debian 12 has; S3Proxy wants a Java machine. Why waitress: moto's own
development server closes the connection after each answer, and clients keep theirs in real life.

Two things are made stricter here, so that the server judges as Amazon's does: headers are checked
exactly as SignedHeaders lists them (moto leaves `traceparent` out, whatever the client signed),
and a request without Authorization is refused with 403.

usage: s3_server.py PORT BUCKET ACCESS_LOG
Prints one line of JSON, {"access_key": …, "secret_key": …}, once it listens. The access log has a
line of JSON a request: what arrived, the independent witness for what clients say they sent."""

import json
import re
import secrets
import sys
import threading

import waitress
from botocore.auth import S3SigV4Auth
from botocore.compat import HTTPHeaders
from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam import access_control
from moto.iam.models import iam_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends

REGION = "us-east-1"
ALL_OF_S3 = {"Version": "2012-10-17",
             "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


class ExactAuth(S3SigV4Auth):
    """Signs the headers that the client says it signed: all of them and no other."""

    def headers_to_sign(self, request):
        headers = HTTPHeaders()
        for name, value in request.headers.items():
            headers[name.lower()] = value
        return headers


class Witness:
    """Refuses what is not signed, and writes down what arrived and what was answered."""

    def __init__(self, application, path):
        self.application = application
        self.log = open(path, "w", encoding="utf-8")
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        authorization = environ.get("HTTP_AUTHORIZATION", "")

        def start(status, headers, *rest):
            signed = re.search("SignedHeaders=([^,]*)", authorization)
            self.write({
                "method": environ["REQUEST_METHOD"], "path": environ["PATH_INFO"],
                "status": int(status.split()[0]),
                "traceparent": environ.get("HTTP_TRACEPARENT"),
                "signed_headers": signed[1].split(";") if signed else []})
            return start_response(status, headers, *rest)

        if not authorization.startswith("AWS4-HMAC-SHA256 "):
            start("403 Forbidden", [("Content-Type", "application/xml")])
            return [b"<Error><Code>AccessDenied</Code></Error>"]
        return self.application(environ, start)

    def write(self, record):
        with self.lock:
            self.log.write(json.dumps(record) + "\n")
            self.log.flush()


def main():
    port, bucket, access_log = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
    iam.create_user(REGION, "shop")
    iam.put_user_policy("shop", "s3", json.dumps(ALL_OF_S3))
    key = iam.create_access_key("shop")  # its id names the account: moto's own choice
    key.secret_access_key = secrets.token_urlsafe(30)
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(bucket, REGION)
    access_control.S3IAMRequest._create_auth = (
        lambda self, credentials: ExactAuth(credentials, self._service, self._region))
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0  # check signatures from the first request on
    application = Witness(DomainDispatcherApplication(create_backend_app), access_log)
    server = waitress.create_server(application, host="127.0.0.1", port=port, threads=8)
    print(json.dumps({"access_key": key.access_key_id, "secret_key": key.secret_access_key}),
          flush=True)
    server.run()


if __name__ == "__main__":
    main()
