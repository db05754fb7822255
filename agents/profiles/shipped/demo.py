"""The steps of the demo project's work.

They run in separate processes, with the standard library, git and two tools. The repository is in
OMOI_SHARED, which all of them can write. The demo's files are in OMOI_TOOLS, read-only: the backlog, the code
that a developer would have written, and the tools that run tests.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

TOOLS = Path(os.environ["OMOI_TOOLS"])
REPOSITORY = Path(os.environ["OMOI_SHARED"]) / "ledger.git"
WHO = ("user.name=Omoi demo", "user.email=demo@omoi.invalid", "commit.gpgsign=false", "gc.auto=0")
TRIES = 10

Brief = dict[str, Any]


# -- the repository


def create_repository(brief: Brief) -> dict[str, str]:
    """The commit of main. The repository is created if missing: completely or not at all."""
    if not REPOSITORY.exists():
        scratch, begun = REPOSITORY.with_suffix(".new"), Path("begun").absolute()
        shutil.rmtree(scratch, ignore_errors=True)
        git("init", "--quiet", "--bare", scratch, at=".")
        git("symbolic-ref", "HEAD", "refs/heads/main", at=scratch)
        git("clone", "--quiet", scratch, begun, at=".")
        git("checkout", "--quiet", "-B", "main", at=begun)
        write(
            begun / "README.md",
            "# Ledger\n\nA small library for amounts of money, written ticket by ticket by the demo of"
            " Omoi.\n",
        )
        write(
            begun / "pytest.ini", "[pytest]\ntestpaths = tests\n"
        )  # otherwise pytest takes the settings of a folder above
        write(begun / "ledger" / "__init__.py", "")
        write(begun / "tests" / "__init__.py", "")
        commit(begun, "Begin a ledger")
        scratch.rename(REPOSITORY)
    git("config", "core.sharedRepository", "group")  # each job may be another user
    return {"commit": git("rev-parse", "main")}


@contextmanager
def tree(branch: str) -> Iterator[Path]:
    """A clone in this work folder, on this branch."""
    folder = Path("tree").absolute()
    git("clone", "--quiet", "--shared", "--branch", branch, REPOSITORY, folder, at=".")
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def git(*words: str | Path, at: str | Path = REPOSITORY) -> str:
    done = subprocess.run(
        ["git", *(word for setting in WHO for word in ("-c", setting)), *map(str, words)],
        cwd=at,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"git {' '.join(map(str, words))}: {(done.stderr or done.stdout).strip()}")
    return done.stdout.strip()


def commit(folder: Path, subject: str) -> str:
    """Commit the changes, if there are any, and push the branch. Returns its head."""
    git("add", "--all", at=folder)
    if git("status", "--porcelain", at=folder):
        git("commit", "--quiet", "-m", subject, at=folder)
    git("push", "--quiet", "origin", "HEAD", at=folder)
    return git("rev-parse", "HEAD", at=folder)


# -- the steps, one for each kind of task


def branch(brief: Brief, seconds: float) -> dict[str, str]:
    time.sleep(float(seconds))
    name = brief["ticket"]["key"]
    if not git("branch", "--list", name):
        git("branch", "--no-track", name, "main")
    return {"branch": name, "commit": git("rev-parse", name)}


def requirements(brief: Brief, seconds: float) -> dict[str, str]:
    """Write the requirements: what the ticket says, and what the tests will check."""
    time.sleep(float(seconds))
    module = module_of(brief)
    promised = "\n".join(
        f"- {name.removeprefix('test_').replace('_', ' ').capitalize()}." for name in tests_of(module)
    )
    text = (
        f"# {brief['ticket']['title']}\n\n{module['description'].strip()}\n\n## Scope\n\nA module"
        f" `ledger.{module['module']}` with its tests. {ast.get_docstring(code_of(module))} It depends on"
        " nothing but the standard library"
        + (f" and `ledger.{module['needs']}`" if module.get("needs") else "")
        + f". Nothing else of the ledger changes.\n\n## Acceptance criteria\n\n{promised}\n- At least 80"
        " percent of its lines are run by its tests.\n- All tests of the ledger pass on main after the"
        f" merge.\n\nWritten for {brief['ticket']['key']}.\n"
    )
    return {
        "commit": written(brief, f"docs/{module['module']}.md", text, "requirements.md", "Say what is wanted")
    }


def design(brief: Brief, seconds: float) -> dict[str, str]:
    time.sleep(float(seconds))
    module = module_of(brief)
    shape = [
        f"- `{signature(node)}`: {ast.get_docstring(node) or 'as its name says'}"
        for node in ast.walk(code_of(module))
        if is_public(node)
    ]
    text = (
        f"# The shape of ledger.{module['module']}\n\n{ast.get_docstring(code_of(module))}\n\n"
        + "\n".join(shape)
        + "\n"
    )
    return {
        "commit": written(
            brief, f"docs/{module['module']}.design.md", text, "design.md", "Decide on its shape"
        )
    }


def code(brief: Brief, seconds: float) -> dict[str, Any]:
    """Write code and tests; a hasty developer writes only one test."""
    time.sleep(float(seconds))
    module = module_of(brief)
    tests = source(f"test_{module['module']}.py")
    if module.get("hasty"):
        tests = up_to_first_test(tests)
    return changed(brief, module, tests, brief["ticket"]["title"])


def mend(brief: Brief, seconds: float) -> dict[str, Any]:
    """Write the missing tests."""
    time.sleep(float(seconds))
    module = module_of(brief)
    return changed(brief, module, source(f"test_{module['module']}.py"), "Test what was not tested")


def coverage(brief: Brief, seconds: float) -> dict[str, Any]:
    """Run the tests of the ticket and measure which lines of its code they run."""
    time.sleep(float(seconds))
    module = module_of(brief)
    with tree(brief["ticket"]["key"]) as folder:
        run = python(
            "-m",
            "coverage",
            "run",
            f"--include=ledger/{module['module']}.py",
            *pytest(f"tests/test_{module['module']}.py"),
            at=folder,
        )
        python("-m", "coverage", "xml", "--quiet", "-o", Path("coverage.xml").absolute(), at=folder)
        return {"commit": git("rev-parse", "HEAD", at=folder), "tests": run.splitlines()[-1]}


def tests(brief: Brief, seconds: float) -> dict[str, Any]:
    """Run all tests of the branch; keep the report and the output."""
    time.sleep(float(seconds))
    with tree(brief["ticket"]["key"]) as folder:
        run = python(*pytest("tests", "-v", f"--junitxml={Path('results.xml').absolute()}"), at=folder)
        Path("evidence.txt").write_text(run)
        return {"commit": git("rev-parse", "HEAD", at=folder), "tests": run.splitlines()[-1]}


def merge(brief: Brief, seconds: float) -> dict[str, Any]:
    """Merge the branch to main once all tests pass on the merge. If main has moved on, merge main into the
    branch first.
    """
    time.sleep(float(seconds))
    name = brief["ticket"]["key"]
    for _ in range(TRIES):
        with tree("main") as folder:
            before = git("rev-parse", "HEAD", at=folder)
            subject = f"Merge {name}: {brief['ticket']['title']}"
            git("merge", "--quiet", "--no-ff", "-m", subject, f"origin/{name}", at=folder)
            run = python(*pytest("tests"), at=folder)
            after = git("rev-parse", "HEAD", at=folder)
            try:
                git("push", "--quiet", f"--force-with-lease=main:{before}", "origin", "HEAD:main", at=folder)
                return {"commit": after, "tests": run.splitlines()[-1]}
            except RuntimeError as error:
                refusal = error  # main has moved: begin with what it is now
    raise RuntimeError(f"main was not moved in {TRIES} tries to merge {name}: {refusal}")


# -- what the steps share


def module_of(brief: Brief) -> dict[str, Any]:
    """The ticket's entry in the backlog."""
    for module in json.loads((TOOLS / "backlog.json").read_text()):
        if module["title"] == brief["ticket"]["title"]:
            return dict(module)
    raise LookupError(
        f"the demo has no ticket {brief['ticket']['title']}; it can only work on its own tickets"
    )


