"""Checks by a command that a worker runs."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from agents import profiles
from agents.executors.job import Ending, Job
from agents.executors.run import run
from agents.executors.stop_signal import Stop
from tickets.gates import evidence
from tickets.gates.checks.documents import TYPE
from tickets.gates.registry import Reason, worker_check
from tickets.gates.work import Answer, Question

CHECK = "command"
USUAL_S, MOST_S = 600, 3600
LONGEST = 1 << 20  # bytes of an artifact that a command reads
SHOWN = 2_000  # characters of its output that are kept
KEPT = ("exit", "seconds", "dropped", "limit", "output_sha256")  # of how it ended
PROFILE = {
    "type": "string",
    "pattern": r"^[a-z0-9][a-z0-9_-]{0,59}$",
    "title": "Profile",
    "description": "The profile that is run. The admin of the installation must have granted it.",
}
SLOTS = {
    "type": "object",
    "additionalProperties": {"type": ["string", "integer", "number"]},
    "title": "Slots",
    "description": "The values for the slots of the profile.",
}
READS = {
    "type": "array",
    "items": TYPE,
    "maxItems": 20,
    "title": "Reads",
    "description": "The types of artifacts whose content the command gets, as text of at most 1 MiB each.",
}
TIMEOUT = {
    "type": "integer",
    "minimum": 1,
    "maximum": MOST_S,
    "title": "Timeout",
    "description": f"The seconds that it may take, within what its profile allows. Without it: {USUAL_S}.",
}


@worker_check(
    CHECK, parameters={"profile": PROFILE}, optional={"slots": SLOTS, "reads": READS, "timeout_s": TIMEOUT}
)
def command(question: Question) -> Answer:
    """A command of an installed profile ends with exit status 0. A worker runs it as it runs jobs, once for
    each change of the evidence. Its standard input is JSON: {ticket, title, phase, artifacts}.
    """
    needs = question.needs
    try:
        job = _job(question)
    except (profiles.UnknownProfile, ValueError) as error:
        how = "ask an admin of this installation to correct the profile, or to grant it to the project"
        return Answer([Reason(CHECK, "profile_unusable", needs["profile"], str(error), how)])
    except evidence.Unreadable as error:
        how = "submit it again"
        return Answer([Reason(CHECK, "evidence_unreadable", needs.get("reads"), str(error), how)])
    with closing(Stop()) as stop, closing(run(job, stop)) as ending:
        return _answer(needs["profile"], job, ending)


def _answer(profile: str, job: Job, ending: Ending) -> Answer:
    ran = ending.result
    kept = {
        "argv": job.words,
        **{key: ran[key] for key in KEPT if key in ran},
        "output": str(ran.get("output", ""))[-SHOWN:],
    }
    if ending.ok:
        return Answer([], kept)
    if "exit" not in ran:
        how = "ask an admin of this installation"
        return Answer([Reason(CHECK, "command_not_run", profile, ending.error, how)], kept)
    how = "correct what its output names, submit the evidence again, then run the checks again"
    return Answer([Reason(CHECK, "command_failed", 0, ending.error or ran["exit"], how)], kept)


def _job(question: Question) -> Job:
    """Raises UnknownProfile, ValueError for slots that do not fit, Unreadable."""
    needs = question.needs
    if needs["profile"] not in question.profiles:
        raise profiles.UnknownProfile(f"the project may not use the profile {needs['profile']}")
    profile = profiles.named(needs["profile"])
    if profile.kind != "command":
        raise profiles.UnknownProfile(f"{profile.name} is a profile of kind {profile.kind}, not command")
    words, values = profile.filled(needs.get("slots", {}))
    return Job(
        name=f"check-{question.run}",
        kind=profile.kind,
        words=words,
        brief=brief(question, needs.get("reads", ())),
        slots=values,
        environment=dict(profile.environment),
        isolation=profile.isolation,
        hash_output=True,
        timeout_s=min(profile.timeout_s, needs.get("timeout_s", USUAL_S)),
    )


def brief(question: Question, reads: Any) -> dict[str, Any]:
    """What a job is told; `reads`: the types of artifacts whose content it gets too."""
    artifacts = []
    for artifact in question.artifacts:
        about = artifact.about
        if artifact.type in reads:
            if artifact.size > LONGEST:
                raise evidence.Unreadable(f"{artifact.name} has more than {LONGEST >> 20} MiB")
            about["content"] = evidence.decode(artifact.content())
        artifacts.append(about)
    return {
        "ticket": question.ticket,
        "title": question.title,
        "phase": question.phase,
        "artifacts": artifacts,
    }
