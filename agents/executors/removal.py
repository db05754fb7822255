"""Removing what a job left, which may have been made to hinder that."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

DEEPEST = 30  # each level needs a descriptor and a stack frame of this process


def remove(path: Path) -> None:
    """Remove it with all in it; links are not followed. What is nested deep, or closed to us, other programs
    remove. Never raises an OSError.
    """
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
            return
        folder = os.open(path, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _empty(folder, DEEPEST)
        finally:
            os.close(folder)
        path.rmdir()
    except OSError:
        if os.geteuid() != 0:
            _run("chmod", "-R", "u+rwx", "--", str(path))
        _run("rm", "-rf", "--", str(path))


def _empty(folder: int, levels: int) -> None:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                inner = os.open(entry.name, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
                try:
                    if levels:
                        _empty(inner, levels - 1)
                finally:
                    os.close(inner)
                os.rmdir(entry.name, dir_fd=folder)
            else:
                os.unlink(entry.name, dir_fd=folder)


def _run(*words: str) -> None:
    subprocess.run(words, env={"PATH": os.defpath}, stderr=subprocess.DEVNULL)
