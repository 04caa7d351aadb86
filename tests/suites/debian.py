# SPDX-License-Identifier: Apache-2.0
"""Packages and sources of Debian 12, fetched into the cache, installed nowhere.

apt works with lists of its own here: a machine's usually know no sources, and a suite out of the
main archive stays the same from one week to the next."""

import fcntl
import pathlib
import shutil
import subprocess

KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
ARCHIVE = f"[signed-by={KEYS}] http://deb.debian.org/debian bookworm main"


class FetchError(Exception):
    """A package could not be had; the text says what apt said."""


def run(command, directory):
    done = subprocess.run([str(part) for part in command], cwd=directory, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise FetchError(f"{' '.join(map(str, command))}:\n{done.stdout[-2000:]}")


class Archive:
    def __init__(self, cache):
        self.apt = pathlib.Path(cache) / "apt"
        (self.apt / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (self.apt / "sources").write_text(f"deb {ARCHIVE}\ndeb-src {ARCHIVE}\n")

    def get(self, directory, *arguments):
        run(["apt-get", "-q", "-o", f"Dir::Etc::sourcelist={self.apt}/sources",
             "-o", "Dir::Etc::sourceparts=-", "-o", f"Dir::State::lists={self.apt}/lists",
             "-o", f"Dir::Cache={self.apt}", "-o", "APT::Sandbox::User=root", *arguments],
            directory)

    def fetch(self, directory, *arguments):
        if not any((self.apt / "lists").glob("*Sources*")):
            self.get(directory, "update")
        self.get(directory, *arguments)

    def binary(self, package, home):
        """The package's files, below home."""
        self.fetch(home, "download", package)
        for file in home.glob(f"{package}_*.deb"):
            run(["dpkg", "-x", file, home], home)
            file.unlink()

    def source(self, package, home):
        """The upstream source, in home/source."""
        self.fetch(home, "source", "--download-only", "--only-source", package)
        (home / "source").mkdir()
        for file in home.glob("*.orig.tar.*"):
            if file.suffix != ".asc":
                run(["tar", "-xf", file, "--strip-components=1", "-C", home / "source"], home)


def prepared(cache, name, fill):
    """The folder of that name in the cache, filled by fill(archive, folder) if it was not yet."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        home = cache / name
        if not (home / "ready").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            fill(Archive(cache), home)
            (home / "ready").touch()
        return home
