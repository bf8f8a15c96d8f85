"""Dialogues about AUTH itself, and what dialogues_test.py needs to write more."""

import base64

from pcapgen import ACK, PSH, RST, Session


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def hello(s, auth="LOGIN PLAIN"):
    return s.open().talk(
        "S: 220 mx1.corp.example ESMTP Postfix",
        "C: EHLO client.example",
        f"S: 250-mx1.corp.example\r\n250 AUTH {auth}",
    )


def login(s, user, password, reply="535 5.7.8 Error: authentication failed: (reason unavailable)"):
    return s.talk(
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        f"C: {b64(user)}",
        "S: 334 UGFzc3dvcmQ6",
        f"C: {b64(password)}",
        f"S: {reply}",
    )


def plain(user, password):
    return b64(b"\0" + user.encode() + b"\0" + password.encode())


CASES = []


def case(function):
    CASES.append(function)
    return function


def one(wire, **kw):
    return Session(wire, "198.51.100.7", **kw)


# A case draws on a wire and returns attempts, as (mechanism, username, outcome), and incidents.


@case
def three_dialogues_in_one_segment_answered_six_seconds_later(w):
    s = hello(one(w))
    s.c(
        "".join(
            f"AUTH LOGIN\r\n{b64('bob')}\r\n{b64(p)}\r\n"
            for p in ("secret-a1", "secret-b2", "secret-c3")
        )
    )
    w.wait(6)
    s.s(
        (
            "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n"
            "535 5.7.8 Error: authentication failed: authentication failure\r\n"
        )
        * 3
    )
    s.close()
    return [("LOGIN", "bob", "failure")] * 3, []


@case
def a_535_over_several_lines_is_one_failure(w):
    s = hello(one(w))
    login(
        s,
        "bob",
        "secret-a1",
        "535-5.7.8 Username and Password not accepted.\r\n"
        "535-5.7.8 Learn more\r\n535 5.7.8 at our help pages",
    )
    s.close()
    return [("LOGIN", "bob", "failure")], []


@case
def a_535_split_between_segments_is_one_failure(w):
    s = hello(one(w))
    s.talk(
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        f"C: {b64('bob')}",
        "S: 334 UGFzc3dvcmQ6",
        f"C: {b64('secret-a1')}",
    )
    for piece in ("5", "35", " 5.7", ".8 Error: authentication fai", "led\r", "\n"):
        s.s(piece)
    s.close()
    return [("LOGIN", "bob", "failure")], []


@case
def quit_after_a_334_is_a_username(w):
    s = hello(one(w))
    s.talk("C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: QUIT", "S: 334 UGFzc3dvcmQ6")
    s.close()
    return [("LOGIN", "AB\\x13", "unknown")], []


@case
def what_is_no_base64_after_a_334_is_no_username(w):
    s = hello(one(w))
    s.talk(
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        "C: RSET!",
        "S: 535 5.7.8 Error: authentication failed: Invalid base64 data in continued response",
    )
    s.close()
    return [("LOGIN", None, "aborted")], []


@case
def a_reset_right_after_the_password_leaves_it_open(w):
    s = hello(one(w))
    s.talk(
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        f"C: {b64('bob')}",
        "S: 334 UGFzc3dvcmQ6",
        f"C: {b64('secret-a1')}",
    )
    s.reset()
    w.wait(60)
    return [("LOGIN", "bob", "unknown")], []


@case
def a_tab_after_auth_and_lower_case_are_still_auth(w):
    s = hello(one(w))
    s.talk(
        "C: auth\tlogin",
        "S: 334 VXNlcm5hbWU6",
        f"C: {b64('bob')}",
        "S: 334 UGFzc3dvcmQ6",
        f"C: {b64('secret-a1')}",
        "S: 535 5.7.8 Error: authentication failed: authentication failure",
    )
    s.talk(
        f"C: AUTH  plain   {plain('bob', 'secret-b2')}  ",
        "S: 535 5.7.8 Error: authentication failed: authentication failure",
    )
    s.close()
    return [("LOGIN", "bob", "failure"), ("PLAIN", "bob", "failure")], []


