"""Rows of the checks of commits: each with a real repository."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import reports
from tests.support.origins import Origin, origin
from tests.tickets.gates.rows import Row, Scene, Spoiled
from tickets.models import NewRepository, Repository

PATH = "docs/design.md"
GOOD = {PATH: "## Decisions\nUse a queue.\n"}
_origins: list[Origin] = []


@contextmanager
def with_a_repository() -> Iterator[None]:
    with origin() as made:
        _origins.append(made)
        try:
            yield
        finally:
            _origins.pop()


def team(scene: Scene) -> Origin:
    """The repository of the scene's project, which is added to it."""
    [made] = _origins
    if not Repository.objects.exists():
        Repository.objects.add(scene.project, NewRepository("shop", made.url), by=scene.operator)
    return made


def pushed(files: dict[str, str], *, branch: str = "main"):
    """Push a commit with these files, and submit a change that names it."""

    def act(scene: Scene) -> None:
        commit = team(scene).commit(files, branch=branch)
        scene.submit("code_changes", reports.changes(*files, commit=commit))

    return act


def named(commit: str):
    """Submit a change that names this commit; `main` has the good file."""

    def act(scene: Scene) -> None:
        team(scene).commit(GOOD)
        scene.submit("code_changes", reports.changes(PATH, commit="4f2a91c"), commit=commit)

    return act


def a_link_in_its_place(scene: Scene) -> None:
    made = team(scene)
    target = made.blob(b"/etc/passwd")
    folder = made.tree(f"120000 blob {target}\tdesign.md")
    commit = made.commit(tree=made.tree(f"040000 tree {folder}\tdocs"))
    scene.submit("code_changes", reports.changes(PATH, commit=commit))


def never_pushed(scene: Scene) -> None:
    team(scene).commit(GOOD)
    scene.submit("code_changes", reports.changes(PATH, commit="f" * 40))


def pushed_twice(scene: Scene) -> None:
    team(scene).commit({"README.md": "# Shop"})
    pushed(GOOD)(scene)


def pushed_beside(scene: Scene) -> None:
    team(scene).commit({"README.md": "# Shop"})
    pushed(GOOD, branch="side")(scene)


def reports_of(*commits: str):
    """Test reports of these commits beside a change of the first one."""

    def act(scene: Scene) -> None:
        scene.submit("code_changes", reports.changes("a.py", commit=commits[0]))
        for number, commit in enumerate(commits):
            scene.submit("test_results", reports.junit(1), name=f"run {number}", commit=commit)

    return act


def not_of_it_any_more(scene: Scene) -> None:
    scene.submit("code_changes", reports.changes("a.py", "b.py", commit="b" * 40))


ROWS = {
    "file_exists": Row(
        {"path": PATH},
        pushed(GOOD),
        absent=Spoiled("commit_unnamed"),
        old=Spoiled("file_missing", pushed({"README.md": "# Shop"})),
        of_another_commit=Spoiled("commit_missing", never_pushed),
        malformed=Spoiled("commit_malformed", named("main")),
        contradictory=Spoiled("no_file", a_link_in_its_place),
        around=with_a_repository,
    ),
    "file_contains": Row(
        {"path": PATH, "text": "Use a queue."},
        pushed(GOOD),
        absent=Spoiled("commit_unnamed"),
        old=Spoiled("text_missing", pushed({PATH: "## Decisions\nNone.\n"})),
        of_another_commit=Spoiled("commit_missing", never_pushed),
        malformed=Spoiled("commit_malformed", named("HEAD~1")),
        contradictory=Spoiled("text_missing", pushed({PATH: "use a QUEUE."})),
        around=with_a_repository,
    ),
    "commit_on_branch": Row(
        {"branch": "main"},
        pushed_twice,
        absent=Spoiled("commit_unnamed"),
        old=Spoiled("not_on_branch", pushed({"x": "y"}, branch="side")),
        of_another_commit=Spoiled("not_on_branch", pushed_beside),
        malformed=Spoiled("commit_malformed", named("refs/heads/main")),
        contradictory=Spoiled("commit_missing", never_pushed),
        around=with_a_repository,
    ),
    "evidence_of_commit": Row(
        {},
        reports_of("a" * 40, "a" * 12),
        absent=Spoiled("commit_unnamed"),
        old=Spoiled("of_another_commit", not_of_it_any_more),
        of_another_commit=Spoiled("of_another_commit", reports_of("a" * 40, "c" * 40)),
        malformed=Spoiled("commit_malformed", reports_of("a" * 40, "the last one")),
        contradictory=Spoiled("commit_unnamed", reports_of("a" * 40, "")),
    ),
}
