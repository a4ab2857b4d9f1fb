"""A parent in Python's standard library: starts a PT server and a PT client, carries bytes through both, stops them.

parent.py VERSION DIRECTORY COMMAND...
"""

import hashlib
import os
import socket
import subprocess
import sys
import threading

LENGTH = 1024 * 1024
LIMIT_S = 20


class PtProcess:
    """One PT process, started as tor starts it."""

    def __init__(self, command, version, state, variables):
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TOR_PT_")}
        self.process = subprocess.Popen(
            command,
            env={
                **inherited,
                "TOR_PT_MANAGED_TRANSPORT_VER": version,
                "TOR_PT_STATE_LOCATION": state,
                "TOR_PT_EXIT_ON_STDIN_CLOSE": "1",
                **variables,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.methods = {}
        self.version = None
        for line in self.process.stdout:
            keyword, _, rest = line.rstrip("\n").partition(" ")
            if keyword == "VERSION":
                self.version = rest
            elif keyword in ("CMETHOD", "SMETHOD"):
                name, _, method = rest.partition(" ")
                self.methods[name] = method
            elif keyword in ("CMETHODS", "SMETHODS"):
                break
            elif keyword.endswith("-ERROR"):
                raise RuntimeError(line)
        if self.version != version:
            raise RuntimeError(f"version {self.version}")

    def stop(self):
        """Closes its input; returns its exit code."""
        self.process.stdin.close()
        return self.process.wait(LIMIT_S)


def to_address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def receive(connection, length):
    parts = []
    while length > 0:
        part = connection.recv(min(length, 65536))
        if not part:
            raise RuntimeError(f"{length} bytes are missing")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def connect_by_socks(proxy, target, arguments):
    """RFC 1928 and 1929, the transport's arguments as user name and password (PT 1.0, 3.5)."""
    connection = socket.create_connection(proxy, LIMIT_S)
    user, password = arguments[:255], arguments[255:] or b"\0"
    connection.sendall(b"\x05\x01\x02")
    assert receive(connection, 2) == b"\x05\x02"
    connection.sendall(bytes([1, len(user)]) + user + bytes([len(password)]) + password)
    assert receive(connection, 2) == b"\x01\x00"
    connection.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(target[0]) + target[1].to_bytes(2, "big"))
    reply = receive(connection, 10)
    if reply[1] != 0:
        raise RuntimeError(f"reply {reply[1]}")
    return connection


def serve_digest(listener):
    """The application: answers LENGTH bytes with as many, and their digest before them."""
    connection, _ = listener.accept()
    with connection:
        data = receive(connection, LENGTH)
        connection.sendall(hashlib.sha256(data).digest() + data[::-1])


def main(version, directory, *command):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(LIMIT_S)
    application = threading.Thread(target=serve_digest, args=[listener], daemon=True)
    application.start()
    server = PtProcess(
        command,
        version,
        os.path.join(directory, "server"),
        {
            "TOR_PT_SERVER_TRANSPORTS": "obfs4",
            "TOR_PT_SERVER_BINDADDR": "obfs4-127.0.0.1:0",
            "TOR_PT_ORPORT": "127.0.0.1:%d" % listener.getsockname()[1],
        },
    )
    client = PtProcess(command, version, os.path.join(directory, "client"), {"TOR_PT_CLIENT_TRANSPORTS": "obfs4"})
    bridge, _, arguments = server.methods["obfs4"].partition(" ARGS:")
    protocol, _, proxy = client.methods["obfs4"].partition(" ")
    assert protocol == "socks5", protocol
    connection = connect_by_socks(to_address(proxy), to_address(bridge), arguments.replace(",", ";").encode())
    with connection:
        data = os.urandom(LENGTH)
        connection.sendall(data)
        digest = receive(connection, 32)
        assert receive(connection, LENGTH) == data[::-1]
        assert digest == hashlib.sha256(data).digest()
    application.join(LIMIT_S)
    print(client.version, client.stop(), server.stop())


if __name__ == "__main__":
    main(*sys.argv[1:])