@case
def auth_without_ehlo_is_an_attempt(w):
    s = one(w).open()
    s.talk(
        "S: 220 mx2.corp.example ESMTP Exim 4.96",
        f"C: AUTH PLAIN {plain('bob', 'secret-a1')}",
        "S: 503 AUTH command used when not advertised",
    )
    s.close()
    return [("PLAIN", "bob", "refused")], []


@case
def a_cancelled_exchange_is_aborted(w):
    s = hello(one(w))
    s.talk("C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: *", "S: 501 5.7.0 Authentication aborted")
    s.talk(
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        f"C: {b64('bob')}",
        "S: 334 UGFzc3dvcmQ6",
        "C: *",
        "S: 501 5.7.0 Authentication aborted",
    )
    s.close()
    return [("LOGIN", None, "aborted"), ("LOGIN", "bob", "aborted")], []


@case
def throttled_and_refused_are_not_failures(w):
    s = hello(one(w))
    s.talk("C: AUTH LOGIN", "S: 450 4.7.1 Error: too many AUTH commands from 198.51.100.7")
    login(
        s,
        "bob",
        "secret-a1",
        "454 4.7.0 Temporary authentication failure: Connection lost to authentication server",
    )
    s.talk("C: AUTH LOGIN", "S: 503 5.5.1 Error: authentication not enabled")
    s.talk("C: AUTH LOGIN", "S: 530 5.7.0 Must issue a STARTTLS command first")
    s.talk(
        "C: AUTH FOO", "S: 535 5.7.8 Error: authentication failed: Invalid authentication mechanism"
    )
    s.talk("C: AUTH FOO", "S: 504 5.7.4 Unrecognized authentication type")
    s.close()
    return [
        ("LOGIN", None, "throttled"),
        ("LOGIN", "bob", "throttled"),
        ("LOGIN", None, "refused"),
        ("LOGIN", None, "refused"),
        ("FOO", None, "refused"),
        ("FOO", None, "refused"),
    ], []


@case
def a_421_ends_the_attempt_as_throttled(w):
    s = hello(one(w))
    login(s, "bob", "secret-a1", "421 4.7.0 mx1.corp.example Error: too many errors")
    s.close()
    return [("LOGIN", "bob", "throttled")], []


@case
def a_refused_auth_does_not_make_commands_its_answers(w):
    s = hello(one(w))
    s.c("AUTH LOGIN\r\nMAIL FROM:<a@b.example>\r\nQUIT\r\n")
    s.s("503 5.5.1 Error: authentication not enabled\r\n250 2.1.0 Ok\r\n221 2.0.0 Bye\r\n")
    s.close()
    return [("LOGIN", None, "refused")], []


@case
def a_dialogue_in_a_body_is_no_attempt(w):
    fake = f"AUTH LOGIN\r\n{b64('bob')}\r\n{b64('secret-a1')}\r\n535 5.7.8 no\r\n..\r\n235 ok\r\n"
    s = hello(one(w))
    s.talk(
        "C: MAIL FROM:<a@b.example>",
        "S: 250 ok",
        "C: RCPT TO:<c@d.example>",
        "S: 250 ok",
        "C: DATA",
        "S: 354 go ahead",
        f"C: Subject: x\r\n\r\n{fake}.",
        "S: 250 queued",
    )
    s.c(
        "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n"
        f"BDAT {len(fake)}\r\n{fake}BDAT 0 LAST\r\n"
    )
    s.s("250 ok\r\n250 ok\r\n250 chunk\r\n250 queued\r\n")
    s.talk(f"C: BDAT {len(fake)} LAST\r\n{fake}NOOP", "S: 503 no transaction\r\n250 ok")
    login(s, "bob", "secret-b2")
    s.close()
    return [("LOGIN", "bob", "failure")], []


