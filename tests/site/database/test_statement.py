"""Statements in files of their own."""

from __future__ import annotations

import pytest

from omoi_site.database import sql


@pytest.fixture
def module(tmp_path):
    (tmp_path / "claim.sql").write_text(
        "SELECT '{}' FROM t\nWHERE {ready}\n  AND t.id = %(id)s AND {ready}\n"
    )
    return str(tmp_path / "claim.py")


def test_a_statement_has_its_parts_put_in_and_nothing_else_changed(module):
    text = sql.statement(module, "claim", ready="t.state = '{pending}'")

    assert (
        text
        == "SELECT '{}' FROM t\nWHERE t.state = '{pending}'\n  AND t.id = %(id)s AND t.state = '{pending}'\n"
    )


@pytest.mark.parametrize("parts", [{}, {"redy": "true"}, {"ready": "true", "fits": "true"}])
def test_parts_that_are_not_those_of_the_file_are_refused(module, parts):
    with pytest.raises(TypeError, match=r"claim.sql has the parts \['ready'\]"):
        sql.statement(module, "claim", **parts)
