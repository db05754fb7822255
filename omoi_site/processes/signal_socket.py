"""Waiting for signals and for the ends of children together with descriptors."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def signal_socket(on_signal: Callable[[int, FrameType | None], None]) -> Iterator[socket.socket]:
    """A socket that becomes readable when a signal arrives or a child ends. on_signal: called for signals
    that ask to end.
    """
    read_end, write_end = socket.socketpair()
    read_end.setblocking(False)
    write_end.setblocking(False)
    before = {number: signal.getsignal(number) for number in (*ENDS, signal.SIGCHLD)}
    for number in ENDS:
        if number != signal.SIGHUP or before[number] is not signal.SIG_IGN:  # nohup ignores it
            signal.signal(number, on_signal)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    previous = signal.set_wakeup_fd(write_end.fileno(), warn_on_full_buffer=False)
    try:
        yield read_end
    finally:
        signal.set_wakeup_fd(previous)
        for number, handler in before.items():
            signal.signal(number, handler)
        read_end.close()
        write_end.close()
