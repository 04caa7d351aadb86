# SPDX-License-Identifier: Apache-2.0
"""Programs of Ruby."""

import servers
from matrix.program import Launch, Program, write_file

CONFIGURATION = """
bind 'tcp://127.0.0.1:{port}'
rackup '{application}'
workers 0
threads 4, 4
max_fast_inline 100_000 # else a busy server closes connections
persistent_timeout 60
raise_exception_on_sigterm false # would end it by the signal
quiet
"""


def puma(folder, port):
    configuration = folder / "puma.rb"
    configuration.write_text(CONFIGURATION.format(
        port=port, application=servers.PROGRAMS / "matrix" / "config.ru"))
    return Launch((servers.program("puma"), "--config", configuration),
                  {"MATRIX_FILE": str(write_file(folder)), "RACK_ENV": "production"})


PROGRAMS = [
    Program("puma", "recv in a pool thread + write", puma,
            lacks={"pipelined_body": "takes what follows for a part of the body"}),
]
