"""`manage.py doctor`: one line a subject, with what to do about it."""

from __future__ import annotations

from typing import Any

from omoi_site import commands, doctor
from tickets import checkup  # noqa: F401  (adds what the floors above look at)


class Command(commands.Command):
    help = "Look at this machine, the database and the running server; say what is wrong and what to do about it. Changes nothing."
    needs_database = False

    def act(self, **_: Any) -> commands.Document:
        found = list(doctor.findings())
        return {"well": not any(finding.state == "wrong" for finding in found), "findings": [finding.as_dict() for finding in found]}

    def tell(self, document: commands.Document) -> None:
        width = max(len(finding["name"]) for finding in document["findings"])
        for finding in document["findings"]:
            self.stdout.write(doctor.text(doctor.Finding(**finding), width))
        wrong = sum(finding["state"] == "wrong" for finding in document["findings"])
        off = {"name": "postgresql", "state": "off"}.items()
        stands = (
            " Omoi is not running now: start it with `python3 manage.py up`."
            if any(off <= each.items() for each in document["findings"])
            else ""
        )
        self.stdout.write(
            f"\n{wrong} {'thing is' if wrong == 1 else 'things are'} wrong.{stands}" if wrong else f"\nNothing is wrong.{stands}"
        )

    def failed(self, document: commands.Document) -> bool:
        return not document["well"]