@case
def a_235_without_auth_is_nothing(w):
    s = hello(one(w))
    s.talk("C: NOOP", "S: 235 2.7.0 Authentication successful", "C: XFOO", "S: 535 5.7.8 no")
    s.close()
    return [], []


@case
def forged_replies_with_bad_checksums_are_ignored(w):
    s = hello(one(w))
    s.talk(
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        f"C: {b64('bob')}",
        "S: 334 UGFzc3dvcmQ6",
        f"C: {b64('secret-a1')}",
    )
    s.segment(
        1, PSH | ACK, b"235 2.7.0 Authentication successful\r\n", bad_checksum=True, move=False
    )
    s.segment(1, RST | ACK, bad_checksum=True, move=False)
    s.talk(
        "S: 535 5.7.8 Error: authentication failed: (reason unavailable)", "C: QUIT", "S: 221 Bye"
    )
    s.close()
    return [("LOGIN", "bob", "failure")], []


@case
def a_forged_reset_outside_the_sequence_is_ignored(w):
    s = hello(one(w))
    s.talk(
        "C: AUTH LOGIN",
        "S: 334 VXNlcm5hbWU6",
        f"C: {b64('bob')}",
        "S: 334 UGFzc3dvcmQ6",
        f"C: {b64('secret-a1')}",
    )
    s.seq[1] += 5000
    s.segment(1, RST, move=False)
    s.seq[1] -= 5000
    s.talk(
        "S: 535 5.7.8 Error: authentication failed: (reason unavailable)", "C: QUIT", "S: 221 Bye"
    )
    s.close()
    return [("LOGIN", "bob", "failure")], []


@case
def starttls_refused_goes_on_in_clear(w):
    s = hello(one(w))
    s.talk("C: STARTTLS", "S: 454 4.7.0 TLS not available due to local problem")
    login(s, "bob", "secret-a1")
    s.close()
    return [("LOGIN", "bob", "failure")], []


@case
def starttls_accepted_hides_the_rest(w):
    s = hello(one(w))
    s.talk("C: STARTTLS", "S: 220 2.0.0 Ready to start TLS")
    s.c(bytes.fromhex("1603010200010001fc0303") + bytes(505))
    s.s(bytes.fromhex("160303007a0200007603") + bytes(117))
    s.s(b"535 5.7.8 not a reply\r\n")
    s.close()
    return [], []


@case
def what_was_said_before_the_220_to_starttls_is_discarded(w):
    s = hello(one(w))
    s.c(f"STARTTLS\r\nAUTH PLAIN {plain('bob', 'secret-a1')}\r\n")
    s.talk("S: 220 2.0.0 Ready to start TLS")
    s.c(bytes.fromhex("1603010200010001fc0303") + bytes(505))
    s.s(bytes.fromhex("160303007a0200007603") + bytes(117))
    s.close()
    return [], []


@case
def what_was_said_before_the_220_to_starttls_counts_when_it_is_answered_in_clear(w):
    s = hello(one(w))
    s.c(f"STARTTLS\r\nAUTH PLAIN {plain('bob', 'secret-a1')}\r\n")
    s.talk("S: 220 2.0.0 Ready to start TLS", "S: 535 5.7.8 no")
    s.close()
    return [("PLAIN", "bob", "failure")], []


@case
def an_empty_initial_response_is_asked_for_again(w):
    s = hello(one(w))
    s.talk("C: AUTH PLAIN =", "S: 334 ", f"C: {plain('bob', 'secret-a1')}", "S: 535 5.7.8 no")
    s.talk(
        "C: AUTH XOAUTH2 =",
        "S: 334 ",
        "C: " + b64("user=bob\1auth=Bearer ya29\1\1"),
        "S: 334 " + b64('{"status":"401"}'),
        "C: ",
        "S: 535 5.7.8 no",
    )
    s.close()
    return [("PLAIN", "bob", "failure"), ("XOAUTH2", "bob", "failure")], []


