"""Commits are found by their hash alone, and files in the tree of a commit alone."""

from __future__ import annotations

import pytest

from tests.support import origins
from tickets.git.command import Bounds, Git
from tickets.git.faults import Unreadable
from tickets.git.objects import Entry, TooLarge, commit_of, is_on, objects, path_fault


@pytest.fixture
def origin():
    with origins.origin() as made:
        yield made


@pytest.fixture
def git(origin):
    """Git in that repository: reading does not care whose it is, beside git's own rule."""
    return Git(origin.folder, {"safe.directory": "*"})


def resolved(git, name):
    return commit_of(git, name, seconds=60)


def at(git, commit, path):
    with objects(git, seconds=60) as read:
        return read.at(commit, path)


def test_a_commit_is_found_by_its_hash_or_the_beginning_of_it(origin, git):
    commit = origin.commit({"a": "b"})

    assert resolved(git, commit) == commit
    assert resolved(git, commit[:7]) == commit
    assert resolved(git, commit[:6]) == ""
    assert resolved(git, "0" * 40) == ""


def test_a_branch_or_tag_named_like_a_hash_is_not_taken_for_a_commit(origin, git):
    commit = origin.commit({"a": "b"})
    decoy = origin.commit({"a": "c"}, branch="side")
    origin.git("update-ref", f"refs/heads/{commit[:12]}", decoy)
    origin.git("update-ref", f"refs/tags/{commit[:10]}", decoy)
    origin.git("update-ref", "refs/heads/abcdef1", decoy)

    assert resolved(git, commit[:12]) == commit
    assert resolved(git, commit[:10]) == commit
    assert resolved(git, "abcdef1") == ""
    for name in ("HEAD", "main", "main~1", "refs/heads/main", "-x", "", "@", f"{commit}^"):
        assert resolved(git, name) == ""


def test_a_tree_a_blob_and_a_tag_are_no_commits(origin, git):
    commit = origin.commit({"a": "b"})
    blob, tree = origin.blob(b"b"), origin.git("rev-parse", f"{commit}^{{tree}}")
    origin.git("tag", "-a", "v1", "-m", "one", commit)
    tag = origin.git("rev-parse", "v1")

    for other in (blob, tree, tag):
        assert resolved(git, other) == ""


def test_a_file_is_read_in_the_tree_of_the_commit(origin, git):
    commit = origin.commit({"docs/a.md": "# Plan"})
    origin.commit({"docs/a.md": "# Another"})

    entry = at(git, commit, "docs/a.md")

    assert entry.is_file
    with objects(git, seconds=60) as read:
        assert read.file(entry) == b"# Plan"


def test_links_and_folders_are_no_files_and_no_way_leads_through_a_link(origin, git):
    link = origin.blob(b"docs")
    folder = origin.tree(f"100644 blob {origin.blob(b'x')}\ta.md")
    module = "1" * 40
    commit = origin.commit(
        tree=origin.tree(
            f"040000 tree {folder}\tdocs", f"120000 blob {link}\tlink", f"160000 commit {module}\tmodule"
        )
    )

    assert at(git, commit, "docs/a.md").is_file
    assert [at(git, commit, path).kind for path in ("docs", "link", "module")] == [
        "a folder",
        "a symbolic link",
        "a submodule",
    ]
    assert not any(at(git, commit, path).is_file for path in ("docs", "link", "module"))
    for path in ("link/a.md", "docs/a.md/more", "docs/none", "module/x", "DOCS/a.md"):
        assert at(git, commit, path) is None


def test_a_name_with_a_slash_inside_does_not_stand_for_a_path(origin, git):
    """Such a tree can be pushed; a check-out would not make that file."""
    blob = bytes.fromhex(origin.blob(b"x"))
    tree = origin.git(
        *("hash-object", "-t", "tree", "-w", "--literally", "--stdin"), stdin=b"100644 docs/a.md\0" + blob
    )

    assert at(git, origin.commit(tree=tree), "docs/a.md") is None


@pytest.mark.parametrize(
    "content", [b"100644 a\0" + bytes(20) + b"100644 a\0" + bytes(20), b"no tree at all", b"100644 a\0short"]
)
def test_a_malformed_folder_is_not_read(origin, git, content):
    tree = origin.git(*("hash-object", "-t", "tree", "-w", "--literally", "--stdin"), stdin=content)
    commit = origin.git("commit-tree", tree, "-m", "x")

    with pytest.raises(Unreadable):
        at(git, commit, "a")


def test_a_large_file_is_not_read(origin, git):
    blob = origin.blob(bytes(11 << 20))

    with objects(git, seconds=60) as read, pytest.raises(TooLarge) as large:
        read.file(Entry(b"100644", blob))
    assert large.value.size == 11 << 20


def test_git_that_takes_too_long_is_ended(origin, git):
    origin.commit({"a": "b"})

    with pytest.raises(Unreadable, match="within"):
        git.ask("cat-file", "--batch", bounds=Bounds(0))
    with pytest.raises(Unreadable, match="in time"), objects(git, seconds=0) as read:
        sleepless(read)


def test_what_outlives_its_git_is_ended_in_time_too(origin):
    """The kernel may kill git for its memory while what it started still has its output open."""
    git = Git(origin.folder, {"alias.outlived": "!(sleep 5; echo too late) & kill -9 $PPID"})

    ended = git.run("outlived", bounds=Bounds(0.5))

    assert (ended.late, ended.output) == (True, "")


def test_git_whose_bounds_cannot_be_looked_at_is_ended(origin):
    """Else it would run without any, those of its time included."""

    def broken() -> bool:
        raise PermissionError

    git = Git(origin.folder, {"alias.long": "!sleep 5; echo too late"})

    ended = git.run("long", bounds=Bounds(60, exceeded=broken))

    assert (ended.late, ended.output) == (True, "")


def test_git_that_says_too_much_is_ended(origin, git):
    for number in range(40):
        origin.blob(f"{number}".encode())

    with pytest.raises(Unreadable, match="longer than Omoi reads"):
        git.ask("cat-file", "--batch-all-objects", "--batch-check", bounds=Bounds(5), most=100)


def test_whether_a_branch_has_a_commit(origin, git):
    first, second = origin.commit({"a": "1"}), origin.commit({"a": "2"})
    side = origin.commit({"a": "3"}, branch="side")

    assert is_on(git, first, "main", seconds=60) is True
    assert is_on(git, second, "main", seconds=60) is True
    assert is_on(git, side, "main", seconds=60) is False
    assert is_on(git, first, "none", seconds=60) is None
    assert is_on(git, first, "--help", seconds=60) is None
    assert is_on(git, first, "../heads/main", seconds=60) is None


@pytest.mark.parametrize("path", ["", "/a", "a/", "../a", "a/../b", "./a", "a//b", "a\0b", "x" * 5_000, "."])
def test_these_are_no_paths(path):
    assert path_fault(path)


def test_these_are_paths():
    assert not any(map(path_fault, ["a", "a/b.c", "..a", "a b/ü", "-x", "a\\b", ":(glob)*"]))


def sleepless(read):
    """Ask until git is gone."""
    while True:
        read.kind("0" * 40)
