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
from typing import Any, BinaryIO

from agents.executors.job import Ending, Job, OutputFile
from agents.executors.job_folder import JobFolder
from omoi_site import strict_json
from omoi_site.errors import Malformed

LARGEST = 32 << 20
LARGEST_LIST = 4 << 20
LARGEST_FAILURE = 64 << 10
PIECE = 1 << 20
NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # without the last a FIFO would hold us for ever


class NotTaken(Exception):
    """The file cannot be taken; the message says why."""


class Missing(NotTaken):
    """There is no such file."""


def with_files(ending: Ending, job: Job, folder: JobFolder) -> Ending:
    """The ending with the files that the job's profile promises; a failure when one is not there. And with
    what the job found on the way, if it has left the file for that. A job that failed submits nothing but
    how it failed, if it has left the file for that.
    """
    owner = folder.user.uid if folder.user else os.geteuid()
    if not ending.ok:
        return _with_failure(ending, folder.work, job.failure, owner) if job.failure else ending
    files: list[OutputFile] = []
    try:
        for path, kind in job.artifacts.items():
            files.append(OutputFile(path, kind, copy_of(folder.work, path, owner)))
        discoveries = discoveries_of(folder.work, job.discoveries, owner) if job.discoveries else []
    except NotTaken as error:
        for file in files:
            file.content.close()
        return Ending.failed(str(error), kind="validation", **ending.result)
    return replace(ending, files=tuple(files), discoveries=tuple(discoveries))


def _with_failure(ending: Ending, folder: Path, path: str, owner: int) -> Ending:
    try:
        return replace(ending, failure=_document(folder, path, owner, largest=LARGEST_FAILURE))
    except Missing:
        return ending
    except NotTaken as error:
        return replace(ending, error=f"{ending.error}\n{error}")


def discoveries_of(folder: Path, path: str, owner: int) -> list[Any]:
    """The items of the JSON list in `folder/path`; none without such a file. Raises NotTaken."""
    try:
        found = _document(folder, path, owner, largest=LARGEST_LIST)
    except Missing:
        return []
    if not isinstance(found, list):
        raise NotTaken(f"{path} must be a JSON list of discoveries, each with a type, a title and a body")
    return found


def _document(folder: Path, path: str, owner: int, *, largest: int) -> Any:
    with copy_of(folder, path, owner, largest=largest) as file:
        try:
            return strict_json.read(file.read(), path)
        except Malformed as fault:
            raise NotTaken(fault.message) from None


def copy_of(folder: Path, path: str, owner: int, *, largest: int = LARGEST) -> BinaryIO:
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
            raise Missing(f"it did not leave {path} in its work folder, as it should") from None
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
            return _copied(file, path, largest)


def _copied(file: BinaryIO, path: str, largest: int) -> BinaryIO:
    copy = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the ending)
    try:
        while piece := file.read(PIECE):
            if copy.tell() + len(piece) > largest:
                raise NotTaken(f"{path} is larger than {_in_words(largest)}, which is the limit")
            copy.write(piece)
    except BaseException:
        copy.close()
        raise
    copy.seek(0)
    return copy


def _in_words(size: int) -> str:
    return f"{size >> 20} MiB" if size >> 20 else f"{size >> 10} KiB"
