"""A database named by DATABASE_URL, with one role and with two."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from omoi_site.database import binaries, location, role_check
from omoi_site.setup import paths
from tests.support import ROOT, children
from tests.support.external import unavailable
from tests.support.wait import until

# Tickets that go through their phases, which the deferred triggers look at when the transaction ends.
WORK = """
import django
django.setup()
from io import BytesIO
from agents.models import Agent, AgentSpec, Project, ProjectSpec
from tickets.models import *
gate = [{"check": "artifact", "type": "notes"}]
phases = [{"name": "MAKE", "to": ["DONE"], "gate": gate}, {"name": "DONE", "to": []}]
Workflow.objects.install({"name": "gated", "phases": phases})
spec = ProjectSpec("OMO", workflow="simple", workflows=["gated"])
project = Project.objects.create_project(spec, by="system:test")
workflow = Workflow.objects.get(name="gated")
gated = Ticket.objects.open(project, TicketSpec("Pay", workflow=workflow), by="system:test")
Artifact.objects.submit(gated, NewArtifact("notes", BytesIO(b"notes")), by="system:test")
Ticket.objects.move(gated.pk, "DONE", by="system:test")
ticket = Ticket.objects.open(project, TicketSpec("Capture payments"), by="system:test")
ada = Agent.objects.register(AgentSpec("ada"), projects=[project], by="system:test")
Task.objects.add(ticket, [TaskSpec("Write it")], by="system:test")
[claim] = Task.objects.claim(by=ada)
[settled] = Task.objects.settle([Outcome(claim.task, claim.fence, "completed")], by=ada)
with Ticket.objects.locked(pk=ticket.pk) as locked:
    locked.advance(by="system:test")
print(settled.state, *Ticket.objects.order_by("pk").values_list("phase", flat=True))
"""
REFUSED = [
    "ALTER TABLE tickets_ticket DISABLE TRIGGER phase_guard",
    "SET session_replication_role = replica",
    "CREATE OR REPLACE FUNCTION omoi_never() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "TRUNCATE agents_event",
    "UPDATE agents_event SET actor = ''",
    "INSERT INTO tickets_verdict DEFAULT VALUES",
    "INSERT INTO tickets_workflowphase DEFAULT VALUES",
    "DELETE FROM tickets_phasemove",
    "CREATE TABLE mine (id int)",
    "CREATE TEMP TABLE mine (id int)",
    "INSERT INTO django_migrations (app, name, applied) VALUES ('a', 'b', now())",
    "SET ROLE shop",
]


class External:
    """A server of its own, as somebody else would run it; its superuser is `postgres`."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder, self.how = programs, folder, binaries.run_as(paths.service_user())
        self.data = folder / "data"

    def start(self) -> None:
        words = ["initdb", "-D", self.data, "-U", "postgres", "--auth=trust", "--no-sync"]
        self.run(*words)
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c fsync=off"
        self.run("pg_ctl", "-D", self.data, "-l", self.folder / "log", "-o", options, "-w", "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")

    def run(self, name: str, *words: str | Path) -> None:
        subprocess.run(
            [self.programs / name, *words], check=True, stdout=subprocess.DEVNULL, cwd="/", **self.how
        )

    def address(self, user: str, password: str = "secret") -> str:
        return location.url(str(self.folder), "shop", user, password)

    def superuser(self, database: str = "shop") -> psycopg.Connection:
        return psycopg.connect(host=str(self.folder), user="postgres", dbname=database, autocommit=True)


@pytest.fixture(
    scope="module", params=["this", pytest.param("15", marks=pytest.mark.full)], ids=lambda version: version
)
def external(request):
    programs = binaries.binaries()
    if request.param == "15":
        programs = Path("/usr/lib/postgresql/15/bin")
        if not programs.exists():
            unavailable("postgresql-15", "there is no PostgreSQL 15: apt install postgresql-15")
    folder = Path(tempfile.mkdtemp(prefix="omoi-external-"))
    account = paths.service_user()
    if account:
        os.chown(folder, account.uid, account.gid)
    server = External(programs, folder)
    try:
        server.start()
        with server.superuser("postgres") as link:
            link.execute("CREATE ROLE shop LOGIN PASSWORD 'secret'")
            link.execute("CREATE DATABASE shop OWNER shop")
        yield server
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def manage(*words: str, **addresses: str) -> subprocess.CompletedProcess[str]:
    there = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    return subprocess.run(
        [sys.executable, *(words if words[0] == "-c" else ("manage.py", *words))],
        cwd=ROOT,
        env={**there, "DJANGO_SETTINGS_MODULE": "omoi_site.settings", **addresses},
        capture_output=True,
        text=True,
    )


def doctor(**addresses: str) -> dict[str, str]:
    found = json.loads(manage("doctor", "--json", **addresses).stdout)["findings"]
    return next(each for each in found if each["name"] == "roles")


