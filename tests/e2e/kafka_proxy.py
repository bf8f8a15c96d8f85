"""What brokers have before them that speak TLS and know passwords: librdkafka's mock has neither.

A proxy for each broker ends TLS, answers SaslHandshake and SaslAuthenticate itself (mechanism
PLAIN), and passes everything else on. Brokers tell a client their own addresses, which the
exporter would go to past the proxies: nft turns its connections to those ports to ours, and knows
the proxies' own by their mark. Root's alone; in a network namespace.
"""
import contextlib
import socket
import ssl
import struct
import subprocess
import threading

API_VERSIONS, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 17, 36
UNSUPPORTED_VERSION, SASL_FAILED = 35, 58
MARK = 4711


def exactly(s, n):
    data = b""
    while len(data) < n:
        more = s.recv(n - len(data))
        if not more:
            raise ConnectionError
        data += more
    return data


def frame(s):
    return exactly(s, struct.unpack("!i", exactly(s, 4))[0])


def put(s, data):
    s.sendall(struct.pack("!i", len(data)) + data)


def redirect(ports):
    """Connections to these ports, but the proxies', go to the ports that are the values."""
    rules = "".join(
        f"meta mark != {MARK} meta skuid 0 tcp dport {a} redirect to :{b}\n"
        for a, b in ports.items()
    )
    script = (
        "table ip proxy {\nchain out { type nat hook output priority -100; policy accept;\n"
        f"{rules}}}\n}}\n"
    )
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True, capture_output=True)


class Proxy:
    """Of one broker. password: None, nobody has to log in."""

    def __init__(self, port, context, password=None):
        self.broker, self.context, self.password = ("127.0.0.1", port), context, password
        self.logins, self.passed, self.peers = [], 0, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self.take, args=(client,), daemon=True).start()

    def take(self, client):
        with contextlib.suppress(OSError, ConnectionError), socket.socket() as broker:
            with self.context.wrap_socket(client, server_side=True) as tls:
                self.peers.append(tls.getpeercert())
                broker.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, MARK)
                broker.connect(self.broker)
                self.speak(tls, broker)

    def speak(self, tls, broker):
        known = self.password is None
        while True:
            request = frame(tls)
            api, version, number = struct.unpack("!hhi", request[:8])
            head = struct.pack("!i", number)
            if api == API_VERSIONS and version > 0:
                # Answered as version 0, in which the client then asks.
                put(tls, head + struct.pack("!hi", UNSUPPORTED_VERSION, 0))
            elif api == API_VERSIONS:
                put(broker, request)
                put(tls, self.with_sasl(frame(broker)))
            elif api == SASL_HANDSHAKE:
                put(tls, head + struct.pack("!hih5s", 0, 1, 5, b"PLAIN"))
            elif api == SASL_AUTHENTICATE:
                # Past the header with the name of the client: the bytes.
                name = struct.unpack("!h", request[8:10])[0]
                login = request[10 + max(name, 0) + 4 :].split(b"\0")
                self.logins.append(login)
                known = login[1:] == [b"smtap", self.password]
                put(tls, head + struct.pack("!hhi", 0 if known else SASL_FAILED, -1, 0))
            elif not known:
                return
            else:
                self.passed += 1
                put(broker, request)
                put(tls, frame(broker))

    def with_sasl(self, answer):
        """The mock's answer to ApiVersions, with the two that it does not know."""
        if self.password is None:
            return answer
        error, n = struct.unpack("!hi", answer[4:10])
        more = struct.pack("!hhhhhh", SASL_HANDSHAKE, 0, 1, SASL_AUTHENTICATE, 0, 0)
        end = 10 + 6 * n
        return answer[:4] + struct.pack("!hi", error, n + 2) + answer[10:end] + more + answer[end:]

    def close(self):
        self.listener.close()


def context(pki, client_needed=False):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(pki / "server.crt", pki / "server.key")
    if client_needed:
        made.load_verify_locations(pki / "ca.crt")
        made.verify_mode = ssl.CERT_REQUIRED
    return made
