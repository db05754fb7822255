"""People submit artifacts on a page: a file or a text, with every refusal beside its field."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Member
from tests.factories import allow_workflow, submit
from tests.support.html import squeeze
from tickets.models import Artifact, Blob, Ticket, TicketSpec

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client, operator):
    client.force_login(operator)
    return client


@pytest.fixture
def where(ticket) -> str:
    return f"/tickets/{ticket.key}/artifacts/"


def content_of(artifact: Artifact) -> bytes:
    return b"".join(artifact.blob.pieces())


def refused(page, where, **fields) -> str:
    answer = page.post(where, {"type": "notes", **fields})
    assert answer.status_code == 422
    assert not Artifact.objects.exists()
    return squeeze(answer.content.decode())


def test_a_file_is_submitted_under_its_name(page, where, ticket):
    file = SimpleUploadedFile("run.log", b"all \xff is well")
    answer = page.post(where, {"file": file, "type": "Test evidence", "commit": "4f2a91c"}, follow=True)

    made = Artifact.objects.get()
    assert (made.name, made.type, made.phase, made.commit, made.by) == (
        "run.log",
        "test_evidence",
        "DOING",
        "4f2a91c",
        "user:admin",
    )
    assert content_of(made) == b"all \xff is well"
    assert answer.redirect_chain == [(f"/tickets/{ticket.key}/", 302)]
    assert "run.log is submitted: revision 1" in answer.content.decode()


def test_a_text_is_submitted_and_its_next_revision_from_its_page(page, where):
    page.post(where, {"text": "  # Scope\r\n", "type": "notes"})
    first = Artifact.objects.get()
    assert (first.name, content_of(first)) == ("notes", b"  # Scope\n")

    link = f"{where}?type=notes&name=notes&phase=DOING#submit"
    assert link.replace("&", "&amp;") in page.get(f"{where}{first.pk}/").content.decode()
    form = page.get(link).context["form"]
    page.post(
        where, {**{name: form[name].value() or "" for name in ("type", "name", "phase")}, "text": "two"}
    )
    assert [made.revision for made in Artifact.objects.order_by("pk")] == [1, 2]


def test_a_file_of_no_bytes_is_a_file(page, where):
    page.post(where, {"file": SimpleUploadedFile("empty", b""), "type": "notes"})
    assert Artifact.objects.get().blob.size == 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Choose a file, or write a text"),
        ({"text": "x", "file": SimpleUploadedFile("a", b"x")}, "Send either a file or a text"),
        ({"text": "x", "type": ""}, "Say what it is"),
        ({"text": "x", "type": "ж"}, "Say what it is in letters"),
        ({"text": "x", "type": "2"}, "begin with a letter"),
        ({"text": "x", "name": "a\u202eb"}, "is a control character or is invisible"),
        ({"text": "x", "commit": "c" * 101}, "at most 100 characters"),
        ({"text": "x", "phase": "NOWHERE"}, "There is no such phase"),
        ({"text": "x", "name": "n" * 201}, "at most 200 characters"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_its_field_and_what_was_typed_stays(page, where, fields, said):
    text = refused(page, where, **fields)
    assert said in text
    assert "Nothing was submitted" in text
    assert not Blob.objects.exists()


def test_a_field_with_several_faults_is_described_by_all_of_them(page, where):
    text = refused(page, where, text="x", name="n" * 201 + "\x00")

    assert text.count('id="artifact-name_error"') == 1
    assert "at most 200 characters" in text
    assert "Null characters are not allowed." in text


def test_a_script_learns_where_the_artifact_is_or_gets_the_form_again(page, where):
    part = {"HX-Request": "true"}
    made = page.post(where, {"text": "x", "type": "notes"}, headers=part)
    assert (made.status_code, made["Location"]) == (201, "/tickets/OMO-1/")
    bad = page.post(where, {"type": "notes"}, headers=part)
    assert bad.status_code == 422
    assert bad.content.decode().lstrip().startswith('<section class="card" id="submit"')
    assert (
        page.get(where, headers=part)
        .content.decode()
        .lstrip()
        .startswith('<section class="card" id="artifacts-part"')
    )


def test_who_may_only_look_gets_no_form_and_is_refused(client, where, project, django_user_model):
    user = django_user_model.objects.create_user("viewer")
    Member.objects.create(project=project, user=user, role="viewer")
    client.force_login(user)
    assert "You need the role of an operator" in client.get(where).content.decode()
    assert client.post(where, {"text": "x", "type": "notes"}).status_code == 403
    assert not Artifact.objects.exists()
    client.force_login(django_user_model.objects.create_user("eve"))
    assert client.post(where, {"text": "x", "type": "notes"}).status_code == 404


def test_the_gate_leads_to_the_form_with_the_type_it_waits_for(page, project, operator):
    workflow = allow_workflow(project, "software_delivery")
    opened = Ticket.objects.open(project, TicketSpec("Payments", workflow=workflow), by=operator)
    Ticket.objects.move(opened.pk, "REQUIREMENTS", by=operator)
    link = f"/tickets/{opened.key}/artifacts/?type=requirements_document#submit"
    assert link in page.get(f"/tickets/{opened.key}/").content.decode()
    form = page.get(link).context["form"]
    assert (form["type"].value(), form["phase"].value()) == ("requirements_document", "REQUIREMENTS")
    assert form.types[0] == "requirements_document"


@pytest.mark.full
def test_a_long_list_has_pages_and_takes_as_many_statements_as_a_short_one(page, where, ticket, operator):
    submit(ticket, "notes", b"x", by=operator, name="first")
    counts = []
    page.get(where)
    for many in (False, True):
        if many:
            for number in range(60):
                submit(ticket, "notes", b"x", by=operator, name=f"n{number}")
        with CaptureQueriesContext(connection) as asked:
            text = squeeze(page.get(where).content.decode())
        counts.append(len(asked))
    assert counts[0] == counts[1]
    assert text.count('class="artifact-name') == 50
    last = Artifact.objects.get(name="n10").pk
    assert f'href="?before={last}"' in text
    rest = page.get(f"{where}?before={last}").content.decode()
    assert rest.count('class="artifact-name') == 11
    for nonsense in ("x", "9" * 30, "-1", "٣"):
        assert page.get(f"{where}?before={nonsense}").status_code == 200
