# SPDX-License-Identifier: Apache-2.0
"""Programs of PHP. php-fpm speaks FastCGI, not HTTP."""

import signal

import servers
from matrix.program import Launch, Program, write_file

ONE_REQUEST = "answers one request on a connection and closes it"


def built_in(folder, port):
    write_file(folder)
    return Launch((servers.program("php"), "-n", "-q", "-S", f"127.0.0.1:{port}", "-t", folder,
                   servers.PROGRAMS / "matrix" / "router.php"))


PROGRAMS = [
    # SIGTERM would kill it, SIGINT makes it end.
    Program("php -S", "recv + send", built_in, quick=True, stop=signal.SIGINT,
            lacks={"keep_alive": ONE_REQUEST, "pipelined": ONE_REQUEST,
                   "BREW": "takes the methods it knows",
                   "trickle": "calls heads malformed that are split in some places",
                   "expect_continue": "does not know Expect",
                   "upgrade": "has no way to hand a connection over"}),
]
