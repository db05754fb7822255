"""Ways to a broker on which messages get lost: each is sent to a queue that nobody reads, and the sender is
told that it was accepted.
"""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO
from urllib.parse import urlsplit

import psycopg

QUEUE, NOWHERE = b"default", b"nowhere"  # of the same length, so that no other byte has to change
LOSING = """
CREATE SEQUENCE public.bench_sent;
CREATE SEQUENCE public.bench_lost;
CREATE FUNCTION public.bench_lose() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
  PERFORM nextval('public.bench_sent');
  IF random() < {share} THEN
    PERFORM nextval('public.bench_lost');
    RETURN NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER bench_lose BEFORE INSERT ON dramatiq.queue FOR EACH ROW EXECUTE FUNCTION public.bench_lose()
"""
COUNTED = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.bench_{}"


class LosingTable:
    """The default broker: rows of the queue's table that are never inserted."""

    url = ""

    def __init__(self, connect: Callable[[], psycopg.Connection[tuple[int]]], share: float) -> None:
        self.connect = connect
        with connect() as link:
            link.execute(LOSING.format(share=share).encode())

    def counted(self) -> tuple[int, int]:
        """How many messages were sent, and how many of them were lost."""
        with self.connect() as link:
            sent, lost = (link.execute(COUNTED.format(each).encode()).fetchone() for each in ("sent", "lost"))
        return (sent or (0,))[0], (lost or (0,))[0]

    def end(self) -> None:
        """From now on nothing is lost."""
        with self.connect() as link:
            link.execute("DROP TRIGGER bench_lose ON dramatiq.queue")


class LosingLine:
    """A line to Redis or RabbitMQ. `url`: its own end, to be given to whoever should lose messages."""

    def __init__(self, url: str, share: float, seed: int) -> None:
        found = urlsplit(url)
        self.server = (
            found.hostname or "127.0.0.1",
            found.port or (5672 if "amqp" in found.scheme else 6379),
        )
        self.units, self.publishes = (
            (frames, is_publish) if "amqp" in found.scheme else (commands, is_enqueue)
        )
        if "amqp" in found.scheme:
            declare_nowhere(url)
        self.share, self.random = share, random.Random(seed)
        self.sent = self.lost = 0
        self.door = socket.create_server(("127.0.0.1", 0))
        login = f"{found.username}:{found.password}@" if found.username else ""
        self.url = f"{found.scheme}://{login}127.0.0.1:{self.door.getsockname()[1]}{found.path}"
        threading.Thread(target=self._let_in, daemon=True).start()

    def counted(self) -> tuple[int, int]:
        return self.sent, self.lost

    def end(self) -> None:
        self.share = 0.0

    def _let_in(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.door.accept()
                threading.Thread(target=self._connect, args=[client], daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, socket.create_connection(self.server) as server:
            threading.Thread(target=pass_on, args=[server, client], daemon=True).start()
            with contextlib.suppress(OSError, ValueError):
                for unit in self.units(client.makefile("rb")):
                    server.sendall(self._lost_or_not(unit))
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)

    def _lost_or_not(self, unit: bytes) -> bytes:
        if not self.publishes(unit):
            return unit
        self.sent += 1
        if self.random.random() >= self.share:
            return unit
        self.lost += 1
        return unit.replace(QUEUE, NOWHERE, 1)


def pass_on(source: socket.socket, to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(1 << 16):
            to.sendall(piece)
    with contextlib.suppress(OSError):
        to.shutdown(socket.SHUT_RDWR)


def commands(file: BinaryIO) -> Iterator[bytes]:
    """Each command that a client sends to Redis."""
    while head := file.readline():
        parts = [head]
        for _ in range(int(head[1:])):
            size = file.readline()
            parts += [size, file.read(int(size[1:]) + 2)]
        yield b"".join(parts)


def is_enqueue(command: bytes) -> bool:
    """Whether dramatiq puts a message into the queue with it."""
    return b"\r\nenqueue\r\n" in command and b"\r\n%s\r\n" % QUEUE in command


def frames(file: BinaryIO) -> Iterator[bytes]:
    """The greeting, and then each frame that a client sends to RabbitMQ."""
    yield file.read(8)
    while head := file.read(7):
        yield head + file.read(int.from_bytes(head[3:]) + 1)


def is_publish(frame: bytes) -> bool:
    """Whether it is the method Basic.Publish with the queue as its routing key."""
    return frame[:1] == b"\x01" and frame[7:11] == b"\x00\x3c\x00\x28" and b"\x07%s" % QUEUE in frame


def declare_nowhere(url: str) -> None:
    """RabbitMQ tells the sender where there is no such queue."""
    import pika

    link = pika.BlockingConnection(pika.URLParameters(url))
    link.channel().queue_declare(NOWHERE.decode())
    link.close()
