"""Runs the checks of gates that take long or ask outside, a few at a time, in threads of a worker."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from django.conf import settings
from django.db import Error, close_old_connections, connection

from omoi_site.database import sql
from tickets.gates import evidence, registry
from tickets.gates.work import Answer, Question, Submitted
from tickets.models import Artifact, Blob, CheckRun, Ticket
from tickets.models.gate.check_run import MOST_TRIES, WORKFLOW

log = logging.getLogger(__name__)
AT_ONCE = 4
_asked = threading.Event()


def look() -> None:
    """A hint came: look for runs at once."""
    _asked.set()


class CheckRunner:
    """Carries out runs until it is asked to stop: one thread looks for them, and each gets a thread of its
    own, so that a check that takes an hour holds up no other. Its worker renews their leases meanwhile.
    """

    def __init__(self, worker: str) -> None:
        self.worker = worker
        self.stopping = False
        self.runs: dict[int, CheckRun] = {}  # those of now; one that was lost and taken again is here twice
        self.thread = threading.Thread(target=self._work, name="checks", daemon=True)
        self.thread.start()

    def renew(self) -> None:
        """Renew the leases of the present runs, while a check may still take its time."""
        for run in list(self.runs.values()):
            if not (run.answered_at or CheckRun.objects.renew(run) or run.answered_at):
                log.warning("%s for %s is not this worker's any more", *_named(run))

    def stop(self) -> None:
        """No new run; another worker may take the present ones."""
        self.stopping = True
        _asked.set()
        for run in list(self.runs.values()):
            try:
                CheckRun.objects.release(run)
            except Error as error:
                log.warning("%s waits for the end of its lease: %s", run.name, str(error).strip())
        connection.close()

    def _work(self) -> None:
        while not self.stopping:
            _asked.clear()
            close_old_connections()
            with _going_on():
                while not self.stopping and self._start_next():
                    pass
            _asked.wait(settings.WORKER_POLL_S)
        connection.close()

    def _start_next(self) -> bool:
        if len(self.runs) >= AT_ONCE:
            return False
        run = CheckRun.objects.take(f"system:{self.worker}")
        if run is None:
            return False
        self.runs[id(run)] = run
        threading.Thread(target=self._carry_out, args=[run], name="check", daemon=True).start()
        return True

    def _carry_out(self, run: CheckRun) -> None:
        try:
            with _going_on():
                carry_out(run)
        finally:
            connection.close()
            del self.runs[id(run)]
            look()


@contextmanager
def _going_on() -> Iterator[None]:
    """A failure inside the block is logged: the next run must not wait for a new worker."""
    try:
        yield
    except Error as error:
        log.warning("the database does not answer, trying again: %s", str(error).strip())
        connection.close()
    except Exception:
        log.exception("a run of a gate check could not be carried out")


def carry_out_next(worker: str) -> bool:
    """Carry out the next run. Returns False if there was none."""
    run = CheckRun.objects.take(f"system:{worker}")
    if run:
        carry_out(run)
    return run is not None


def carry_out(run: CheckRun) -> None:
    """Answer it and judge again; in a worker, without a transaction."""
    answer = _answer(run)
    if not connection.in_atomic_block:
        close_old_connections()  # the check may have taken an hour, and the server may have ended ours
    if not CheckRun.objects.answer(run, answer.reasons, answer.result):
        log.warning("%s for %s was answered too late: it is not this worker's any more", *_named(run))
        return
    log.info("%s for %s: %s", *_named(run), "refused" if answer.reasons else "passed")
    _judge_again(run)


def _named(run: CheckRun) -> tuple[str, str]:
    return run.name, run.ticket.key


def _judge_again(run: CheckRun) -> None:
    """Whoever asked sees the new verdict, as soon as all have answered."""
    ticket = Ticket.objects.select_related("workflow").get(pk=run.ticket_id)
    if (ticket.phase, ticket.moves) != (run.phase, run.move) or run.asked_by == WORKFLOW:
        return  # what moves by itself is judged when a hint comes
    if all(each.ended for each in CheckRun.objects.current(ticket, ticket.phase)):
        Ticket.objects.judge(pk=ticket.pk, by=run.worker)


@sql.patiently
def _answer(run: CheckRun) -> Answer:
    """An answer, whatever the check does. Raises only what may pass: then the run is taken again when its
    lease ends.
    """
    ticket = Ticket.objects.select_related("project", "workflow").get(pk=run.ticket_id)
    check = registry.registered().get(run.name)
    if check is None or check.work is None:
        return _refused(run, "check_unknown", "install the check, or use a workflow version without it")
    if run.tries - run.releases > MOST_TRIES:
        return _refused(run, "worker_lost", "read the logs of the workers, then run the checks again")
    if (ticket.phase, ticket.moves, CheckRun.objects.seen(ticket)) != (run.phase, run.move, run.seen):
        return _refused(run, "evidence_changed", "run the checks of the gate again")
    try:
        answer = check.work(_question(run, ticket))
    except Exception as error:
        if sql.transient(error):
            raise
        log.exception("a gate check failed", extra={"check": run.name})
        answer = _refused(run, "check_failed", "read the log of the worker", type(error).__name__)
    if isinstance(answer, Answer):
        return answer
    return _refused(run, "check_failed", "correct the check", f"it returned a {type(answer).__name__}")


def _refused(run: CheckRun, code: str, how: str, got: str | None = None) -> Answer:
    return Answer([registry.Reason(run.name, code, "an answer", got, how)])


def _question(run: CheckRun, ticket: Ticket) -> Question:
    artifacts = Artifact.objects.current().filter(ticket=ticket, phase=run.phase).select_related("blob")
    return Question(
        run=run.pk,
        ticket=ticket.key,
        title=ticket.title,
        phase=run.phase,
        needs={name: value for name, value in run.entry.items() if name != "check"},
        artifacts=[_submitted(each) for each in sorted(artifacts, key=lambda row: row.pk, reverse=True)],
        profiles=ticket.project.profiles,
        tasks=dict(Counter(ticket.tasks.filter(phase=run.phase).values_list("state", flat=True))),
    )


def _submitted(artifact: Artifact) -> Submitted:
    blob = artifact.blob
    about = (artifact.type, artifact.name, blob.hash, blob.size, artifact.commit, artifact.path)
    return Submitted(*about, content=partial(_content, blob))


def _content(blob: Blob) -> bytes:
    if blob.size > evidence.LARGEST:
        raise evidence.Unreadable(f"it has more than {evidence.LARGEST >> 20} MiB")
    return b"".join(blob.pieces())
