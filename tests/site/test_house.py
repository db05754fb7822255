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


def passes(*words: str | Path) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_has_nothing_to_say():
    passes(PROGRAMS / "ruff", "check", "--quiet", ".")


def test_the_code_is_formatted():
    passes(PROGRAMS / "ruff", "format", "--check", "--quiet", ".")


def test_imports_go_down_only():
    passes(PROGRAMS / "lint-imports", "--no-cache")


def test_no_modules_import_each_other_in_a_circle():
    house = grimp.build_graph("omoi_site", "agents", "tickets", "collaboration", cache_dir=None)

    TopologicalSorter(
        {module: house.find_modules_directly_imported_by(module) for module in house.modules}
    ).prepare()  # names the circle


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
