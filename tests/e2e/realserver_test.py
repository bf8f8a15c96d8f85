#!/usr/bin/env python3
"""Real servers, a real attack: what smtap sees must be what Postfix and hydra say of it.

usage: realserver_test.py SMTAP [UNPACKED]   (prints TAP)

UNPACKED: a folder with the files of Debian's postfix, dovecot-core and hydra, for a machine
that has not installed them; see scripts/deps. Everything runs in two network namespaces of its
own, joined by a virtual cable; on the server's end of it tcpdump listens. Nothing is left behind.
Skipped where the namespaces cannot be made or a program is missing.
"""
import base64
import collections
import contextlib
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from golden import Replay, Tap  # noqa: E402

DEADLINE_S = 50  # for all of it; each wait is for a condition
SERVER = "203.0.113.25"
HYDRA = {"198.51.100.7": "LOGIN", "198.51.100.8": "PLAIN", "198.51.100.9": "CRAM-MD5"}
SCRIPTED = "198.51.100.10"
NAME, PASSWORD = "alice", "Tr0mbone-Lake"
GUESSES = [f"wrong-{n:02}-guess" for n in range(24)]

# Runs a command with the unpacked files (if there are any) laid over /usr, and with our users.
# `ip netns exec` has given us mounts of our own.
SHELL = """
if [ -d "$1/usr" ]; then mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr; fi
mount --bind "$2/passwd" /etc/passwd
mount --bind "$2/group" /etc/group
shift 2
exec "$@"
"""

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {0}/queue
data_directory = {0}/data
meta_directory = {0}/postfix
maillog_file = {0}/mail.log
maillog_file_prefixes = {0}
myhostname = mx1.corp.example
mydestination = corp.example
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
default_transport = error
local_transport = error
relay_transport = error
smtpd_peername_lookup = no
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_error_sleep_time = 0
smtpd_junk_command_limit = 1000
"""

MASTER_CF = """
%s:25 inet n - n - - smtpd
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
postlog unix-dgram n - n - 1 postlogd
""" % SERVER

DOVECOT_CONF = """
base_dir = {0}/dovecot
state_dir = {0}/dovecot-state
log_path = {0}/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = {0}/users
}}
service auth {{
  unix_listener {0}/queue/private/auth {{
    mode = 0660
    user = postfix
  }}
}}
# Delays that grow with each failure: true, and of no use here.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


class Missing(Exception):
    """This machine cannot run the test."""


def b64(text):
    return base64.b64encode(text.encode()).decode()


def run(*command):
    r = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    if r.returncode:
        raise Missing(f"{' '.join(command)}: {r.stderr.strip()}")