def source(name: str) -> str:
    return (TOOLS / "sample_program" / name).read_text()


def code_of(module: dict[str, Any]) -> ast.Module:
    return ast.parse(source(f"{module['module']}.py"))


def tests_of(module: dict[str, Any]) -> list[str]:
    return [
        node.name
        for node in ast.parse(source(f"test_{module['module']}.py")).body
        if isinstance(node, ast.FunctionDef)
    ]


def is_public(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.ClassDef]:
    return isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")


def signature(node: Any) -> str:
    return (
        f"{node.name}({ast.unparse(node.args)})"
        if isinstance(node, ast.FunctionDef)
        else f"class {node.name}"
    )


def up_to_first_test(text: str) -> str:
    [_, second, *_] = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    return "\n".join(text.splitlines()[: second.lineno - 1]).rstrip() + "\n"


def changed(brief: Brief, module: dict[str, Any], tests: str, subject: str) -> dict[str, Any]:
    """Commit the module with these tests to the ticket's branch; submit which files changed since main."""
    with tree(brief["ticket"]["key"]) as folder:
        if module.get("needs") and not (folder / "ledger" / f"{module['needs']}.py").exists():
            git("merge", "--quiet", "-m", f"Build on {module['needs']}", "origin/main", at=folder)
            if not (folder / "ledger" / f"{module['needs']}.py").exists():
                raise RuntimeError(f"ledger/{module['needs']}.py is not on main yet")
        write(folder / "ledger" / f"{module['module']}.py", source(f"{module['module']}.py"))
        write(folder / "tests" / f"test_{module['module']}.py", tests)
        counts = {
            "commit": commit(folder, subject),
            "files": git("diff", "--name-only", "origin/main...HEAD", at=folder).splitlines(),
        }
    Path("code_changes.json").write_text(json.dumps(counts, indent=1))
    return counts


def written(brief: Brief, path: str, text: str, copy: str, subject: str) -> str:
    """Commit a document to the ticket's branch, and leave a copy to submit."""
    Path(copy).write_text(text)
    with tree(brief["ticket"]["key"]) as folder:
        write(folder / path, text)
        return commit(folder, subject)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def pytest(*words: str) -> list[str]:
    return ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--color=no", *words]


def python(*words: str | Path, at: Path) -> str:
    """The output of Python with the demo's own tools, without plugins of other installations."""
    seen = {
        **os.environ,
        "PYTHONPATH": f"{at}{os.pathsep}{TOOLS / 'packages'}",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-s", *map(str, words)], cwd=at, capture_output=True, text=True, env=seen
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout
