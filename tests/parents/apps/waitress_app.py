# SPDX-License-Identifier: Apache-2.0
"""waitress: one thread reads all requests, its pool's threads handle and answer them."""

import os

import waitress

import work

waitress.serve(work.application, host="127.0.0.1", port=int(os.environ["PORT"]), threads=4,
               backlog=256, connection_limit=200)