class Lab:
    """Two namespaces, the servers in one of them; all of it ends with the with block."""

    def __init__(self, path, unpacked, stack):
        self.path, self.unpacked, self.stack = pathlib.Path(path), unpacked, stack
        self.end = time.monotonic() + DEADLINE_S
        self.server, self.client = f"smtap-{os.getpid()}-s", f"smtap-{os.getpid()}-c"

    def until(self, what, condition):
        while not condition():
            if time.monotonic() > self.end:
                said = "".join(self.read(n)[-800:] for n in ("postfix.out", "dovecot.out"))
                raise TimeoutError(f"{what}: not within {DEADLINE_S} s; {said}")
            time.sleep(0.02)

    def read(self, name):
        with contextlib.suppress(OSError):
            return (self.path / name).read_text(errors="replace")
        return ""

    def write(self, name, text):
        path = self.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def folder(self, name, owner=None):
        (self.path / name).mkdir()
        if owner is not None:
            os.chown(self.path / name, owner, owner)

    def cable(self):
        for name in (self.server, self.client):
            run("ip", "netns", "add", name)
            self.stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
        run("ip", "-n", self.server, "link", "add", "wire", "type", "veth",
            "peer", "name", "wire", "netns", self.client)
        ends = {self.server: [SERVER], self.client: [*HYDRA, SCRIPTED]}
        for name, addresses in ends.items():
            for address in addresses:
                run("ip", "-n", name, "addr", "add", f"{address}/32", "dev", "wire")
            for device in ("lo", "wire"):
                run("ip", "-n", name, "link", "set", device, "up")
        run("ip", "-n", self.server, "route", "add", "198.51.100.0/24", "dev", "wire")

    def source(self, address):
        """What the client's end is called from now on."""
        run("ip", "-n", self.client, "route", "replace", "203.0.113.0/24", "dev", "wire",
            "src", address)

    def users(self):
        """The machine's users, and those that the servers must have. Returns postfix's id."""
        have = {line.split(":")[0]: line.split(":") for line in
                pathlib.Path("/etc/passwd").read_text().splitlines()}
        passwd = pathlib.Path("/etc/passwd").read_text()
        group = pathlib.Path("/etc/group").read_text()
        for number, name in enumerate(("postfix", "dovecot", "dovenull"), 64901):
            if name not in have:
                have[name] = [name, "x", str(number)]
                passwd += f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
            if f"\n{name}:" not in group:
                group += f"{name}:x:{number}:\n"
        if "\npostdrop:" not in group:
            group += "postdrop:x:64904:\n"
        self.write("passwd", passwd)
        self.write("group", group)
        run(*self.inside(self.server, "true"))
        return int(have["postfix"][2])

    def inside(self, namespace, *command):
        return ["ip", "netns", "exec", namespace, "sh", "-euc", SHELL, "sh", self.unpacked,
                str(self.path), *command]

    def start(self, name, *command):
        """A server, in its namespace, with its words in NAME.out."""
        out = self.stack.enter_context(open(self.path / f"{name}.out", "w", encoding="utf-8"))
        p = subprocess.Popen(self.inside(self.server, *command), stdin=subprocess.DEVNULL,
                             stdout=out, stderr=out, start_new_session=True)
        self.stack.callback(self.stop, p)
        return p

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def serve(self):
        owner = self.users()
        for name in ("queue", "dovecot-state"):
            self.folder(name)
        self.folder("data", owner)
        for name in ("active bounce corrupt defer deferred flush hold incoming maildrop private "
                     "public saved trace").split():
            self.folder(f"queue/{name}", owner)
        self.folder("queue/pid")
        self.write("users", f"{NAME}:{{PLAIN}}{PASSWORD}\n")
        self.write("dovecot.conf", DOVECOT_CONF.format(self.path))
        self.write("postfix/main.cf", MAIN_CF.format(self.path))
        self.write("postfix/master.cf", MASTER_CF)
        self.start("dovecot", "/usr/sbin/dovecot", "-F", "-c", f"{self.path}/dovecot.conf")
        self.until("Dovecot", lambda: (self.path / "queue/private/auth").exists())
        self.start("postfix", "/usr/lib/postfix/sbin/master", "-d", "-c", f"{self.path}/postfix")
        self.until("Postfix", lambda: "daemon started" in self.read("mail.log"))

    @contextlib.contextmanager
    def capture(self, path):
        """All that passes the server's end of the cable, until every connection has ended."""
        p = subprocess.Popen(["ip", "netns", "exec", self.server, "tcpdump", "-i", "wire", "-U",
                              "--immediate-mode", "-B", "16384", "-Z", "root", "-w", path, "tcp"],
                             stderr=subprocess.PIPE, text=True)
        try:
            said = p.stderr.readline()
            if "listening" not in said and "listening" not in p.stderr.readline():
                raise Missing(f"tcpdump: {said.strip()}")
            yield
            self.until("the end of all connections", self.all_ended)
        finally:
            p.send_signal(signal.SIGINT)
            said = p.communicate(timeout=10)[1]
        if not re.search(r"\b0 packets dropped by kernel", said):
            raise Missing(f"tcpdump lost packets: {said}")

    def all_ended(self):
        log = self.read("mail.log")
        began, ended = log.count(": connect from "), log.count(": disconnect from ")
        return 0 < began == ended

    def hydra(self, address, mechanism):
        self.source(address)
        out = self.path / f"hydra-{mechanism}"
        r = subprocess.run(
            self.inside(self.client, "hydra", "-I", "-l", NAME, "-P", f"{self.path}/passwords",
                        "-o", str(out), f"smtp://{SERVER}/{mechanism}"),
            cwd=self.path, text=True, capture_output=True,
            timeout=max(1, self.end - time.monotonic()))
        found = re.findall(r"password: (\S+)", out.read_text() if out.exists() else "")
        if found != [PASSWORD]:
            raise AssertionError(f"hydra found {found}: {r.stdout[-300:]} {r.stderr[-300:]}")

    def scripted(self, talk):
        """talk(socket) in the client's namespace, in a child: a namespace is for ever."""
        self.source(SCRIPTED)
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(Exception):
                enter(self.client)
                with socket.create_connection((SERVER, 25), 20, (SCRIPTED, 0)) as s:
                    talk(s)
                status = 0
            os._exit(status)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise AssertionError("the scripted client got no answer")