@pytest.mark.full
def test_one_role_is_reported_and_a_second_is_made_by_the_printed_sql(external):
    one = {"DATABASE_URL": external.address("shop")}
    done = manage("migrate", "-v0", **one)
    assert done.returncode == 0, done.stderr
    assert doctor(**one)["state"] == "attention"

    script = manage("roles", "--sql", **one).stdout
    with external.superuser() as link:
        link.execute(script)
    [new] = [line for line in script.splitlines() if line.startswith("-- DATABASE_URL=")]
    two = {"DATABASE_URL": new.removeprefix("-- DATABASE_URL="), "OMOI_OWNER_URL": external.address("shop")}
    with psycopg.connect(two["DATABASE_URL"]) as link:
        assert "privileges" in role_check.look(link).faults[0]
    done = manage("migrate", "-v0", **two)
    assert done.returncode == 0, done.stderr

    ran = manage("-c", WORK, DATABASE_URL=two["DATABASE_URL"])
    assert ran.stdout.split() == ["completed", "DONE", "DOING"], ran.stderr
    with psycopg.connect(two["DATABASE_URL"], autocommit=True) as link:
        assert role_check.look(link).faults == []
        for statement in REFUSED:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                link.execute(statement)
    with external.superuser() as link:
        assert role_check.look(link).unbound


@pytest.mark.full
def test_an_owner_of_another_database_or_of_none_is_refused(external):
    here = external.address("shop")
    with external.superuser() as link:
        for role in ("worker", "stranger"):
            link.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        link.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # as from PostgreSQL 15 on
    elsewhere = location.url(str(external.folder), "postgres", "shop", "secret")
    for owner, why in (
        (elsewhere, "different databases"),
        (
            here.replace("shop:secret", "stranger:secret"),
            "stranger of OMOI_OWNER_URL does not own the tables",
        ),
        (here.replace("shop:secret", "nobody:secret"), "The database of OMOI_OWNER_URL at"),
    ):
        done = manage("migrate", "-v0", DATABASE_URL=external.address("worker"), OMOI_OWNER_URL=owner)
        assert (done.returncode, why in done.stderr, "Traceback" in done.stderr) == (1, True, False), done
    done = manage("migrate", "-v0", OMOI_OWNER_URL=here)
    assert "OMOI_OWNER_URL is set and DATABASE_URL is not" in done.stderr


@pytest.mark.full
def test_what_the_application_could_give_itself_again_is_reported_and_ended(external):
    with external.superuser() as link:
        link.execute("CREATE ROLE landlord LOGIN PASSWORD 'secret'")
    here, owner = external.address("landlord"), external.address("shop")
    done = manage("migrate", "-v0", DATABASE_URL=here, OMOI_OWNER_URL=owner)
    assert done.returncode == 0, done.stderr
    with external.superuser() as link:
        link.execute("ALTER DATABASE shop OWNER TO landlord")
        link.execute("ALTER SCHEMA public OWNER TO landlord")
        link.execute("GRANT pg_write_all_data TO landlord")
        link.execute("REVOKE ALL ON DATABASE shop FROM landlord")
        link.execute("REVOKE CREATE ON SCHEMA public FROM landlord")

    found = doctor(DATABASE_URL=here, OMOI_OWNER_URL=owner)
    assert "owns the database and the schema; landlord is a member of pg_write_all_data" in found["what"]

    with external.superuser() as link:
        link.execute(manage("roles", "--sql", DATABASE_URL=here).stdout)
    assert manage("migrate", "-v0", DATABASE_URL=here, OMOI_OWNER_URL=owner).returncode == 0
    found = doctor(DATABASE_URL=here, OMOI_OWNER_URL=owner)
    assert found["state"] == "ok", found


@pytest.fixture
def pooled(external):
    """The address of the role `pooled` by way of a pgbouncer in session mode."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
    if not program:
        unavailable("pgbouncer", "there is no pgbouncer: apt install pgbouncer")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    users, settings = external.folder / "users.txt", external.folder / "pgbouncer.ini"
    users.write_text('"pooled" "secret"\n')
    settings.write_text(
        f"[databases]\nshop = host={external.folder} dbname=shop\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = plain\nauth_file = {users}\npool_mode = session\n"
    )
    with external.superuser() as link:
        link.execute("CREATE ROLE pooled LOGIN PASSWORD 'secret'")
        link.execute("REVOKE CREATE, TEMPORARY ON DATABASE shop FROM PUBLIC")
    words = [program, "-q", str(settings)]
    process = children.start(words, stderr=subprocess.DEVNULL, cwd="/", **external.how)
    until(lambda: reachable(port) or process.poll() is not None)
    yield f"postgresql://pooled:secret@127.0.0.1:{port}/shop"
    process.terminate()
    process.wait()


def reachable(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@pytest.mark.full
def test_the_application_may_come_through_a_pooler(external, pooled):
    owner = external.address("shop")
    done = manage("migrate", "-v0", DATABASE_URL=pooled, OMOI_OWNER_URL=owner)
    assert done.returncode == 0, done.stderr

    ran = manage("-c", WORK.replace('"OMO"', '"POOL"').replace('"ada"', '"eve"'), DATABASE_URL=pooled)

    assert ran.stdout.split()[0] == "completed", ran.stderr
    assert doctor(DATABASE_URL=pooled, OMOI_OWNER_URL=owner)["state"] == "ok"
