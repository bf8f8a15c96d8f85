"""Real mail servers, a real attack tool, in network namespaces of their own; what a log says.

Two namespaces joined by a virtual cable, the server's end of which is called wire. Where the
packages are not installed, their files are laid over /usr from a folder (scripts/deps). All of it
ends with its with block. Waits are for conditions: files that change, processes that end.
"""
import base64
import collections
import contextlib
import ctypes
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import time

DEADLINE_S = 100  # for all of a lab; each wait is for a condition
SERVER = "203.0.113.25"
NAME, PASSWORD = "alice", "Tr0mbone-Lake"

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

MASTER_CF = (
    """
%s:25 inet n - n - - smtpd
anvil unix - - n - 1 anvil
rewrite unix - - n - - trivial-rewrite
postlog unix-dgram n - n - 1 postlogd
"""
    % SERVER
)

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


EXIM_CONF = """
primary_hostname = mx1.corp.example
local_interfaces = {1}
daemon_smtp_ports = 25
spool_directory = {0}/exim
log_file_path = {0}/exim/%slog
pid_file_path = {0}/exim/pid
auth_advertise_hosts = *
tls_advertise_hosts =
host_lookup =
rfc1413_hosts =
smtp_accept_max = 200
smtp_accept_max_nonmail = 100000
smtp_max_unknown_commands = 1000
log_selector = +smtp_connection
acl_smtp_auth = log_auth
acl_smtp_rcpt = refuse
begin acl
log_auth:
  accept logwrite = AUTH from $sender_host_address
refuse:
  deny
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{2}}}}}{{eq{{$auth3}}{{{3}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| Username: | Password:
  server_condition = ${{if and{{{{eq{{$auth1}}{{{2}}}}}{{eq{{$auth2}}{{{3}}}}}}}}}
  server_set_id = $auth1
"""


class Missing(Exception):
    """This machine cannot run the test."""


def b64(text):
    return base64.b64encode(text.encode()).decode()


def run(*command):
    r = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    if r.returncode:
        raise Missing(f"{' '.join(command)}: {r.stderr.strip()}")


class Watch:
    """Wakes up when something in one of some folders is written."""

    MASK = 0x2 | 0x80 | 0x100  # IN_MODIFY, IN_MOVED_TO, IN_CREATE

    def __init__(self, stack):
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.fd = self.libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        stack.callback(os.close, self.fd)

    def add(self, folder):
        self.libc.inotify_add_watch(self.fd, os.fsencode(folder), self.MASK)

    def wait(self, timeout_s):
        if select.select([self.fd], [], [], timeout_s)[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self.fd, 65536)