def enter(name):
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
        raise OSError(ctypes.get_errno(), "setns")


def talk_oddly(s):
    """What only a script does. Each step waits for as many replies as it must get."""
    replies = s.makefile("rb")

    def say(text, count=1):
        s.sendall(text.encode())
        while count:
            line = replies.readline()
            if not line:
                raise EOFError
            count -= line[3:4] != b"-"

    dialogue = "AUTH LOGIN\r\n" + b64(NAME) + "\r\n" + b64("wrong-again") + "\r\n"
    say("", 1)
    say("EHLO client.example\r\n")
    say(dialogue * 3, 9)
    say("auth\tlogin\n" + b64(NAME) + "\n", 2)
    say("QUIT\r\n")  # the password
    say("AUTH LOGIN =\r\n" + b64(NAME) + "\r\n" + b64("wrong-again") + "\r\n", 3)
    say("AUTH LOGIN\r\n*\r\n", 2)
    say("AUTH PLAIN !!!\r\n")
    say("AUTH NONSENSE\r\n")
    say("STARTTLS\r\n")
    say(f"MAIL FROM:<a@b.example>\r\nBDAT {len(dialogue)} LAST\r\n{dialogue}RSET\r\n", 3)
    say(f"AUTH PLAIN {b64(chr(0) + NAME + chr(0) + PASSWORD)}\r\n")
    say("AUTH LOGIN\r\nQUIT\r\n", 2)


def server_view(log):
    """Per source what Postfix logged: AUTH commands, how they ended, who was named."""
    seen = collections.defaultdict(collections.Counter)
    for line in log.splitlines():
        m = re.search(r"disconnect from unknown\[(.*?)\].* auth=(?:(\d+)/)?(\d+)", line)
        if m:
            seen[m[1]]["attempts"] += int(m[3])
            seen[m[1]]["success"] += int(m[2] or m[3])
        m = re.search(r"unknown\[(.*?)\]: SASL (\S+) authentication (failed|aborted)(.*)", line)
        if not m:
            continue
        unchecked = m[3] == "aborted" or "nvalid base64" in m[4]
        refused = "nvalid authentication mechanism" in m[4]
        seen[m[1]]["aborted" if unchecked else "refused" if refused else "failure"] += 1
        named = re.search(r"sasl_username=(\S+)", m[4])
        if named and not unchecked and not refused:
            seen[m[1]][f"{m[2].upper()} {named[1]}"] += 1
    for view in seen.values():  # what Postfix refuses by sequence it does not log
        view["refused"] += view["attempts"] - sum(
            view[k] for k in ("success", "failure", "aborted", "refused"))
    return {source: +view for source, view in seen.items()}


