"""Checks of commits, read in Omoi's own mirror of the repository.

The commit that is judged is named by the newest artifact of the phase that names one: in its field `commit`,
or as `commit` in a file of type code_changes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

from omoi_site.errors import OmoiError
from tickets.gates import evidence
from tickets.gates.checks.documents import TYPE
from tickets.gates.checks.reading import reading
from tickets.gates.registry import Reason, Unanswered, gate_check
from tickets.git.branch_name import branch_fault
from tickets.git.objects import HASH, Entry, TooLarge, is_on, objects, path_fault

CHANGES = "code_changes"
REPORTS = [CHANGES, "test_coverage", "test_results"]
READ_S = 5.0
Found = Generator[Reason, None, Any]  # yields the reason why not, else returns what was found
PATH = {
    "type": "string",
    "minLength": 1,
    "maxLength": 1_000,
    "title": "Path",
    "description": "The file's path from the top of the repository, such as docs/design.md.",
}
REPOSITORY = {
    "type": "string",
    "pattern": r"^[a-z0-9][a-z0-9._-]{0,62}$",
    "title": "Repository",
    "description": "The name of a repository of the project. Without it: the first one.",
}


def path_faults(needs: dict[str, Any]) -> Iterator[str]:
    if fault := path_fault(needs["path"]):
        yield f"path {needs['path']}: {fault}"


def branch_faults(needs: dict[str, Any]) -> Iterator[str]:
    branch = needs.get("branch", "main")
    if fault := branch_fault(branch.replace("{ticket}", "KEY-1")):
        yield f"branch {branch}: {fault}"


@gate_check(
    "file_exists",
    parameters={"path": PATH},
    optional={"repository": REPOSITORY},
    faults=path_faults,
    outside=True,
)
def file_exists(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The commit that is judged has this file. A folder or a symbolic link does not count."""
    yield from _file("file_exists", case, needs)


