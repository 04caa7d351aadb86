# SPDX-License-Identifier: Apache-2.0
"""A private certificate authority, made when a test needs it, and what it signs."""

import pathlib
import ssl
import subprocess

import servers

SYSTEM = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
DAY = ["-days", "1"]


class Authority:
    """Keys and certificates lie in a directory of its own: NAME.pem, NAME.key; its own is
    authority.pem."""

    def __init__(self, directory, name="authority"):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(exist_ok=True)
        self.file = self.directory / "authority.pem"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                     "-nodes", "-subj", f"/CN=otelagent's test {name}", *DAY, "-keyout",
                     "authority.key", "-out", "authority.pem")

    def among_many(self):
        """A file of the system's authorities and this one: reading it takes OpenSSL some time."""
        many = self.directory / "many.pem"
        many.write_text(SYSTEM.read_text() + self.file.read_text())
        return many

    def openssl(self, *arguments):
        subprocess.run([servers.program("openssl"), *arguments], cwd=self.directory, check=True,
                       capture_output=True)

    def sign(self, name, names="DNS:localhost,IP:127.0.0.1", dates=None):
        """A key and a certificate for these subject alternative names; returns their paths."""
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.directory / f"{name}.ext").write_text(f"subjectAltName={names}\n")
        if dates:
            (self.directory / "index.txt").write_text("")
            (self.directory / "ca.cnf").write_text(
                "[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\nnew_certs_dir=.\n"
                "default_md=sha256\npolicy=any\nrand_serial=yes\n[any]\ncommonName=supplied\n")
            self.openssl("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "authority.pem",
                         "-keyfile", "authority.key", "-in", f"{name}.csr", "-out", f"{name}.pem",
                         "-extfile", f"{name}.ext", "-startdate", dates[0], "-enddate", dates[1])
        else:
            self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "authority.pem", "-CAkey",
                         "authority.key", "-CAcreateserial", "-extfile", f"{name}.ext", *DAY,
                         "-out", f"{name}.pem")
        return self.directory / f"{name}.pem", self.directory / f"{name}.key"

    def serve(self, name="server", clients=None, **how):
        """What a server of that name needs; `clients`: the authority of those it lets in."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.sign(name, **how))
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients.file)
        return context
