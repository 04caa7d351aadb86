# SPDX-License-Identifier: Apache-2.0
"""Programs of Java, compiled when they are prepared."""

import pathlib
import subprocess

import servers
from matrix.program import Launch, Program, write_file

SOURCES = servers.PROGRAMS / "matrix"
JARS = pathlib.Path("/usr/share/java")
TERMINATED = 143  # java's own exit status after SIGTERM
# A small machine runs two of them beside everything else.
OPTIONS = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
           "-Dsun.net.httpserver.idleInterval=60")


def tomcat_jars():
    jars = [jar for jar in JARS.glob("tomcat10-*.jar") if not jar.is_symlink()]
    if not jars:
        raise servers.ServerError("libtomcat10-java is missing: run scripts/bootstrap --matrix")
    return jars


def java(main, jars=lambda: []):
    def prepare(folder, port):
        classes = folder / "classes"
        classes.mkdir()
        path = ":".join(map(str, [classes, *jars()]))
        subprocess.run([servers.program("javac"), "-Xlint:all", "-d", classes, "-cp", path,
                        SOURCES / "Contract.java", SOURCES / f"{main}.java"], check=True)
        return Launch((servers.program("java"), *OPTIONS, "-cp", path, main, port),
                      {"MATRIX_FILE": str(write_file(folder))})
    return prepare


PROGRAMS = [
    Program("java HttpServer", "read + write on AF_INET6", java("JdkServer"), quick=True,
            exits=(TERMINATED,),
            lacks={"upgrade": "has no way to hand a connection over",
                   "half_head": "takes the end of the stream for the end of the head"}),
    Program("tomcat10", "read + write + sendfile64", java("TomcatServer", tomcat_jars),
            exits=(TERMINATED,)),
]
