"""A bad line: a TCP proxy that cuts its connections at random points, on the way there or on the way back."""

import random
import socket
import threading
from contextlib import suppress

from server import HOST

PIECE = 16 * 1024
SECONDS = 120


class Cutter:
    """Passes connections on to `port`. Of `chance` in one, a connection is cut: after a random number of octets, or when all
    of a request has passed and the first octet of the answer comes back."""

    def __init__(self, port: int, chance: float, octets: int, seed: int):
        self.target = port
        self.chance = chance
        self.octets = octets
        self.random = random.Random(seed)
        self.cuts = 0
        self.passed = 0
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []
        self.spawn(self.accept)

    def spawn(self, work, *arguments):
        thread = threading.Thread(target=work, args=arguments)
        thread.start()
        self.threads.append(thread)

    def accept(self):
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                self.spawn(self.serve, client)

    def serve(self, client: socket.socket):
        with self.lock:
            is_cut = self.random.random() < self.chance
            loses_answer = self.random.random() < 0.3
            octets = self.random.randrange(self.octets)
        with client, suppress(OSError), socket.create_connection((HOST, self.target), SECONDS) as server:
            client.settimeout(SECONDS)
            limits = (None, None) if not is_cut else (None, 0) if loses_answer else (octets, None)
            back = threading.Thread(target=self.pump, args=(server, client, limits[1]))
            back.start()
            self.pump(client, server, limits[0])
            back.join()

    def pump(self, source: socket.socket, sink: socket.socket, limit: int | None):
        """Passes octets on until either side ends; both do then. `limit` octets are the most."""
        with suppress(OSError):
            while piece := source.recv(PIECE if limit is None else max(1, min(PIECE, limit))):
                if limit is not None:
                    limit -= len(piece)
                    if limit <= 0:
                        with self.lock:
                            self.cuts += 1
                        break
                sink.sendall(piece)
                with self.lock:
                    self.passed += len(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()
