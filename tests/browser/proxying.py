"""A proxy that signs people in: it adds its headers to every request, the websocket's among them."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import BinaryIO


@contextmanager
def proxied(port: int, headers: Mapping[str, str]) -> Iterator[str]:
    """The address of a proxy in front of a local port; what the browser says of ``headers`` is dropped."""
    told = {name.lower(): f"{name}: {value}".encode() for name, value in headers.items()}

    class Handler(StreamRequestHandler):
        rbufsize = 0  # nothing of what follows the head is read with it

        def handle(self) -> None:
            head = [line.rstrip(b"\r\n") for line in _lines(self.rfile)]
            if not head:
                return  # a connection that a browser opened to have one
            upgrades = any(line.lower().startswith(b"upgrade:") for line in head)
            # One request a connection, so that each is seen.
            dropped = set(told) if upgrades else {*told, "connection"}
            kept = [
                line for line in head if line.partition(b":")[0].decode().lower() not in dropped
            ]
            kept += [*told.values(), *([] if upgrades else [b"Connection: close"])]
            with socket.create_connection(("127.0.0.1", port)) as server:
                server.sendall(b"\r\n".join([*kept, b"", b""]))
                back = Thread(target=_pump, args=(server, self.connection), daemon=True)
                back.start()
                _pump(self.connection, server)
                back.join()

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{proxy.server_address[1]}"
        proxy.shutdown()


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while (line := stream.readline()) not in (b"\r\n", b""):
        yield line


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