def smtap_view(events):
    seen = collections.defaultdict(collections.Counter)
    for e in events:
        if e["event_type"] != "smtp_auth":
            continue
        auth = e["smtp_auth"]
        seen[e["src_ip"]]["attempts"] += 1
        seen[e["src_ip"]][auth["outcome"]] += 1
        if auth["outcome"] == "failure":
            seen[e["src_ip"]][f"{auth['mechanism']} {auth.get('username')}"] += 1
    return {source: +view for source, view in seen.items()}


def compare(got, want, source):
    got, want = got.get(source, {}), want.get(source, {})
    return [f"{key}: {got.get(key, 0)}, and the server says {want.get(key, 0)}"
            for key in sorted({*got, *want}) if got.get(key, 0) != want.get(key, 0)]


def attack(unpacked, path, stack):
    lab = Lab(path, unpacked, stack)
    # Passwords are tried in this order; the right one is the last but three.
    lab.write("passwords", "\n".join([*GUESSES[:-3], PASSWORD, *GUESSES[-3:]]) + "\n")
    lab.cable()
    lab.serve()
    with lab.capture(f"{path}/capture.pcap"):
        for address, mechanism in HYDRA.items():
            lab.hydra(address, mechanism)
        lab.scripted(talk_oddly)
    return lab.read("mail.log")


def check(tap, smtap, capture, log):
    replay = Replay(smtap, [capture])
    got, want = smtap_view(replay.events), server_view(log)
    tap.point("the_replay_ends_well", [replay.stderr] if replay.status else [])
    for address, mechanism in HYDRA.items():
        off = compare(got, want, address)
        if want.get(address, {}).get("attempts") != len(GUESSES) + 1:
            off.append(f"the server says {want.get(address)}")
        tap.point(f"hydra_{mechanism.lower()}_is_counted_as_the_server_counts", off)
    tap.point("odd_dialogues_are_counted_as_the_server_counts", compare(got, want, SCRIPTED))
    tap.point("no_other_source_made_an_attempt",
              sorted(set(got) - {*HYDRA, SCRIPTED}))
    found = {(e["smtap"]["detector"], e["smtap"]["subject"])
             for e in replay.events if e["event_type"] == "alert"}
    must = {("bruteforce", address) for address in HYDRA} | {("compromise", NAME)}
    tap.point("bruteforce_and_compromise_are_found", [f"missed {m}" for m in sorted(must - found)])
    text = replay.text + replay.stdout
    tap.point("no_password_is_shown", [p for p in (*GUESSES, PASSWORD, "wrong-again")
                                       if p in text or b64(p).rstrip("=") in text])


def what_is_missing(unpacked):
    if os.geteuid() != 0:
        return "needs root, for network namespaces"
    for name in ("ip", "tcpdump"):
        if not shutil.which(name):
            return f"needs {name}"
    for name in ("usr/lib/postfix/sbin/master", "usr/sbin/dovecot", "usr/bin/hydra"):
        if not any(os.path.exists(os.path.join(root, name)) for root in ("/", unpacked)):
            return f"needs /{name}; see scripts/deps"
    return None


def main():
    smtap = os.path.abspath(sys.argv[1])
    unpacked = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else "/nonexistent"
    missing = what_is_missing(unpacked)
    tap = Tap()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # and clean up
    try:
        if missing:
            raise Missing(missing)
        with tempfile.TemporaryDirectory(prefix="smtap-") as path:
            os.chmod(path, 0o755)
            with contextlib.ExitStack() as stack:
                log = attack(unpacked, path, stack)
            check(tap, smtap, f"{path}/capture.pcap", log)
    except Missing as e:
        print(f"1..0 # SKIP {' '.join(str(e).split())}")
        return 0
    except (AssertionError, TimeoutError, subprocess.TimeoutExpired) as e:
        tap.point("the_attack_takes_place", [f"{type(e).__name__}: {e}"])
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
