"""The files of the project, for the lint tests."""

import pathlib
import shutil
import subprocess

TOP = pathlib.Path(__file__).resolve().parents[2]


def project_files(top=TOP):
    """Paths below top, relative to it: what git tracks or would; without git, all but builds."""
    listing = ["git", "-C", str(top), "ls-files", "-z"]
    listing += ["--cached", "--others", "--exclude-standard"]
    git = shutil.which("git") and subprocess.run(listing, capture_output=True, check=False)
    if git and git.returncode == 0 and git.stdout:
        names = [pathlib.PurePath(n) for n in git.stdout.decode().split("\0") if n]
        return sorted(n for n in names if (top / n).is_file())
    found = []
    for path in top.rglob("*"):
        name = path.relative_to(top)
        made = ("build", "smtap-out", "__pycache__")
        hidden = any(p.startswith(made) or p == ".git" for p in name.parts)
        if path.is_file() and not hidden:
            found.append(pathlib.PurePath(name))
    return sorted(found)


def read(name, top=TOP):
    """The text of a file, or None when it is not text."""
    data = (top / name).read_bytes()
    if b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def is_c(name):
    return name.suffix in (".c", ".h")


def is_shell(name, top=TOP):
    """A script by its first line; our shell scripts have no suffix."""
    if name.suffix not in ("", ".sh"):
        return False
    with open(top / name, "rb") as f:
        first = f.readline(200)
    return first.startswith(b"#!") and (b"bash" in first or b"/sh" in first or b" sh" in first)
