"""`manage.py approvals list|approve|reject|request-changes`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser
from django.utils import timezone

from omoi_site import command_base, humanize
from omoi_site.errors import NotFound
from tickets.management.lookups import the_ticket
from tickets.models import Approval, Ticket
from tickets.models.gate.approval import Decision
from tickets.models.gate.approval_state import DID, STATES, evidence_shown, states

FIELDS = ("phase", "decision", "reason", "by", "role", "self_approved", "seen", "expires_at", "at")
DECIDES = {
    Decision.APPROVE: "Approve what a ticket shows.",
    Decision.REJECT: "Reject what a ticket shows.",
    Decision.REQUEST_CHANGES: "Request changes of what a ticket shows.",
}


class Command(command_base.Command):
    help = "Show what people decided about a ticket, and decide."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.verbs(parser)
        listed = add("list", act=self.list, show=self.listed, help="Show the decisions about a ticket.")
        listed.add_argument("ticket", metavar="TICKET")
        for decision, help in DECIDES.items():
            verb = add(decision.replace("_", "-"), act=self.decide, show=self.decided, help=help)
            verb.set_defaults(decision=decision)
            verb.add_argument("ticket", metavar="TICKET")
            verb.add_argument(
                "--person", "--as", dest="user", required=True, metavar="NAME", help="who decides"
            )
            verb.add_argument(
                "--seen",
                required=True,
                metavar="DIGEST",
                help="the `evidence` that `approvals list` prints: what this person looked at",
            )
            needed = decision != Decision.APPROVE
            verb.add_argument("--reason", required=needed, default="", metavar="TEXT", help="why")

    def list(self, *, ticket: str, **_: Any) -> command_base.Document:
        row = the_ticket(ticket)
        now = states(row.pk, row.phase)
        return {
            "ticket": row.key,
            "phase": row.phase,
            "asked": row.asks_for_approvals,
            "evidence": evidence_shown(row),
            "approvals": [shown(approval, now) for approval in row.approvals.order_by("pk")],
        }

    def listed(self, document: command_base.Document) -> None:
        asked = document["asked"]
        phase = humanize.phase(document["phase"])
        wants = f"asks for {asked['count']} by {humanize.who(asked['role'])}" if asked else "asks for none"
        self.stdout.write(f"{document['ticket']} is in {phase}, which {wants}.")
        self.stdout.write(f"Evidence: {document['evidence']}")
        for row in document["approvals"]:
            void = STATES[row["state"]]
            note = (
                f" (does not count: {void})" if void else " (self-approved)" if row["self_approved"] else ""
            )
            reason = f": {row['reason']}" if row["reason"] else ""
            self.stdout.write(
                f"- {sentence(row)} {humanize.relative(row['at'], timezone.now())}{note}{reason}"
            )

    def decide(
        self, *, ticket: str, decision: str, user: str, seen: str, reason: str, **_: Any
    ) -> command_base.Document:
        person = get_user_model().objects.filter(username=user, is_active=True).first()
        if person is None:
            raise NotFound(
                f"there is no active person {user}",
                next_action="Name one as they sign in; the admin lists them under Users.",
            )
        row = the_ticket(ticket)
        approval = Approval.objects.decide(row.pk, decision, by=person, seen=seen, reason=reason)
        phase = Ticket.objects.values_list("phase", flat=True).get(pk=row.pk)
        return {"ticket": row.key, **shown(approval, states(row.pk, phase))}

    def decided(self, document: command_base.Document) -> None:
        self.stdout.write(f"{document['ticket']}: {sentence(document)}.")


def sentence(row: command_base.Document) -> str:
    """Who decided what: "bea approved it"."""
    return f"{humanize.actor(row['by'])} {DID[row['decision']]}"


def shown(approval: Approval, now: dict[int, str]) -> command_base.Document:
    fields = {name: getattr(approval, name) for name in FIELDS}
    return {"id": str(approval.pk), **fields, "state": now[approval.pk]}
