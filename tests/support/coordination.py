"""What tests of patterns share."""

from __future__ import annotations

from omoi_site.settings import ROOT
from tests.support.external import unavailable


def of_omoios(name: str) -> str:
    """A pattern file of OmoiOS."""
    file = ROOT.parent / f"shared/data/omoios/{name}.yaml"
    if not file.exists():
        unavailable("data", f"put {name}.yaml of OmoiOS into ../shared/data/omoios")
    return file.read_text()
