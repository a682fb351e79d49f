"""The network between raters and the site: a TCP proxy that now and then keeps an answer to itself.

The request was received, the judgment committed, and the rater never hears of it: the case for which keys exist.
"""

from __future__ import annotations

import random
import socket
import socketserver
import threading
from contextlib import suppress
from typing import Any, Self

CHUNK = 65536


class Proxy(socketserver.ThreadingTCPServer):
    """Passes connections on to a port of this machine; `share` of the answers to a judgment are cut off."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, *, share: float, rng: random.Random) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.target, self.port = port, int(self.server_address[1])
        self.cut = 0
        self._share, self._rng, self._dice = share, rng, threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, name="proxy", daemon=True)

    def keeps(self, answer: bytes) -> bool:
        """Decide about an answer, by how it begins."""
        if not answer.startswith(b"HTTP/1.1 201"):
            return False
        with self._dice:
            cut = self._rng.random() < self._share
            self.cut += cut
            return cut

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hung up, the other side sees it by itself."""


class _Passing(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        proxy = self.server
        assert isinstance(proxy, Proxy)
        client: socket.socket = self.request
        with suppress(OSError), socket.create_connection(("127.0.0.1", proxy.target), timeout=10) as site:
            site.settimeout(60)
            client.settimeout(60)
            threading.Thread(target=_pass_on, args=(client, site), daemon=True).start()
            first = site.recv(CHUNK)
            if first and not proxy.keeps(first):
                client.sendall(first)
                _pass_on(site, client)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