class Lab:
    """Two namespaces, the servers in one of them; all of it ends with the with block."""

    LOOK_S = 0.2  # for what is no file

    def __init__(self, path, unpacked, stack, sources=()):
        self.path, self.unpacked, self.stack = pathlib.Path(path), unpacked, stack
        self.sources = sources
        self.watch = Watch(stack)
        self.watch.add(self.path)
        self.end = time.monotonic() + DEADLINE_S
        self.server, self.client = f"smtap-{os.getpid()}-s", f"smtap-{os.getpid()}-c"

    def until(self, what, condition, look_s=LOOK_S):
        while not condition():
            if time.monotonic() > self.end:
                said = "".join(
                    self.read(n)[-800:] for n in ("postfix.out", "dovecot.out", "exim.out")
                )
                raise TimeoutError(f"{what}: not within {DEADLINE_S} s; {said}")
            self.watch.wait(look_s)

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
        self.watch.add(self.path / name)
        if owner is not None:
            os.chown(self.path / name, owner, owner)

    def cable(self):
        for name in (self.server, self.client):
            run("ip", "netns", "add", name)
            self.stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
        run(
            "ip",
            "-n",
            self.server,
            "link",
            "add",
            "wire",
            "type",
            "veth",
            "peer",
            "name",
            "wire",
            "netns",
            self.client,
        )
        ends = {self.server: [SERVER], self.client: self.sources}
        for name, addresses in ends.items():
            for address in addresses:
                run("ip", "-n", name, "addr", "add", f"{address}/32", "dev", "wire")
            for device in ("lo", "wire"):
                run("ip", "-n", name, "link", "set", device, "up")
        run("ip", "-n", self.server, "route", "add", "198.51.100.0/24", "dev", "wire")

    def source(self, address):
        """What the client's end is called from now on."""
        run(
            "ip",
            "-n",
            self.client,
            "route",
            "replace",
            "203.0.113.0/24",
            "dev",
            "wire",
            "src",
            address,
        )

    def users(self):
        """The machine's users, and those that the servers must have. Returns postfix's id."""
        have = {
            line.split(":")[0]: line.split(":")
            for line in pathlib.Path("/etc/passwd").read_text().splitlines()
        }
        passwd = pathlib.Path("/etc/passwd").read_text()
        group = pathlib.Path("/etc/group").read_text()
        names = ("postfix", "dovecot", "dovenull", "Debian-exim")
        for number, name in enumerate(names, 64901):
            if name not in have:
                have[name] = [name, "x", str(number)]
                passwd += f"{name}:x:{number}:{number}::/nonexistent:/usr/sbin/nologin\n"
            if f"\n{name}:" not in group:
                group += f"{name}:x:{number}:\n"
        if "\npostdrop:" not in group:
            group += "postdrop:x:64911:\n"
        self.write("passwd", passwd)
        self.write("group", group)
        run(*self.inside(self.server, "true"))
        self.ids = {name: int(have[name][2]) for name in names}
        return self.ids["postfix"]

    def inside(self, namespace, *command):
        return [
            "ip",
            "netns",
            "exec",
            namespace,
            "sh",
            "-euc",
            SHELL,
            "sh",
            self.unpacked,
            str(self.path),
            *command,
        ]

    def start(self, name, *command):
        """A server, in its namespace, with its words in NAME.out."""
        out = self.stack.enter_context(open(self.path / f"{name}.out", "w", encoding="utf-8"))
        p = subprocess.Popen(
            self.inside(self.server, *command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        self.stack.callback(self.stop, p)
        return p

    def stop(self, process):
        if process.poll() is not None:
            return
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
        for name in (
            "active bounce corrupt defer deferred flush hold incoming maildrop private "
            "public saved trace"
        ).split():
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

    def serve_exim(self):
        self.users()
        self.folder("exim")
        owner = self.ids["Debian-exim"]
        os.chown(self.path / "exim", owner, owner)
        self.write("exim.conf", EXIM_CONF.format(self.path, SERVER, NAME, PASSWORD))
        self.start("exim", "/usr/sbin/exim4", "-C", f"{self.path}/exim.conf", "-bdf", "-q1h")
        self.until("Exim", lambda: "listening for SMTP" in self.read("exim/mainlog"))

    @contextlib.contextmanager
    def capture(self, path):
        """All that passes the server's end of the cable, until every connection has ended."""
        p = subprocess.Popen(
            [
                "ip",
                "netns",
                "exec",
                self.server,
                "tcpdump",
                "-i",
                "wire",
                "-U",
                "--immediate-mode",
                "-B",
                "16384",
                "-Z",
                "root",
                "-w",
                path,
                "tcp",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
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

    def start_hydra(self, address, mechanism, *options):
        """hydra, with the words of the file passwords; hydra_found() tells what came of it."""
        self.source(address)
        out = self.stack.enter_context(open(self.path / "hydra.out", "w", encoding="utf-8"))
        p = subprocess.Popen(
            self.inside(
                self.client,
                "hydra",
                "-I",
                "-l",
                NAME,
                "-P",
                f"{self.path}/passwords",
                *options,
                "-o",
                f"{self.path}/hydra-{mechanism}",
                f"smtp://{SERVER}/{mechanism}",
            ),
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
        self.stack.callback(self.stop, p)
        return p

    def end_hydra(self, process, mechanism):
        process.wait(max(1, self.end - time.monotonic()))
        found = re.findall(r"password: (\S+)", self.read(f"hydra-{mechanism}"))
        if found != [PASSWORD]:
            raise AssertionError(f"hydra found {found}: {self.read('hydra.out')[-600:]}")

    def hydra(self, address, mechanism):
        self.end_hydra(self.start_hydra(address, mechanism), mechanism)

    def scripted(self, address, talk):
        """talk(socket) in the client's namespace, in a child: a namespace is for ever."""
        self.source(address)
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(Exception):
                enter(self.client)
                with socket.create_connection((SERVER, 25), 20, (address, 0)) as s:
                    talk(s)
                status = 0
            os._exit(status)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise AssertionError("the scripted client got no answer")


def enter(name):
    fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
        raise OSError(ctypes.get_errno(), "setns")


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
            view[k] for k in ("success", "failure", "aborted", "refused")
        )
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
    return [
        f"{key}: {got.get(key, 0)}, and the server says {want.get(key, 0)}"
        for key in sorted({*got, *want})
        if got.get(key, 0) != want.get(key, 0)
    ]


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
