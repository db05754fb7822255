"""The sandbox of a job: bubblewrap, where it works.

Inside are the system's programs, the job's own folders, its own processes and no network; nothing else of
this machine. Under root the sandbox is made as root and the job inside is a uid of its own without any
capability; an ordinary user has a user namespace, in which no other can be made.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.conf import settings

from agents.executors.isolation import Isolation
from agents.executors.job_folder import INSIDE, JobFolder
from omoi_site.setup import paths

SHARED_MEMORY = 64 << 20
SYSTEM = ("/usr", "/opt", "/nix/store")
LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")  # into /usr, on most systems
ETC = (  # copied once: each mount of its own would cost time in every job
    *("alternatives", "group", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types"),
    *("nsswitch.conf", "passwd", "protocols", "services", "ssl", "ca-certificates", "pki", "hosts"),
)
RESOLVER = "/etc/resolv.conf"
_copying = threading.Lock()


def wrapped(
    bwrap: str, words: Sequence[str], folder: JobFolder, isolation: Isolation, reads: Iterable[Path] = ()
) -> list[str]:
    """The words that run `words` in a sandbox."""
    binds = _Binds()
    for path in SYSTEM:
        binds.read(path)
    for path in LINKS:
        binds.link_or_read(path)
    binds.add("--ro-bind", str(etc(folder.base.parent)), "/etc")
    if isolation.network:
        binds.read(RESOLVER)
    binds.add("--bind", str(folder.folders["tmp"]), INSIDE["tmp"])
    for path in (*isolation.reads, *map(str, reads)):
        binds.read(path)
    binds.hide(
        settings.OMOI_HOME, paths.data_folder(settings.OMOI_HOME), paths.socket_folder(settings.OMOI_HOME)
    )
    for name, source in folder.folders.items():
        if name == "tmp":
            continue  # it is there, with what was brought into it
        binds.add("--ro-bind" if name == "tools" else "--bind", str(source), INSIDE[name])
    namespaces = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if not isolation.network:
        namespaces.append("--unshare-net")
    if folder.user:
        own = ["setpriv", f"--reuid={folder.user.uid}", f"--regid={folder.user.gid}", "--clear-groups"]
        become = [*own, "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--"]
    else:
        namespaces += ["--unshare-user", "--disable-userns", "--cap-drop", "ALL"]
        become = [
            "prlimit",
            f"--nproc={isolation.limits.most_processes}",
            "--",
        ]  # set outside, bubblewrap itself could fail
    return [
        *(bwrap, *namespaces, "--die-with-parent", "--new-session", "--hostname", "job"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--perms", "1777", "--size", str(SHARED_MEMORY), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),
        *binds.words,
        *("--perms", "0755", "--dir", "/var", "--symlink", "/tmp", "/var/tmp"),
        *("--perms", "0755", "--dir", "/run", "--remount-ro", "/", "--chdir", folder.seen("work"), "--"),
        *become,
        *words,
    ]


def etc(room: Path) -> Path:
    """What jobs see as /etc: what everyone may read of ETC, copied into `room` once for each process."""
    folder = room / f"{os.getpid()}-etc"
    with _copying:
        if not folder.exists():
            fresh = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-etc-", dir=room))
            fresh.chmod(0o755)
            for name in ETC:
                with contextlib.suppress(FileNotFoundError):
                    _copy(Path("/etc", name), fresh / name)
            (fresh / "resolv.conf").touch()
            fresh.rename(folder)
    return folder


def _copy(source: Path, target: Path) -> None:
    if source.is_symlink() and not str(source.readlink()).startswith(".."):
        target.symlink_to(source.readlink())
    elif source.stat().st_mode & stat.S_IROTH and source.is_file():
        shutil.copyfile(source, target)
        target.chmod(0o644)
    elif source.stat().st_mode & stat.S_IROTH and source.is_dir():
        target.mkdir()
        target.chmod(0o755)
        for inner in source.iterdir():
            with contextlib.suppress(OSError):
                _copy(inner, target / inner.name)


class _Binds:
    """What of this machine is in the sandbox. Missing parents are made for everyone to enter."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.sources: list[Path] = []
        self.folders = {"/"}

    def read(self, path: str) -> None:
        if os.path.exists(path):
            self.add("--ro-bind", path, path)

    def link_or_read(self, path: str) -> None:
        if os.path.islink(path):
            self.words += ["--symlink", os.readlink(path), path]
        else:
            self.read(path)

    def add(self, how: str, source: str, target: str) -> None:
        for parent in reversed(Path(target).parents):
            if str(parent) not in self.folders:
                self.words += ["--perms", "0755", "--dir", str(parent)]
                self.folders.add(str(parent))
        self.words += [how, source, target]
        self.sources.append(Path(source))

    def hide(self, *secrets: Path) -> None:
        """Cover folders of ours that lie in what was bound."""
        for path in dict.fromkeys(secret.resolve() for secret in secrets):
            if path.exists() and any(path.is_relative_to(source.resolve()) for source in self.sources):
                self.words += ["--tmpfs", str(path)]
