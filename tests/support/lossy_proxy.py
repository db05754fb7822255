"""A line to a server on which answers get lost."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def losing_answers(host: str, port: int, every: int) -> Iterator[str]:
    """The address of a line to that server.

    Each `every`-th answer is cut off: the server has done what was asked, the client cannot know.
    """
    answers = itertools.count(1)
    with socket.create_server(("127.0.0.1", 0)) as door:

        def pass_on(source: socket.socket, to: socket.socket, cuts: bool) -> None:
            with contextlib.suppress(OSError):
                while piece := source.recv(1 << 16):
                    if cuts and next(answers) % every == 0:
                        break
                    to.sendall(piece)
            for end in (source, to):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

        def let_in() -> None:
            with contextlib.suppress(OSError):  # the door is closed: the line ends
                while True:
                    client, _ = door.accept()
                    server = socket.create_connection((host, port))
                    for source, to, cuts in ((client, server, False), (server, client, True)):
                        threading.Thread(target=pass_on, args=[source, to, cuts], daemon=True).start()

        threading.Thread(target=let_in, daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        door.shutdown(socket.SHUT_RDWR)
