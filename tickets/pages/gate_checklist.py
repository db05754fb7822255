"""The gate of a ticket's phase as a checklist: each check with its result in the last verdict and the present
evidence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tickets.gates.check_names import TASKS, GateEntry, capital, name_of, words
from tickets.gates.registry import runs_later
from tickets.models import Artifact, CheckRun, Tally, Ticket, Verdict
from tickets.workflows.document import Phase

READS = {
    "min_coverage": "test_coverage",
    "has_tests": "code_changes",
    "tests_passed": "test_results",
    "file_exists": "code_changes",
    "file_contains": "code_changes",
    "commit_on_branch": "code_changes",
    "evidence_of_commit": "code_changes",
}  # checks without such a parameter


def read_type(check: GateEntry) -> str:
    """The type of the artifacts that a check reads; empty if it reads none."""
    return str(check.get("type") or READS.get(check["check"], ""))


def read_types(phase: Phase) -> list[str]:
    """The types of the artifacts that the gate of a phase reads."""
    return list(dict.fromkeys(filter(None, map(read_type, phase.gate))))


RESULT_TEXTS: dict[str, Callable[[GateEntry], str]] = {
    "artifact_missing": lambda reason: f"no {words(reason['need'])} yet",
    "too_short": lambda reason: f"{reason['got']} of {reason['need']} characters",
    "sections_missing": lambda reason: f"has {', '.join(map(words, reason['got'])) or 'no section'}",
    "too_few_lines": lambda reason: f"{reason['got']} lines of code in the report, needs {reason['need']}",
    "coverage_low": lambda reason: f"{reason['got']:g} % of the lines, needs {reason['need']:g} %",
    "no_tests": lambda reason: "no test among the changed files",
    "not_asked": lambda reason: "nobody asked for it since the evidence changed",
    "not_answered": lambda reason: str(reason["got"]),
    "command_failed": lambda reason: str(reason["got"]).partition("\n")[0],
    "http_status": lambda reason: f"it answers {reason['got']}, needs {reason['need']}",
    "http_text_missing": lambda reason: f"its answer does not contain {reason['need']}",
    "http_too_slow": lambda reason: f"no answer within {reason['need']} s",
    "http_unreachable": lambda reason: f"not reached: {reason['got']}",
    "changes_asked": lambda reason: "; ".join(map(str, reason["got"])),
    "rounds_over": lambda reason: f"{reason['got']} reviews, and none approved",
    "no_criteria": lambda reason: "no acceptance criterion yet",
    "criteria_open": lambda reason: f"without evidence: {'; '.join(map(str, reason['need']))}",
    "criterion_old": lambda reason: f"{reason['got']} has changed since it was named for: {reason['need']}",
    "not_valid": lambda reason: "; ".join(map(str, reason["got"])),
    "tests_failed": lambda reason: f"{reason['got']} failed",
    "no_tests_run": lambda reason: "no test ran",
    "tasks_failed": lambda reason: f"{reason['got']} failed",
    "tasks_open": lambda reason: f"{reason['got']} still open",
    "no_tasks": lambda reason: "no task in this phase",
    "approvals_missing": lambda reason: f"{reason['got']} of {reason['need']} given",
    "rejected": lambda reason: "rejected",
    "changes_requested": lambda reason: "changes requested",
    "evidence_unreadable": lambda reason: f"cannot be read: {reason['got']}",
    "commit_unnamed": lambda reason: f"{reason['got'] or 'the evidence'} names no commit",
    "commit_malformed": lambda reason: f"{reason['got']} is not the hash of a commit",
    "commit_missing": lambda reason: f"commit {reason['need']} is not in the repository",
    "of_another_commit": lambda reason: f"{reason['got']}, not of {reason['need']}",
    "no_repository": lambda reason: "no such repository in the project",
    "branch_missing": lambda reason: f"no branch {reason['need']}",
    "not_on_branch": lambda reason: f"{reason['got'][:12]} is not on {reason['need']}",
    "file_missing": lambda reason: f"no {reason['need']} in this commit",
    "no_file": lambda reason: f"{reason['need']} is {reason['got']}",
    "file_too_large": lambda reason: f"{reason['need']} has {reason['got']:,} bytes",
    "text_missing": lambda reason: "the text is not in the file",
}
FETCH = "repository_"  # how the codes of failed fetches begin; what they got is a sentence


def result_text(reason: GateEntry) -> str:
    """What is there and what is needed; for a check of another app, in its own words."""
    try:
        if reason["code"].startswith(FETCH):
            return capital(reason["got"])
        return capital(RESULT_TEXTS[reason["code"]](reason))
    except (KeyError, TypeError, ValueError):
        return (
            f"Needs {reason.get('need')}, has {reason.get('got')}"
            if reason.get("got") is not None
            else f"Needs {reason.get('need')}"
        )


def entry_of(gate: Sequence[GateEntry], reason: GateEntry) -> GateEntry:
    """The gate's entry for a reason, with its parameters."""
    checks = [check for check in gate if check["check"] == reason["check"]]
    of_type = [check for check in checks if check.get("type") == reason.get("need")]
    return (of_type or checks or [{"check": reason["check"]}])[0]


SHOWN_OF_RUNS = ("exit", "status", "seconds", "bytes", "output_sha256", "body_sha256")
KINDS = {"artifact": "artifact", TASKS: "tasks", "approvals": "people"}  # a check of another kind: validator
STATE_ICONS = {"passed": "circle-check", "failed": "circle-x", "open": "circle-dashed"}
TONE_ICONS = {"ok": "circle-check", "bad": "circle-x"}


