# SPDX-License-Identifier: Apache-2.0
"""The calls of a request, by libmariadb and libcurl, for all applications in Python.

The id is the alias in each statement and the end of the upstream's path, so that whoever sees a
call knows for whom it was made."""

import io
import os
import threading

import MySQLdb
import pycurl

UPSTREAM = os.environ["UPSTREAM"]
local = threading.local()


def connect():
    return MySQLdb.connect(
        host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]), user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"], database=os.environ["DB_NAME"], autocommit=True)


def own(name, make):
    """This thread's, made when first asked for."""
    if not hasattr(local, name):
        setattr(local, name, make())
    return getattr(local, name)


def sql(number, request, connection=None):
    cursor = (connection or own("connection", connect)).cursor()
    cursor.execute(f"SELECT {number} AS r{request}")
    cursor.fetchall()
    cursor.close()


def prepare(handle, request):
    """Makes the handle ask for the request's own path upstream; what comes goes nowhere."""
    handle.reset()
    handle.setopt(pycurl.URL, f"{UPSTREAM}/up/{request}")
    handle.setopt(pycurl.WRITEDATA, io.BytesIO())
    handle.setopt(pycurl.NOSIGNAL, 1)
    handle.setopt(pycurl.TIMEOUT, 30)


def http(request):
    handle = own("handle", pycurl.Curl)
    prepare(handle, request)
    handle.perform()
