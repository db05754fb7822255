"""The house keeps its own rules."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
REASON = re.compile(r"#(?! *noqa\b[^(]*$)")  # a comment that is not for a tool only
# Others' code, what the demo writes, and a dump.
NOT_OURS = re.compile(r"(^|/)vendor/|^tickets/demo/sample_program/|^omoi_site/database/schema\.sql$")
STATEMENT = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
ROOMS = ("omoi_site", "agents", "tickets", "collaboration")


def passes(*words: str | Path) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_has_nothing_to_say():
    passes(PROGRAMS / "ruff", "check", "--quiet", ".")


def test_the_code_is_formatted():
    passes(PROGRAMS / "ruff", "format", "--check", "--quiet", ".")


def test_imports_go_down_only():
    passes(PROGRAMS / "lint-imports", "--no-cache")


def test_no_modules_import_each_other_in_a_cycle():
    house = grimp.build_graph(*ROOMS, cache_dir=None)

    TopologicalSorter(
        {module: house.find_modules_directly_imported_by(module) for module in house.modules}
    ).prepare()  # names the cycle


@pytest.fixture(scope="module")
def product() -> list[tuple[str, list[ast.AST], list[str]]]:
    """Each file of the product's Python: its name, nodes and lines. What the demo writes is not ours."""
    found = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("tickets/demo/sample_program/"):
                text = path.read_text()
                found.append((name, list(ast.walk(ast.parse(text))), text.splitlines()))
    return found


def test_an_import_inside_a_function_says_why(product):
    """In a comment beside it or above it: an outside reason, such as Django's loading of apps."""
    silent = []
    for name, nodes, lines in product:
        inside = {
            node
            for function in nodes
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))
            for node in ast.walk(function)
            if isinstance(node, (ast.Import, ast.ImportFrom))
        }
        explained = set()  # last lines; a comment above stands for all imports that follow it directly
        for node in sorted(inside, key=lambda node: node.lineno):
            above, beside = lines[node.lineno - 2].strip(), lines[node.lineno - 1]
            if node.lineno - 1 in explained or above.startswith("#") or REASON.search(beside):
                explained.add(node.end_lineno)
            else:
                silent.append(f"{name}:{node.lineno}")

    assert not silent


def test_no_line_is_longer_than_110_characters():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = [
        name
        for name in tracked.stdout.splitlines()
        if name.endswith((".py", ".sql", ".css", ".js", ".html")) and not NOT_OURS.search(name)
    ]

    assert not [
        f"{name}:{number}"
        for name in ours
        if (ROOT / name).exists()
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1)
        if len(line) > 110
    ]


def test_statements_of_more_than_ten_lines_have_files_of_their_own(product):
    long = set()
    for name, nodes, lines in product:
        if "/migrations/" in name:
            continue
        for node in nodes:
            if not isinstance(node, ast.JoinedStr | ast.Constant):
                continue
            text = "\n".join(lines[node.lineno - 1 : node.end_lineno])
            statement = [line for line in text.splitlines() if line.strip(' f"),')]
            if len(statement) > 11 and STATEMENT.search(text):  # a name or a bracket stands in the first line
                long.add(f"{name}:{node.lineno}")

    assert not sorted(long)


def test_no_function_has_more_than_six_parameters(product):
    """What belongs together is a dataclass."""
    wide = []
    for name, nodes, _ in product:
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                if len([argument for argument in arguments if argument.arg not in ("self", "cls")]) > 6:
                    wide.append(f"{name}:{node.name}")

    assert not wide


@pytest.mark.django_db
def test_every_change_of_a_model_has_its_migration():
    from django.core.management import call_command

    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_triggers_and_functions_are_installed_from_one_place_once():
    """Each from a file in migrations/sql, by `triggers.install`, in one migration."""
    installed = []
    for migration in sorted(ROOT.glob("*/migrations/*.py")):
        for node in ast.walk(ast.parse(migration.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"(?i)\bcreate\b.*\b(function|trigger)\b", node.value), migration
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "triggers.install":
                installed.append(migration.parent / "sql" / f"{ast.literal_eval(node.args[1])}.sql")

    assert sorted(installed) == sorted(ROOT.glob("*/migrations/sql/*.sql"))


@pytest.mark.full
def test_types_hold():
    passes(PROGRAMS / "mypy")
