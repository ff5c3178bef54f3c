"""The endpoint on a socket: where it may listen, and its life."""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address

import uvicorn

from ragft_core.approval import read_key
from ragft_core.errors import SettingsError
from ragft_core.serving.api import make_api
from ragft_core.strategies import Lab

BACKLOG = 128


class ApiServer:
    """A socket that is bound already, and the server on it.

    Args:
        lab: Whose arms are served.
        host: Where to listen.
        port: On which port; 0 takes a free one.
        key_variable: The environment variable with the key that clients have to send.
        hosts: Further names that requests without a key may be addressed to.

    Raises:
        SettingsError: The address is not this machine's alone and there is no key, or it cannot be
            used.
        ModelError: The variable holds no key.
    """

    def __init__(
        self,
        lab: Lab,
        host: str,
        port: int,
        key_variable: str = "",
        hosts: Collection[str] = (),
    ) -> None:
        key = read_key(key_variable)
        if not key and not _only_here(host):
            raise SettingsError(
                f"Without a key the arms are not served on {host}: whoever reaches that address "
                "could read the documents through them.",
                "Name the variable that holds a key (--key-variable RAGFT_KEY_...), or listen on "
                "127.0.0.1.",
            )
        self._socket = _bound(host, port)
        config = uvicorn.Config(
            make_api(lab, key, hosts),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        self._server = uvicorn.Server(config)
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self._socket.getsockname()[1]}/v1"

    def run(self) -> None:
        """Serves until the process is told to end."""
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Tells ``run`` to end, from another thread."""
        self._server.should_exit = True


def _only_here(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def _bound(host: str, port: int) -> socket.socket:
    try:
        if not 0 <= port < 1 << 16:
            raise OSError("ports are 0 to 65535")
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"It is not possible to listen on {host}, port {port}: {error}.",
            "Choose another with --host and --port; --port 0 takes a free one.",
        ) from None
