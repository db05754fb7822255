"""What a job of a peer does: nothing but to leave its number and the time in a file, so that the bench sees
each job that ran, and how often.
"""

import os
import struct
import time

RECORD = struct.Struct("<qd")
_file = os.open(os.environ["BENCH_RECORDS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def leave(number: int) -> None:
    os.write(_file, RECORD.pack(number, time.time()))
