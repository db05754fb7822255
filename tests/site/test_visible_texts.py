"""Each text that somebody must write has something that a reader sees, whatever the field and the door."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.core.validators import RegexValidator
from django.db import models
from django_fsm import FSMField
from rest_framework.exceptions import ValidationError

from agents.api.fields import text_of
from omoi_site import field_limits
from omoi_site.database import sql
from omoi_site.errors import Invalid
from tickets.git.branch_name import branch_name
from tickets.models import Comment, Task, Ticket

OURS = {"agents", "tickets", "collaboration", "omoi_site"}
UNSEEN = ["\u200b", "\u2060\ufeff", "\u2800\u3164", " \u3000\u200d\n", "\u202e\u2066"]
# Required texts that nobody types: Omoi makes them, or takes them from a list or a checked document.
MADE = {
    *("Event.topic", "Event.subject", "Event.kind", "Event.actor"),
    *("SignInTry.who", "SignInTry.address", "Key.prefix", "Key.scopes"),
    *("Notice.phase", "SweepRun.name", "Lane.phase", "Lane.capabilities", "Blob.hash"),
    *("Workflow.name", "WorkflowPhase.name", "WorkflowPhase.to", "Artifact.phase", "Artifact.by"),
    *("CheckRun.phase", "CheckRun.seen", "CheckRun.asked_by", "Verdict.phase", "Verdict.evidence"),
    *("Verdict.by", "PhaseMove.from_phase", "PhaseMove.to_phase", "PhaseMove.by"),
    *("PhaseContext.phase", "PhaseContext.hash", "PhaseContext.by", "ContextNote.phase", "ContextNote.by"),
    *("Ticket.key", "Task.ticket_key", "Task.phase", "Approval.phase", "Approval.seen", "Approval.role"),
    *("Approval.by", "TemplateLaunch.phase", "TemplateLaunch.by", "PatternRun.pattern", "PatternRun.by"),
    *("Discovery.by", "Validation.by", "Validation.signature", "Project.workflows", "Project.profiles"),
    *("Freeze.by", "LaneWait.who", "TaskWait.who", "TicketWait.who"),
    *("Agent.pools", "Lane.pools", "Pool.profiles", "SavedView.path"),
    *("BulkAct.actor", "TaskOutput.agent", "OutputPiece.text", "PhaseHold.phase", "PhaseHold.holds"),
    *("AttentionCount.kind", "AttentionCount.who"),
}
# The verbs that take them check them.
BY_VERB = {
    "Repository.url": "an address",
    "Link.kind": "the import",
    "Schedule.cron": "a cron line",
    "Schedule.timezone": "the name of a time zone",
    "Awaited.kind": "the import",
    "Awaited.source_id": "the import",
    "PatternRun.key": "`apply`",
    "TemplateLaunch.key": "`launch`",
}


def required() -> dict[str, models.Field]:
    """Each text field of our models that may not be empty, and each list of texts."""
    found = {}
    for model in apps.get_models():
        if model._meta.app_config.name not in OURS:
            continue
        for field in model._meta.concrete_fields:
            text = getattr(field, "base_field", field)
            if not isinstance(text, models.CharField | models.TextField) or isinstance(text, FSMField):
                continue
            if text is field and (field.blank or field.choices):
                continue
            found[f"{model.__name__}.{field.name}"] = field
    return found


def held(field: models.Field) -> bool:
    """Whether a rule of the field lets no invisible text in."""
    text = getattr(field, "base_field", field)
    return any(
        rule in (field_limits.not_blank, branch_name) or isinstance(rule, RegexValidator)
        for rule in text.validators
    )


FIELDS = {
    name: field for name, field in required().items() if field_limits.holds_to(field, field_limits.not_blank)
}


def test_each_text_that_somebody_must_write_has_the_rule():
    without = {name for name, field in required().items() if not held(field)}

    assert without - BY_VERB.keys() - MADE == set(), "give it field_limits.not_blank, or say who makes it"
    assert (MADE | BY_VERB.keys()) - without == set(), "these are gone, or have a rule now"


@pytest.mark.parametrize("unseen", UNSEEN)
@pytest.mark.parametrize("name", FIELDS)
def test_no_verb_and_no_shape_takes_it(name, unseen):
    field = FIELDS[name]
    value = [unseen] if hasattr(field, "base_field") else unseen

    others = [other.name for other in field.model._meta.fields if other is not field]
    with pytest.raises(Invalid) as refused:
        sql.check(field.model(**{field.name: value}), without=others)
    assert refused.value.more["errors"][0]["field"] == field.name
    if field.model in (Task, Ticket, Comment):  # by the thousand
        assert field.name in dict(field_limits.faults(field.model, {field.name: value}))
    with pytest.raises(ValidationError):
        text_of(field.model, field.name).run_validation(unseen)


@pytest.mark.parametrize("name", FIELDS)
def test_what_joins_and_turns_letters_may_stand_in_it(name):
    field = FIELDS[name]
    if field_limits.shown in field.validators:
        return
    for text in ("👩\u200d💻", "می\u200cخواهم", "\u200bx"):
        assert text_of(field.model, field.name).run_validation(text) == text


def test_a_long_text_is_read_only_up_to_its_first_visible_character(monkeypatch):
    class Counted(str):
        read = 0

        def __iter__(self):
            for letter in str.__iter__(self):
                Counted.read += 1
                yield letter

    assert field_limits.blank_fault(Counted("\u200bx" + "y" * 100_000)) == ""
    assert Counted.read == 2
