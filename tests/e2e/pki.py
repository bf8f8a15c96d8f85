"""Certificates for a test, made by certtool."""
import contextlib
import pathlib
import shutil
import subprocess
import tempfile

from harness import Skip

CA = ["ca", "cert_signing_key"]
USE = [
    "tls_www_server",
    "tls_www_client",
    "signing_key",
    "ip_address = 127.0.0.1",
    "ip_address = ::1",
    "dns_name = localhost",
]
OTHER_NAME = ["tls_www_server", "signing_key", "dns_name = other.example"]
OVER = [
    'activation_date = "2020-01-01 00:00:00 UTC"',
    'expiration_date = "2021-02-03 00:00:00 UTC"',
]
NOW = ["expiration_days = 3"]


def certtool(*args):
    subprocess.run(["certtool", *args], check=True, capture_output=True, timeout=60)


def make(folder, name, lines, signer=None):
    """folder/NAME.key and NAME.crt, signed by folder/SIGNER.*, or by itself."""
    key, cert, config = (folder / f"{name}.{end}" for end in ("key", "crt", "cfg"))
    config.write_text("\n".join([f"cn = {name}", *lines, ""]))
    certtool("--generate-privkey", "--key-type", "ecdsa", "--outfile", key)
    how = ["--load-privkey", key, "--template", config, "--outfile", cert]
    if signer is None:
        certtool("--generate-self-signed", *how)
    else:
        certtool(
            "--generate-certificate",
            *how,
            "--load-ca-certificate",
            folder / f"{signer}.crt",
            "--load-ca-privkey",
            folder / f"{signer}.key",
        )


@contextlib.contextmanager
def certificates():
    """A folder with ca, a server and a client of it, one of another name, one that has expired,
    and another CA with a server of its own."""
    if not shutil.which("certtool"):
        raise Skip("there is no certtool")
    with tempfile.TemporaryDirectory(prefix="e2e-") as path:
        folder = pathlib.Path(path)
        make(folder, "ca", CA + NOW)
        make(folder, "strangers", CA + NOW)
        make(folder, "server", USE + NOW, "ca")
        make(folder, "client", USE + NOW, "ca")
        make(folder, "other", OTHER_NAME + NOW, "ca")
        make(folder, "over", USE + OVER, "ca")
        make(folder, "stranger", USE + NOW, "strangers")
        yield folder
