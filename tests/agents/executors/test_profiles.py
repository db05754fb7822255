"""Profiles: what may be run, by name, and the slots that a task fills."""

from __future__ import annotations

import os

import pytest

from agents import profiles


def installed(monkeypatch, settings, tmp_path, text: str) -> profiles.Profile:
    settings.OMOI_HOME = tmp_path
    (tmp_path / "profiles").mkdir(exist_ok=True)
    (tmp_path / "profiles" / "mine.yaml").write_text(text)
    return profiles.named("mine")


@pytest.fixture
def install(monkeypatch, settings, tmp_path):
    return lambda text: installed(monkeypatch, settings, tmp_path, text)


def test_a_slot_fills_exactly_one_argument(install):
    profile = install("kind: command\nwords: [git, log, --, {slot: path}]\nslots: {path: {}}")
    words, _ = profile.filled({"path": "a b; $(c)"})
    assert words == ["git", "log", "--", "a b; $(c)"]


@pytest.mark.parametrize(
    ("slots", "field"),
    [
        ({}, "slots.path"),
        ({"path": "--exec=sh"}, "slots.path"),
        ({"path": "a\0"}, "slots.path"),
        ({"path": ["a"]}, "slots.path"),
        ({"path": "x" * 8001}, "slots.path"),
        ({"path": "a", "mode": "c"}, "slots.mode"),
        ({"path": "a", "other": "b"}, "slots.other"),
    ],
)
def test_slots_that_do_not_fit_are_named(install, slots, field):
    install(
        "kind: command\nwords: [ls, {slot: path}, {slot: mode}]\nslots: {path: {}, mode: {choices: [a, b],"
        " default: a}}"
    )
    assert list(profiles.faults("mine", slots)) == [field]


@pytest.mark.parametrize(
    "text",
    [
        "kind: shell\nwords: [a]",
        "kind: command",
        "kind: command\nwords: [{slot: program}]\nslots: {program: {}}",
        "kind: command\nwords: [ls, {slot: path}]",
        "kind: command\nwords: [ls]\nslots: {path: {}}",
        "kind: command\nwords: [ls]\nslots: {path: {pattern: '('}}",
        "kind: python\ncallable: os",
        "[1]",
        "{",
    ],
)
def test_a_file_that_is_no_profile_is_refused_by_name(install, text):
    with pytest.raises(profiles.UnknownProfile, match=r"mine\.yaml"):
        install(text)


@pytest.mark.parametrize(
    "line",
    [
        *(
            "about: 2026-13-45",
            "timeout_s: .nan",
            "timeout_s: .inf",
            "about: !!int many",
            f"timeout_s: {'9' * 5_000}",
            f"about: {'[' * 9_000}",
        ),
        *("artifacts: {5: patch}", "environment: {5: x}", "slots: {5: {}}", f"about: {'x' * 70_000}"),
        *('shared: "cache\\n"', 'environment: {"A\\n": x}'),
    ],
    ids=lambda line: line[:30],
)
def test_a_line_that_yaml_or_the_schema_stumbles_over_is_refused_like_any_other(install, line):
    with pytest.raises(profiles.UnknownProfile, match=r"mine\.yaml"):
        install(f"kind: command\nwords: ['true']\n{line}\n")


def test_a_pipe_is_no_profile(install, tmp_path):
    install("kind: command\nwords: [ls]")
    os.mkfifo(tmp_path / "profiles" / "pipe.yaml", 0o600)
    with pytest.raises(profiles.UnknownProfile, match="not a file"):
        profiles.named("pipe")


@pytest.mark.parametrize(
    "path", ["/", "/proc", "/proc/1", "/./proc", "/dev/", "/etc/shadow", "/job/work", "/tmp", "/srv/../etc"]
)
def test_what_a_sandbox_has_of_its_own_is_not_covered(install, path):
    with pytest.raises(profiles.UnknownProfile, match="reads"):
        install(f"kind: command\nwords: [ls]\nreads: [{path}]")


def test_other_folders_of_this_machine_can_be_read(install):
    paths = ("/srv/tools", "/tmp/tools", "/process", "/srv/etc")
    assert install(f"kind: command\nwords: [ls]\nreads: [{', '.join(paths)}]").isolation.reads == paths


def test_a_profile_others_may_write_is_not_used(install, tmp_path):
    install("kind: command\nwords: [ls]")
    (tmp_path / "profiles" / "mine.yaml").chmod(0o666)
    with pytest.raises(profiles.UnknownProfile, match="chmod go-w"):
        profiles.named("mine")


def test_a_profile_is_read_anew_when_its_file_has_changed(install):
    assert install("kind: command\nwords: [ls]").words == ("ls",)
    assert install("kind: command\nwords: [ls, -l]").words == ("ls", "-l")


def test_the_shipped_profiles_are_whole(settings, tmp_path):
    settings.OMOI_HOME = tmp_path
    assert {"echo", "pause"} < profiles.installed()
    for name in profiles.installed():
        assert profiles.named(name).about
    with pytest.raises(profiles.UnknownProfile, match="no profile nobody"):
        profiles.named("nobody")
    with pytest.raises(profiles.UnknownProfile):
        profiles.named("../shipped/echo")


# -- reusable processes


REUSABLE = "kind: python\ncallable: code.run\nreusable: true\n"


@pytest.fixture
def module(tmp_path):
    folder = tmp_path / "profiles"
    folder.mkdir()
    (folder / "code.py").write_text("def run(brief): pass\n")
    return folder / "code.py"


def key_of(profile) -> str:
    profiles._modules_edition.cache_clear()  # looked at once a second
    return profile.process_key()


def test_a_changed_profile_or_module_has_processes_of_its_own(install, module):
    profile = install(REUSABLE)
    first = key_of(profile)
    assert first == key_of(profile)
    second = key_of(install(REUSABLE + "about: changed\n"))
    module.write_text("def run(brief): return 1\n")
    third = key_of(install(REUSABLE + "about: changed\n"))
    assert len({first, second, third}) == 3
    assert key_of(install("kind: python\ncallable: code.run\n")) == ""


def test_a_module_that_others_can_change_or_that_lies_elsewhere_is_not_reused(install, module, tmp_path):
    profile = install(REUSABLE)
    module.chmod(0o664)
    with pytest.raises(profiles.UnknownProfile, match="chmod go-w"):
        key_of(profile)
    module.rename(tmp_path / "elsewhere.py")
    module.symlink_to(tmp_path / "elsewhere.py")
    with pytest.raises(profiles.UnknownProfile, match="is a link"):
        key_of(profile)