@gate_check(
    "file_contains",
    parameters={
        "path": PATH,
        "text": {
            "type": "string",
            "minLength": 1,
            "maxLength": 2_000,
            "title": "Text",
            "description": "The exact text that the file must contain. It is not a pattern.",
        },
    },
    optional={"repository": REPOSITORY},
    faults=path_faults,
    outside=True,
)
def file_contains(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The commit that is judged has this file, and the file contains exactly this text. Files of more
    than 10 MiB are not read.
    """
    content = yield from _file("file_contains", case, needs)
    if content is not None and needs["text"].encode() not in content:
        how = f"put the text into {needs['path']}, push the commit, and submit it again"
        yield Reason("file_contains", "text_missing", needs["text"], f"{needs['path']} without it", how)


@gate_check(
    "commit_on_branch",
    optional={
        "branch": {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "title": "Branch",
            "description": "{ticket} is replaced by the ticket's key. Without it: the base branch of the"
            " repository.",
        },
        "repository": REPOSITORY,
    },
    faults=branch_faults,
    outside=True,
)
def commit_on_branch(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """The branch has the commit that is judged, as the branch is at that moment."""
    check = "commit_on_branch"
    found = yield from _commit(check, case, needs, fresh=True)
    if not found:
        return
    repository, commit = found
    branch = needs.get("branch", repository.base).replace("{ticket}", case.ticket.key)
    try:
        has = is_on(repository.mirror.git, commit, branch, seconds=READ_S)
    except OmoiError as fault:
        yield _unanswered(check, branch, fault)
        return
    if has is None:
        how = f"push the branch {branch}, or correct its name in the workflow"
        yield Reason(check, "branch_missing", branch, None, how)
    elif not has:
        how = f"bring the commit to the branch {branch} and push it, then judge the gate again"
        yield Reason(check, "not_on_branch", branch, commit, how)


@gate_check(
    "evidence_of_commit",
    optional={
        "types": {
            "type": "array",
            "minItems": 1,
            "maxItems": 50,
            "items": TYPE,
            "title": "Types",
            "description": f"The types of artifacts that are reports. Without it: {', '.join(REPORTS)}.",
        }
    },
)
def evidence_of_commit(case: Any, needs: dict[str, Any]) -> Iterator[Reason]:
    """Every report of the phase names the commit that is judged: the whole hash or its beginning, in the
    artifact's field `commit` or in a file of type code_changes.
    """
    check = "evidence_of_commit"
    judged = yield from _named(check, case)
    if not judged:
        return
    how = "make the report from the commit that is judged, and submit it with that commit"
    for artifact in case.artifacts:
        if artifact.type not in needs.get("types", REPORTS):
            continue
        inside = ""
        if artifact.type == CHANGES:
            changes = yield from reading(check, case, CHANGES, evidence.changes, artifact)
            if changes is None:
                return
            inside = changes.commit
        own = artifact.commit.lower()
        if not (own or inside):
            yield Reason(check, "commit_unnamed", judged, artifact.name, how)
        elif other := next((name for name in (own, inside) if name and not _same(name, judged)), ""):
            yield Reason(check, "of_another_commit", judged, f"{artifact.name} of {other}", how)


def _named(check: str, case: Any) -> Found:
    """The commit that is judged, as it was named; None with a reason if there is none."""
    for artifact in case.artifacts:
        name = artifact.commit.lower()
        if not name and artifact.type == CHANGES:
            changes = yield from reading(check, case, CHANGES, evidence.changes, artifact)
            if changes is None:
                return None
            name = changes.commit
        if name and not HASH.match(name):
            how = "name the commit by its hash, 7 to 40 hexadecimal digits, as git shows it"
            yield Reason(check, "commit_malformed", "a hash", name, how)
            return None
        if name:
            return name
    how = "submit an artifact of this phase with `commit`, the hash of the commit that was pushed"
    yield Reason(check, "commit_unnamed", "an artifact that names its commit", None, how)
    return None


def _commit(check: str, case: Any, needs: dict[str, Any], *, fresh: bool = False) -> Found:
    """The repository and the whole hash of the commit that is judged; None with a reason if there is none.
    fresh: fetch it even if the mirror has the commit.
    """
    name = yield from _named(check, case)
    if name is None:
        return None
    called = needs.get("repository", "")
    repository = case.repository(called)
    if repository is None:
        how = "add the repository to the project on the page Repositories, then judge the gate again"
        yield Reason(check, "no_repository", called or "a repository of the project", None, how)
        return None
    try:
        if fresh:
            repository.bring()
        commit = repository.commit(name)
    except OmoiError as fault:
        yield _unanswered(check, f"commit {name} of {repository.name}", fault)
        return None
    if not commit:
        how = (
            f"push the commit to a branch of {repository.name}, and name it by its whole hash;"
            " then judge the gate again"
        )
        yield Reason(check, "commit_missing", name, f"{repository.name} without it", how)
        return None
    return repository, commit


def _file(check: str, case: Any, needs: dict[str, Any]) -> Found:
    """The content of the file in the commit that is judged; None with a reason if there is none."""
    path = needs["path"]
    found = yield from _commit(check, case, needs)
    if not found:
        return None
    repository, commit = found
    try:
        with objects(repository.mirror.git, seconds=READ_S) as read:
            entry: Entry | None = read.at(commit, path)
            content = read.file(entry) if entry and entry.is_file else None
    except OmoiError as fault:
        yield _unanswered(check, path, fault)
        return None
    except TooLarge as large:
        yield Reason(check, "file_too_large", path, large.size, "make the file smaller: checks read 10 MiB")
        return None
    if entry is None:
        how = f"add {path}, push the commit, and submit an artifact that names it"
        yield Reason(check, "file_missing", path, f"{commit[:12]} without it", how)
    elif content is None:
        how = f"put an ordinary file at {path}, push the commit, and submit it again"
        yield Reason(check, "no_file", path, entry.kind, how)
    return content


def _same(one: str, other: str) -> bool:
    """Whether two names may be of one commit: each is a whole hash or the beginning of one."""
    return one.startswith(other) or other.startswith(one)


def _unanswered(check: str, need: str, fault: OmoiError) -> Reason:
    code = getattr(fault, "fault", fault.code)
    how = f"{fault.next_action or 'fetch the repository again'} Then judge the gate again."
    return Unanswered(check, f"repository_{code}", need, fault.message, how)
