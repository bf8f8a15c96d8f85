"""Certificates for tests, made by certtool."""
import contextlib
import pathlib
import shutil
import subprocess
import tempfile

from exporting import SECRET
from harness import Skip

CA = "cn = {name}\nca\ncert_signing_key\nexpiration_days = 3\n"
SERVER = "cn = {name}\nip_address = 127.0.0.1\ntls_www_server\nsigning_key\nexpiration_days = 3\n"


def certtool(*args):
    subprocess.run(["certtool", *args], check=True, capture_output=True, timeout=60)


def make_certificate(folder, name, template, ca=None):
    """folder/NAME.key and NAME.crt, signed by folder/CA.*, or by itself."""
    key, cert, config = (folder / f"{name}.{end}" for end in ("key", "crt", "cfg"))
    config.write_text(template.format(name=name))
    certtool("--generate-privkey", "--key-type", "ecdsa", "--outfile", key)
    how = ["--load-privkey", key, "--template", config, "--outfile", cert]
    if ca is None:
        certtool("--generate-self-signed", *how)
    else:
        signer = ["--load-ca-certificate", folder / f"{ca}.crt"]
        certtool("--generate-certificate", *how, *signer, "--load-ca-privkey", folder / f"{ca}.key")


@contextlib.contextmanager
def certificates():
    """A folder with ca.crt, server.*, client.* of it, and stranger.* of another."""
    if not shutil.which("certtool"):
        raise Skip("there is no certtool")
    with tempfile.TemporaryDirectory(prefix="e2e-") as path:
        folder = pathlib.Path(path)
        make_certificate(folder, "ca", CA)
        make_certificate(folder, "otherca", CA)
        make_certificate(folder, "server", SERVER, "ca")
        make_certificate(folder, "client", SERVER.replace("server", "client"), "ca")
        make_certificate(folder, "stranger", SERVER, "otherca")
        (folder / "token").write_text(SECRET + "\n")
        yield folder
