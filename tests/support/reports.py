"""Files a tool would write, for gates to read."""

from __future__ import annotations

import json


def requirements(length: int = 700, *, headings: tuple[str, ...] = ("Scope", "Acceptance criteria")) -> bytes:
    text = "# Payments\n\n" + "\n\n".join(f"## {heading}\n\nWhat it is." for heading in headings) + "\n\n"
    return (text + "x" * max(0, length - len(text))).encode()


def cobertura(hit: int, missed: int, *, claims: str = "") -> bytes:
    """claims: the totals it gives of itself; by default the true ones."""
    claims = (
        claims
        or f'line-rate="{hit / max(1, hit + missed):.4f}" lines-valid="{hit + missed}" lines-covered="{hit}"'
    )
    lines = "".join(f'<line number="{n}" hits="{int(n <= hit)}"/>' for n in range(1, hit + missed + 1))
    return (
        '<?xml version="1.0" ?>'
        '<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">'
        f'<coverage {claims}><packages><package><classes><class filename="a.py"><lines>{lines}</lines>'
        "</class></classes></package></packages></coverage>"
    ).encode()


def junit(passed: int, failed: int = 0) -> bytes:
    cases = (
        '<testcase name="ok"/>' * passed + '<testcase name="bad"><failure message="no"/></testcase>' * failed
    )
    suite = f'<testsuite tests="{passed + failed}" failures="{failed}">{cases}</testsuite>'
    return f"<testsuites>{suite}</testsuites>".encode()


def changes(*files: str, commit: str = "4f2a91c") -> bytes:
    return json.dumps({"commit": commit, "files": list(files)}).encode()
