"""The socket on which a reusable process gets its calls.

They are sent ahead, as far as the socket takes them, so that the process never waits for us between two. What
it has not taken can be withdrawn: we hold its end of the socket as well, and each message is read once.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import tempfile
from array import array
from typing import Any

from agents.executors.output_text import safe_json
from agents.executors.reusable import child


class CallSocket:
    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def close(self) -> None:
        self.ours.close()
        self.theirs.close()

    def send(self, number: int, document: dict[str, Any]) -> bool:
        """False when the socket takes no more for now, or nobody is there to take it."""
        head = struct.pack("<Q", number)
        text = safe_json(document)
        with contextlib.suppress(OSError):
            if len(head) + len(text) <= child.LONGEST_MESSAGE:
                self.ours.send(head + text, socket.MSG_DONTWAIT)
            else:
                with tempfile.TemporaryFile() as file:
                    file.write(text)
                    file.seek(0)
                    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [file.fileno()]))
                    self.ours.sendmsg([head], [rights], socket.MSG_DONTWAIT)  # send_fds ignores flags
            return True
        return False

    def withdraw(self) -> set[int]:
        """The numbers of the calls that were not taken, and will not be."""
        numbers = set()
        with contextlib.suppress(OSError):
            while message := self.theirs.recv(child.LONGEST_MESSAGE, socket.MSG_DONTWAIT):
                numbers.add(struct.unpack_from("<Q", message)[0])
        return numbers
