"""A claim of a worker and the job that carries it out."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass, field

from agents import profiles
from agents.executors.activity import Activity
from agents.executors.job import Ending, Job
from agents.executors.stop_signal import Stop
from tickets.models import Claim, Outcome
from tickets.models.coordination.operation import CUSTOM_KIND
from tickets.models.discovery import new_discovery
from tickets.runtime import custom_merge, told_failure


@dataclass(eq=False)
class ClaimedJob:
    """Waiting to start, started, or ended and not yet settled.

    requested_at, started_at: of time.monotonic(), before the claim was granted and before its start was
    recorded.
    """

    claim: Claim
    requested_at: float
    started_at: float | None = None
    stop: Stop = field(default_factory=Stop)
    ending: Ending | None = None
    activity: Activity = field(default_factory=Activity)

    @property
    def waiting(self) -> bool:
        return self.started_at is None and self.ending is None

    @property
    def running(self) -> bool:
        return self.started_at is not None and self.ending is None

    @property
    def mark(self) -> str:
        """Of its activity; empty until it has started."""
        return self.activity.mark if self.started_at is not None else ""

    @functools.cached_property
    def profile(self) -> profiles.Profile:
        """As it was when the task was claimed. Raises UnknownProfile."""
        return profiles.named(self.claim.profile)

    @functools.cached_property
    def process_key(self) -> str:
        """Jobs with the same key may be carried out by one process after the other; empty: it has its own."""
        try:
            key = self.profile.process_key() if self.claim.granted else ""
        except profiles.UnknownProfile:  # `job` says so
            return ""
        return f"{self.claim.ticket.rpartition('-')[0]} {key}" if key else ""

    def give_up(self, why: str) -> None:
        """It does not start."""
        self.stop.request(why)
        self.ending = Ending.failed(why, stopped=True)

    def outcome(self) -> Outcome:
        """Raises Invalid for what it found on the way, if that is no discovery."""
        assert self.ending
        custom = self.claim.kind == CUSTOM_KIND
        ending = custom_merge.merged(self.ending, self.claim.profile) if custom else self.ending
        found = self.ending.discoveries if ending.ok else ()
        return Outcome(
            self.claim.task,
            self.claim.fence,
            "completed" if ending.ok else "failed",
            result=ending.result or ({} if custom and ending.ok else None),
            **({} if ending.ok else told_failure.outcome_of(ending)),
            discoveries=[new_discovery.read(item, place) for place, item in enumerate(found)],
        )

    def close(self) -> None:
        self.stop.close()
        if self.ending:
            self.ending.close()

    def job(self, worker: str) -> Job:
        """What an executor needs; raises UnknownProfile, and ValueError when the claim's slots do not fit.

        A task's timeout counts from its start, so it is over here shortly before a sweep would end it.
        """
        claim, left = self.claim, float("inf")
        if claim.timeout_s:
            left = claim.timeout_s - (time.monotonic() - (self.started_at or self.requested_at))
        if not claim.granted:
            raise profiles.UnknownProfile(
                f"the project of {claim.ticket} may not use the profile {claim.profile}:"
                " the admin of this installation grants it"
            )
        profile = self.profile
        words, values = profile.filled(claim.slots)
        return Job(
            name=f"{claim.task}.{claim.fence}",
            kind=profile.kind,
            words=words,
            brief=brief(claim),
            slots=values,
            environment={**git_identity(worker), **profile.environment, **environment(claim)},
            folders=[profile.folder],
            artifacts=profile.artifacts,
            discoveries=profile.discoveries,
            failure=profile.failure,
            isolation=profile.isolation,
            checks=profile.checks,
            timeout_s=round(min(profile.timeout_s, left), 1),
            process_key=self.process_key if profile.process_key() else "",
            activity=self.activity,
        )


def brief(claim: Claim) -> dict[str, object]:
    return {
        "task": str(claim.task),
        "key": claim.key,
        "title": claim.title,
        "kind": claim.kind,
        "phase": claim.phase,
        "attempt": claim.attempt,
        **claim.brief,
    }


def environment(claim: Claim) -> dict[str, str]:
    return {
        "OMOI_TASK": str(claim.task),
        "OMOI_TICKET": claim.ticket,
        "OMOI_ATTEMPT": str(claim.attempt),
    }


def git_identity(worker: str) -> dict[str, str]:
    """Who commits in git, unless the profile names another."""
    email = f"{worker}@omoi.invalid"
    return {
        "GIT_AUTHOR_NAME": worker,
        "GIT_AUTHOR_EMAIL": email,
        "GIT_COMMITTER_NAME": worker,
        "GIT_COMMITTER_EMAIL": email,
    }
