# SPDX-License-Identifier: Apache-2.0
"""A collector that remembers only which process each span came from, and that in a file, because it
is killed without warning: 12 bytes a span, written before the post is answered.

usage: collector.py PORT FILE"""

import os
import pathlib
import struct
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

import otlp  # noqa: E402
import sink  # noqa: E402

RECORD = struct.Struct("<IQ")  # process id, span id


def records(request):
    for of_resource in request.resource_spans:
        process = otlp.attributes_of(of_resource.resource.attributes)["process.pid"]
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield RECORD.pack(process, int.from_bytes(span.span_id, "big"))


def keep(file):
    """A step of the sink's that stores in the file, in one write."""
    def step(connection, post):
        os.write(file, b"".join(records(post.request)))
        post.wire = b""
        return sink.accept(connection, post)
    return step


def cut_torn(file):
    """A kill in the middle of a write may leave part of a record, of a post that was not answered."""
    size = os.fstat(file).st_size
    os.ftruncate(file, size - size % RECORD.size)


def read(path):
    """Process id → the ids of its spans, each once, in memory for one process at a time."""
    content = path.read_bytes()
    content = content[:len(content) - len(content) % RECORD.size]
    for process in sorted({process for process, _ in RECORD.iter_unpack(content)}):
        yield process, {span for of, span in RECORD.iter_unpack(content) if of == process}


def main():
    file = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    cut_torn(file)
    collector = sink.Collector(keep(file))
    collector.port = int(sys.argv[1])
    collector.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
