"""What a job submits: the files its profile names, copied out of its work folder before that is gone.

The job chose what lies there, so nothing is followed out of the folder: no link, no file that has another
name elsewhere, nothing that is not an ordinary file of the job's own account.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from agents.executors.job import Ending, Job, OutputFile
from agents.executors.job_folder import JobFolder

LARGEST = 32 << 20
PIECE = 1 << 20
NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # without the last a FIFO would hold us for ever


class NotTaken(Exception):
    """The file cannot be taken; the message says why."""


def with_files(ending: Ending, job: Job, folder: JobFolder) -> Ending:
    """The ending with the files that the job's profile promises; a failure when one is not there. A job that
    failed submits nothing.
    """
    if not ending.ok or not job.artifacts:
        return ending
    files: list[OutputFile] = []
    owner = folder.user.uid if folder.user else os.geteuid()
    try:
        for path, kind in job.artifacts.items():
            files.append(OutputFile(path, kind, copy_of(folder.work, path, owner)))
    except NotTaken as error:
        for file in files:
            file.content.close()
        return Ending.failed(str(error), kind="validation", **ending.result)
    return replace(ending, files=tuple(files))


def copy_of(folder: Path, path: str, owner: int) -> BinaryIO:
    """A copy of `folder/path`, a file of this uid, that nobody else can change; raises NotTaken."""
    *above, name = PurePosixPath(path).parts
    with contextlib.ExitStack() as stack:
        try:
            directory = os.open(folder, os.O_DIRECTORY | NO_LINK)
            stack.callback(os.close, directory)
            for step in above:
                directory = os.open(step, os.O_DIRECTORY | NO_LINK, dir_fd=directory)
                stack.callback(os.close, directory)
            descriptor = os.open(name, os.O_RDONLY | NO_LINK, dir_fd=directory)
            stack.callback(os.close, descriptor)
        except FileNotFoundError:
            raise NotTaken(f"it did not leave {path} in its work folder, as it should") from None
        except OSError as error:
            raise NotTaken(
                f"{path} cannot be submitted: {error.strerror}; it must be an ordinary file in the work"
                " folder, not a link"
            ) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_uid != owner:
            raise NotTaken(
                f"{path} cannot be submitted: it must be an ordinary file, written by the job itself,"
                " with no other link to it"
            )
        with open(descriptor, "rb", closefd=False) as file:
            return _copied(file, path)


def _copied(file: BinaryIO, path: str) -> BinaryIO:
    copy = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the ending)
    try:
        while piece := file.read(PIECE):
            if copy.tell() + len(piece) > LARGEST:
                raise NotTaken(f"{path} is larger than {LARGEST >> 20} MiB, which is the limit")
            copy.write(piece)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return copy
