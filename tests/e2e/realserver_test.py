#!/usr/bin/env python3
"""Real servers, a real attack: what smtap sees must be what Postfix and hydra say of it.

usage: realserver_test.py SMTAP [UNPACKED]   (prints TAP)

UNPACKED: a folder with the files of Debian's postfix, dovecot-core and hydra, for a machine
that has not installed them; see scripts/deps. Everything runs in two network namespaces of its
own, joined by a virtual cable; on the server's end of it tcpdump listens. Nothing is left behind.
Skipped where the namespaces cannot be made or a program is missing.
"""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from golden import Replay, Tap  # noqa: E402
from lab import (  # noqa: E402
    NAME,
    PASSWORD,
    Lab,
    Missing,
    b64,
    compare,
    server_view,
    smtap_view,
    what_is_missing,
)

HYDRA = {"198.51.100.7": "LOGIN", "198.51.100.8": "PLAIN", "198.51.100.9": "CRAM-MD5"}
SCRIPTED = "198.51.100.10"
GUESSES = [f"wrong-{n:02}-guess" for n in range(24)]


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


def attack(unpacked, path, stack):
    lab = Lab(path, unpacked, stack, [*HYDRA, SCRIPTED])
    # Passwords are tried in this order; the right one is the last but three.
    lab.write("passwords", "\n".join([*GUESSES[:-3], PASSWORD, *GUESSES[-3:]]) + "\n")
    lab.cable()
    lab.serve()
    with lab.capture(f"{path}/capture.pcap"):
        for address, mechanism in HYDRA.items():
            lab.hydra(address, mechanism)
        lab.scripted(SCRIPTED, talk_oddly)
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
    tap.point("no_other_source_made_an_attempt", sorted(set(got) - {*HYDRA, SCRIPTED}))
    found = {
        (e["smtap"]["detector"], e["smtap"]["subject"])
        for e in replay.events
        if e["event_type"] == "alert"
    }
    must = {("bruteforce", address) for address in HYDRA} | {("compromise", NAME)}
    tap.point("bruteforce_and_compromise_are_found", [f"missed {m}" for m in sorted(must - found)])
    text = replay.text + replay.stdout
    tap.point(
        "no_password_is_shown",
        [p for p in (*GUESSES, PASSWORD, "wrong-again") if p in text or b64(p).rstrip("=") in text],
    )


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
