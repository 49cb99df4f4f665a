"""A client of Postgres' protocol, by what Python brings alone: for tests that look at single messages, and at what is sent when."""

import base64
import hashlib
import hmac
import os
import select
import socket
import ssl
import struct


class Refused(Exception):
    """An ErrorResponse: its fields by letter."""

    def __init__(self, body):
        fields = [part.decode() for part in body.split(b"\0") if part]
        self.fields = {field[0]: field[1:] for field in fields}
        self.code, self.words = self.fields["C"], self.fields["M"]
        super().__init__(f"{self.code} {self.words}")


class Session:
    def __init__(self, user="app", password="app", database="bank", port=25433, **settings):
        self.notices, self.rows, self.data = [], [], b""
        tcp = socket.create_connection(("127.0.0.1", port), 30)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as all drivers have it
        tcp.sendall(struct.pack("!ii", 8, 80877103))
        if tcp.recv(1) != b"S":
            raise EOFError("no TLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.tls = context.wrap_socket(tcp)
        names = {"user": user, "database": database, **settings}
        packet = struct.pack("!i", 196608) + b"".join(f"{k}\0{v}\0".encode() for k, v in names.items()) + b"\0"
        self.tls.sendall(struct.pack("!i", len(packet) + 4) + packet)
        self.log_in(password)

    def log_in(self, password):
        while True:
            kind, body = self.read()
            method = struct.unpack("!i", body[:4])[0] if kind == "R" else None
            if method == 10:
                first = "n=,r=" + base64.b64encode(os.urandom(18)).decode()
                said = ("n,," + first).encode()
                self.send("p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(said)) + said)
            elif method == 11:
                self.prove(password, first, body[4:].decode())
            elif kind == "Z":
                return

    def prove(self, password, first, question):
        nonce, salt, rounds = (part[2:] for part in question.split(","))
        key = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
        client = hmac.digest(key, b"Client Key", "sha256")
        last = f"c=biws,r={nonce}"
        signature = hmac.digest(hashlib.sha256(client).digest(), f"{first},{question},{last}".encode(), "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(client, signature))).decode()
        self.send("p", f"{last},p={proof}".encode())

    def send(self, kind, body):
        self.tls.sendall(message(kind, body))

    def read(self):
        """The next message; an error is raised."""
        while (found := self.whole()) is None:
            more = self.tls.recv(65536)
            if not more:
                raise EOFError("the connection ended without a word")
            self.data += more
        kind, body = found
        if kind == "E":
            raise Refused(body)
        if kind == "N":
            self.notices.append(body)
        if kind == "D":
            self.rows.append(body)
        return kind, body

    def whole(self):
        if len(self.data) < 5 or len(self.data) < (end := 1 + struct.unpack("!i", self.data[1:5])[0]):
            return None
        kind, body = chr(self.data[0]), self.data[5:end]
        self.data = self.data[end:]
        return kind, body

    def query(self, sql, until="Z"):
        """A simple statement, until a message of this kind; the first value of the last row."""
        self.send("Q", sql.encode() + b"\0")
        while self.read()[0] != until:
            pass
        return self.rows[-1][6:].decode(errors="replace") if self.rows else None

    def pour(self, data):
        """Sends while it reads what comes, as drivers with an event loop do, until ReadyForQuery; returns the number of bytes read."""
        self.tls.setblocking(False)
        view, sent, read, tail = memoryview(data), 0, 0, b""
        while True:
            try:
                while more := self.tls.recv(65536):
                    read, tail = read + len(more), (tail + more)[-6:]
                raise EOFError("the connection ended without a word")
            except ssl.SSLWantReadError:
                if tail.endswith(b"Z\0\0\0\5I"):
                    return read
            try:
                sent += self.tls.send(view[sent : sent + 16384]) if sent < len(data) else 0
                full = False
            except ssl.SSLWantWriteError:
                full = True
            if (full or sent == len(data)) and not any(select.select([self.tls], [self.tls] if full else [], [], 30)[:2]):
                raise TimeoutError(f"{sent} of {len(data)} bytes were taken in")


def message(kind, body):
    return kind.encode() + struct.pack("!i", len(body) + 4) + body
