"""Brokers of the tests' own, on free ports: they are killed and started again."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from tests.support import children
from tests.support.external import unavailable
from tests.support.wait import until


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Server:
    """A server process in a folder of its own; `url` is what BROKER_URL says."""

    url = ""
    process: subprocess.Popen[bytes]

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = children.start(**self.words(), stdout=log, stderr=log)
        until(self.answers, seconds=90, why=lambda: (self.folder / "log").read_text()[-2000:])

    def answers(self) -> bool:
        """Whether it takes connections, and is the process we started."""
        assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
        return self.takes_connections()

    def takes_connections(self) -> bool:
        with socket.socket() as door:
            return door.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """Afterwards nothing listens: what listens may be a child, which ends after the process itself."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        until(lambda: not self.takes_connections())

    def words(self) -> dict[str, Any]:
        raise NotImplementedError


class Redis(Server):
    def __init__(self, folder: Path) -> None:
        if not (program := shutil.which("redis-server")):
            unavailable("redis", "redis-server is not installed: apt-get install redis-server")
        super().__init__(folder)
        self.program, self.url = program, f"redis://127.0.0.1:{self.port}/0"

    def words(self) -> dict[str, Any]:
        return {
            "words": [
                self.program,
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                str(self.folder),
            ]
        }


class RabbitMQ(Server):
    def __init__(self, folder: Path) -> None:
        program = "/usr/lib/rabbitmq/bin/rabbitmq-server"
        if not os.path.exists(program):
            unavailable("rabbitmq", "rabbitmq-server is not installed: apt-get install rabbitmq-server")
        super().__init__(folder)
        self.program, self.dist_port = program, free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}/%2f"
        (folder / "plugins.list").write_text("[].\n")

    def words(self) -> dict[str, Any]:
        places = {
            name: str(self.folder / name.lower())
            for name in ("MNESIA_BASE", "LOG_BASE", "PLUGINS_EXPAND_DIR", "PID_FILE", "CONFIG_FILE")
        }
        own = {
            **places,
            "NODENAME": f"omoi-{self.port}@localhost",
            "NODE_PORT": str(self.port),
            "DIST_PORT": str(self.dist_port),
            "ENABLED_PLUGINS_FILE": str(self.folder / "plugins.list"),
            "CONF_ENV_FILE": "/dev/null",
        }
        return {
            "words": [self.program],
            "env": {
                **os.environ,
                "HOME": str(self.folder),
                **{f"RABBITMQ_{name}": value for name, value in own.items()},
            },
        }