@dataclass(frozen=True)
class Row:
    """One check. `state`: passed, failed or open (not judged, or judged with other evidence)."""

    number: int
    check: GateEntry
    state: str
    reasons: Sequence[GateEntry]
    evidence: Artifact | None
    tasks: str = ""
    run: CheckRun | None = None  # the newest, of a check that is answered later

    @property
    def name(self) -> str:
        return name_of(self.check)

    @property
    def reads(self) -> str:
        """The type of the artifacts that the check reads; empty if it reads none."""
        return read_type(self.check)

    @property
    def icon(self) -> str:
        return STATE_ICONS[self.state]

    @property
    def kind(self) -> str:
        return KINDS.get(self.check["check"], "validator")

    @property
    def ran(self) -> str:
        """What is kept of its run, in words."""
        if self.run is None:
            return ""
        if self.run.task_id:
            return (
                f"Reviewed by task {self.run.task_id}"
                if self.state == "passed"
                else f"Task {self.run.task_id}"
            )
        if self.run.answered_at is None:
            return "A worker runs it" if self.run.started_at else "Waits for a worker"
        kept = [f"{words(name)} {self.run.result[name]}" for name in SHOWN_OF_RUNS if name in self.run.result]
        return capital(", ".join(kept))

    @property
    def results(self) -> list[tuple[str, str]]:
        """For each reason: what is there, and what to do."""
        return [(result_text(reason), capital(str(reason.get("how") or ""))) for reason in self.reasons]


@dataclass(frozen=True)
class Gate:
    """The gate of `phase`. Without checks, `says` tells how a ticket leaves the phase."""

    phase: str
    to: str
    rows: Sequence[Row]
    verdict: Verdict | None
    stale: str  # why the verdict no longer holds; empty if it does
    says: str

    @property
    def counts(self) -> Counter[str]:
        return Counter(row.state for row in self.rows)

    @property
    def tone(self) -> str:
        return (
            "neutral"
            if not self.verdict
            else "warn"
            if self.stale
            else "ok"
            if self.verdict.passed
            else "bad"
        )

    @property
    def icon(self) -> str:
        return TONE_ICONS.get(self.tone, "shield-check")

    @property
    def summary(self) -> str:
        if not self.verdict:
            return "Not judged yet"
        counts = self.counts
        words = [("passed", "pass"), ("failed", "fail"), ("open", "open")]
        return " · ".join(f"{counts[state]} {word}" for state, word in words if counts[state])

    @property
    def short(self) -> str:
        """The short text for the badge beside the title."""
        if not self.verdict:
            return "Gate not judged"
        passed, failed = self.counts["passed"], self.counts["failed"]
        return f"Gate {passed} of {len(self.rows)}{f', {failed} failed' if failed else ''}"

    @property
    def first_failed(self) -> Row | None:
        return next((row for row in self.rows if row.state == "failed"), None)

    @property
    def closed(self) -> bool:
        """Whether it was judged on the present evidence and refused."""
        return bool(self.verdict and not self.verdict.passed and not self.stale)


def gate_of(ticket: Ticket, phase: Phase, artifacts: Sequence[Artifact], tally: Tally) -> Gate:
    """The checklist of `phase`, in which the ticket is or was blocked."""
    to = ticket.plan.after(phase.name) or ""
    verdict = ticket.verdicts.filter(phase=phase.name).order_by("-id").first() if phase.gate else None
    newest = {artifact.type: artifact for artifact in artifacts if artifact.phase == phase.name}
    runs = CheckRun.objects.newest(ticket, phase.name) if any(map(runs_later, phase.gate)) else []
    answers = {number: answer for number, answer in enumerate(verdict.checks, 1)} if verdict else {}
    return Gate(
        phase.name,
        to,
        [
            replace(_row(number, check, answers.get(number), newest, tally), run=_run(check, runs))
            for number, check in enumerate(phase.gate, 1)
        ],
        verdict,
        verdict.stale_for(ticket) if verdict else "",
        "" if phase.gate else _without(phase),
    )


def _run(check: GateEntry, runs: Sequence[CheckRun]) -> CheckRun | None:
    return next((run for run in runs if run.entry == check), None)


def _row(
    number: int, check: GateEntry, answer: GateEntry | None, newest: dict[str, Artifact], tally: Tally
) -> Row:
    kind = read_type(check)
    state = (
        "open"
        if answer is None or answer["check"] != check["check"]
        else "passed"
        if answer["passed"]
        else "failed"
    )
    tasks = (
        f"{tally.done} of {tally.total} tasks of the ticket done"
        if check["check"] == TASKS and tally.total
        else ""
    )
    return Row(
        number,
        check,
        state,
        answer["reasons"] if answer and state == "failed" else [],
        newest.get(kind),
        tasks,
    )


def _without(phase: Phase) -> str:
    if phase.terminal:
        return "The ticket has ended."
    how = {
        "on_claim": "the ticket moves on by itself as soon as work of the next phase is claimed.",
        "on_completion": "the ticket moves on by itself once all its tasks have ended well.",
    }.get(phase.automatic, "a person with the right can move the ticket on once no task is open.")
    return f"This phase has no gate: {how}"


def who_and_when(row: Row, gate: Gate) -> tuple[str, datetime | None]:
    """Who submitted the evidence of a row, else who judged it; and when."""
    if row.evidence:
        return row.evidence.by, row.evidence.at
    return (gate.verdict.by, gate.verdict.at) if gate.verdict and row.state != "open" else ("", None)
