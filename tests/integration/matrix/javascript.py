# SPDX-License-Identifier: Apache-2.0
"""Programs of JavaScript."""

import servers
from matrix.program import Launch, Program, write_file

LACKS = {"BREW": "takes the methods it knows"}


def node(mode):
    def prepare(folder, port):
        return Launch((servers.program("node"), servers.PROGRAMS / "matrix" / "server.js", port,
                       mode), {"MATRIX_FILE": str(write_file(folder))})
    return prepare


PROGRAMS = [
    Program("node", "read + write(v), closes by syscall()", node("single"),
            lacks=LACKS),
    Program("node cluster", "the same on sockets from recvmsg", node("cluster"),
            quick=True, processes=3, lacks=LACKS),
]