@case
def a_username_may_come_with_the_command(w):
    s = hello(one(w))
    s.talk(
        f"C: AUTH LOGIN {b64('bob')}",
        "S: 334 UGFzc3dvcmQ6",
        f"C: {b64('secret-a1')}",
        "S: 535 5.7.3 Authentication unsuccessful",
    )
    s.talk(
        "C: AUTH PLAIN",
        "S: 334 ",
        f"C: {plain('carol', 'secret-a1')}",
        "S: 535 Incorrect authentication data",
    )
    s.talk(
        "C: X-EXPS LOGIN",
        "S: 334 VXNlcm5hbWU6",
        f"C: {b64('dave')}",
        "S: 334 UGFzc3dvcmQ6",
        f"C: {b64('secret-a1')}",
        "S: 535 5.7.3 Authentication unsuccessful.",
    )
    s.close()
    return [
        ("LOGIN", "bob", "failure"),
        ("PLAIN", "carol", "failure"),
        ("LOGIN", "dave", "failure"),
    ], []


@case
def challenge_mechanisms_name_the_account(w):
    s = hello(one(w))
    s.talk(
        "C: AUTH CRAM-MD5",
        f"S: 334 {b64('<1896.697@mx1.corp.example>')}",
        f"C: {b64('alice b913a602c7eda7a495b4e6e7334d3890')}",
        "S: 535 5.7.8 Error: authentication failed: authentication failure",
    )
    s.talk(
        "C: AUTH DIGEST-MD5",
        "S: 334 "
        + b64(
            'realm="corp.example",nonce="OA6MG9tEQGm2hh",'
            'qop="auth",algorithm=md5-sess,charset=utf-8'
        ),
        "C: "
        + b64(
            'username="al\\"ice",realm="corp.example",nonce="OA6MG9tEQGm2hh",'
            'cnonce="OA6MHXh6",nc=00000001,qop=auth,'
            'digest-uri="smtp/corp.example",response=d388dad90d4bbd760a152321f2143af7,charset=utf-8'
        ),
        "S: 535 5.7.8 Error: authentication failed: authentication failure",
    )
    s.talk(
        f"C: AUTH SCRAM-SHA-256 {b64('n,,n=al=2Cice,r=fyko+d2lbbFgONRv9qkxdawL')}",
        f"S: 334 {b64('r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096')}",
        f"C: {b64('c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1,p=v0X8v3Bz2T0CJGbJQyF0XI4Ts=')}",
        "S: 535 5.7.8 Error: authentication failed: authentication failure",
    )
    s.talk(
        "C: AUTH XOAUTH2 "
        + b64(
            "user=alice@corp.example\1auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\1\1"
        ),
        "S: 334 " + b64('{"status":"401","schemes":"bearer"}'),
        "C: ",
        "S: 535 5.7.8 Username and Password not accepted",
    )
    s.talk(
        "C: AUTH OAUTHBEARER "
        + b64("n,a=alice@corp.example,\1host=mx1\1port=25\1auth=Bearer vF9dft4qmTc2Nvb3\1\1"),
        "S: 334 " + b64('{"status":"invalid_token"}'),
        "C: AQ==",
        "S: 535 5.7.8 no",
    )
    s.talk("C: AUTH EXTERNAL " + b64("alice"), "S: 535 5.7.8 no")
    s.close()
    return [
        ("CRAM-MD5", "alice", "failure"),
        ("DIGEST-MD5", 'al"ice@corp.example', "failure"),
        ("SCRAM-SHA-256", "al,ice", "failure"),
        ("XOAUTH2", "alice@corp.example", "failure"),
        ("OAUTHBEARER", "alice@corp.example", "failure"),
        ("EXTERNAL", "alice", "failure"),
    ], []


@case
def any_language_may_prompt(w):
    s = hello(one(w))
    s.talk(
        "C: AUTH LOGIN",
        f"S: 334 {b64('Benutzername:')}",
        f"C: {b64('jürgen')}",
        f"S: 334 {b64('Passwort:')}",
        f"C: {b64('geheim-a1')}",
        "S: 535 5.7.8 Fehler",
    )
    s.close()
    return [("LOGIN", "jürgen", "failure")], []
