# SPDX-License-Identifier: Apache-2.0
"""A small WSGI application on MySQLdb and pycurl, as somebody might have written it without a
thought of tracing: items in MariaDB, their blobs in S3.

As in the shop, a request's X-Request-ID becomes the alias of the table in each statement and part
of the S3 key, so that a test sees from either for whom it was made. Settings come from APP_*
variables."""

import hashlib
import hmac
import io
import json
import os
import re
import threading
import time
import urllib.parse

import MySQLdb
import pycurl

BLOB_BYTES_MAX = 8 << 20
local = threading.local()


class Failure(Exception):
    """An answer that is not the wanted one."""

    def __init__(self, status, reason):
        super().__init__(reason)
        self.status = status


# --- database ---


def database():
    """This thread's connection."""
    if not hasattr(local, "database"):
        local.database = MySQLdb.connect(
            unix_socket=os.environ["APP_DB_SOCKET"], user=os.environ["APP_DB_USER"],
            password=os.environ["APP_DB_PASSWORD"], database=os.environ["APP_DB_NAME"],
            charset="utf8mb4", autocommit=True)
    return local.database


def query(statement, *arguments):
    cursor = database().cursor()
    try:
        cursor.execute(statement, arguments)
        return cursor.fetchall()
    except MySQLdb.Error as error:
        raise Failure(500, str(error.args[1])) from error
    finally:
        cursor.close()


# --- storage ---


def signed_headers(method, host, path, body):
    """The headers of AWS Signature Version 4 for a request without a query."""
    region = os.environ.get("APP_S3_REGION", "us-east-1")
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    headers = {"host": host, "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
               "x-amz-date": now}
    names = ";".join(headers)
    canonical = "\n".join([method, urllib.parse.quote(path), "",
                           *(f"{name}:{value}" for name, value in headers.items()), "", names,
                           headers["x-amz-content-sha256"]])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", now, scope,
                         hashlib.sha256(canonical.encode()).hexdigest()])
    key = ("AWS4" + os.environ["APP_S3_SECRET_KEY"]).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={os.environ['APP_S3_ACCESS_KEY']}/"
                                f"{scope}, SignedHeaders={names}, Signature={signature}")
    return [f"{name}: {value}" for name, value in headers.items()]


def s3(method, key, body=b""):
    """One request to S3 on this thread's handle; the object's bytes."""
    if not hasattr(local, "curl"):
        local.curl = pycurl.Curl()
    endpoint = os.environ["APP_S3_ENDPOINT"]
    path = f"/{os.environ['APP_S3_BUCKET']}/{key}"
    answer = io.BytesIO()
    handle = local.curl
    handle.reset()
    handle.setopt(pycurl.URL, endpoint + path)
    handle.setopt(pycurl.HTTPHEADER,
                  signed_headers(method, endpoint.split("://")[1], path, body) + ["Expect:"])
    if method == "PUT":
        handle.setopt(pycurl.UPLOAD, 1)
        handle.setopt(pycurl.READDATA, io.BytesIO(body))
        handle.setopt(pycurl.INFILESIZE_LARGE, len(body))
    handle.setopt(pycurl.WRITEDATA, answer)
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.TIMEOUT, 30)
    try:
        handle.perform()
    except pycurl.error as error:
        raise Failure(502, f"storage: {error.args[1]}") from error
    if handle.getinfo(pycurl.RESPONSE_CODE) != 200:
        raise Failure(502, f"storage: {handle.getinfo(pycurl.RESPONSE_CODE)}")
    return answer.getvalue()


# --- routes ---


def alias(request):
    return f" AS r_{request}" if request else ""


def health(_request, _environ):
    return 200, {"status": "ok"}


def items(request, _environ):
    rows = query(f"SELECT id, name FROM items{alias(request)} WHERE id < 30 ORDER BY id")
    return 200, [{"id": number, "name": name} for number, name in rows]


def item(request, _environ, number):
    rows = query(f"SELECT name FROM items{alias(request)} WHERE id = %s", number)
    if not rows:
        raise Failure(404, "not found")
    return 200, {"id": number, "name": rows[0][0]}


def blob_put(request, environ, number):
    length = environ.get("CONTENT_LENGTH")
    body = environ["wsgi.input"].read(int(length) if length else BLOB_BYTES_MAX)
    if not query(f"SELECT id FROM items{alias(request)} WHERE id = %s", number):
        raise Failure(404, "not found")
    key = f"items/{number}/{request or 'blob'}"
    s3("PUT", key, body)
    query(f"UPDATE items{alias(request)} SET blob_key = %s WHERE id = %s", key, number)
    return 201, {"id": number, "blob_key": key, "bytes": len(body)}


def blob_get(request, _environ, number):
    rows = query(f"SELECT blob_key FROM items{alias(request)} WHERE id = %s", number)
    if not rows or not rows[0][0]:
        raise Failure(404, "not found")
    return 200, s3("GET", rows[0][0])


def broken(request, _environ):
    return 200, query(f"SELECT id FROM missing{alias(request)} WHERE secret = 'hunter2'")


ROUTES = [
    ("GET", r"/health", health),
    ("GET", r"/items", items),
    ("GET", r"/items/(\d{1,9})", item),
    ("POST", r"/items/(\d{1,9})/blob", blob_put),
    ("GET", r"/items/(\d{1,9})/blob", blob_get),
    ("GET", r"/broken", broken),
]
REASONS = {200: "OK", 201: "Created", 404: "Not Found", 405: "Method Not Allowed",
           500: "Internal Server Error", 502: "Bad Gateway"}


def route(environ):
    request = environ.get("HTTP_X_REQUEST_ID", "")
    if not re.fullmatch("[A-Za-z0-9]{1,32}", request):
        request = ""
    method = "GET" if environ["REQUEST_METHOD"] == "HEAD" else environ["REQUEST_METHOD"]
    status = 404
    for wanted, pattern, function in ROUTES:
        found = re.fullmatch(pattern, environ["PATH_INFO"])
        if found and wanted == method:
            return function(request, environ, *map(int, found.groups()))
        if found:
            status = 405
    raise Failure(status, REASONS[status].lower())


def application(environ, start_response):
    try:
        status, content = route(environ)
    except Failure as failure:
        status, content = failure.status, {"error": str(failure)}
    if isinstance(content, bytes):
        kind, body = "application/octet-stream", content
    else:
        kind, body = "application/json", json.dumps(content).encode() + b"\n"
    start_response(f"{status} {REASONS[status]}",
                   [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]
