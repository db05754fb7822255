"""Comments and external references that come with a backlog: kept as they were written, shown, and read by
nobody outside.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, AgentSpec, Event, Member, Project, ProjectSpec
from omoi_site.database import sql
from omoi_site.database.roles import as_owner
from omoi_site.errors import Invalid, OmoiError
from tests.support.api_client import api_of
from tests.support.backlog_files import import_issues, issue
from tests.support.external import unavailable
from tickets import interchange
from tickets.interchange.beads import comments, reader
from tickets.models import Backlog, Comment, Item, NewComment, Ticket, Workflow
from tickets.models.ticket import bulk_import
from tickets.models.ticket.external_reference import address

pytestmark = pytest.mark.django_db

DATA = Path(settings.ROOT).parent / "shared" / "data" / "beads-oracledb.jsonl"


def said(text: str, author: str = "lee", at: str | None = "2026-07-21T12:50:16Z", **more):
    return {"author": author, "text": text, "created_at": at, **more}


def bodies(**which) -> list[str]:
    return list(Comment.objects.filter(**which).values_list("body", flat=True))


@pytest.fixture
def many(project):
    """A ticket with 45 comments."""
    import_issues(project, issue("bd-1", comments=[said(f"Number {n:02}.") for n in range(45)]))
    return Ticket.objects.get()


def test_a_real_backlog_comes_in_with_every_comment_and_reference(project):
    if not DATA.exists():
        unavailable("data", f"there is no {DATA}: put a beads backlog there")
    rows = [json.loads(line) for line in DATA.read_text().splitlines()]
    there = {
        (row["id"], each["author"], each["created_at"], each["text"])
        for row in rows
        for each in row.get("comments") or ()
    }

    def once_more():
        with DATA.open("rb") as file:
            return interchange.run("beads", file, project=project, by="system:test").as_dict()

    report = once_more()
    assert (report["comments"], report["external_refs"]) == (191, 80)
    assert not {"comments", "external_ref"} & report["left_out"].keys()
    here = Comment.objects.values_list("ticket__source_id", "author", "created_at", "body")
    assert {
        (ticket, author, at.strftime("%Y-%m-%dT%H:%M:%SZ"), body) for ticket, author, at, body in here
    } == there
    assert dict(Ticket.objects.exclude(external_ref="").values_list("source_id", "external_ref")) == {
        row["id"]: row["external_ref"] for row in rows if row.get("external_ref")
    }
    again = once_more()
    assert (again["comments"], again["external_refs"], again["changed"], Comment.objects.count()) == (
        0,
        0,
        [],
        191,
    )


def test_of_a_newer_file_only_new_comments_come_in(project):
    import_issues(project, issue("bd-1", comments=[said("First.", id=7)]), issue("bd-2"))
    old = Ticket.objects.get(source_id="bd-1")

    newer = [
        said("Third.", at="2026-07-23T09:00:00Z"),
        said("First.", at="2026-07-21T14:50:16.123+02:00", id="0f-9"),
        said("Second.", "kim"),
    ]
    report = import_issues(
        project, issue("bd-1", comments=newer), issue("bd-3", comments=[said("Of another.")])
    )

    assert report["comments"] == 3
    assert bodies(ticket=old) == ["First.", "Second.", "Third."]
    assert Event.objects.get(kind="project.imported", data__comments=3).project_id == project.pk
    told = Event.objects.get(kind="ticket.commented")  # of what is new here its opening tells
    assert (told.topic, told.data) == (old.topic, {"comments": 2, "source": "beads"})
    old.refresh_from_db()
    assert told.number == old.events == Event.objects.filter(subject=old.subject).count()
    assert import_issues(project, issue("bd-1", comments=newer))["comments"] == 0


def test_what_was_written_twice_stands_twice(project):
    twice = [
        said("Ping."),
        said("Ping."),
        said("Ping.", at=None),
        said(" "),
        {"text": None},
        {"text": "By nobody."},
    ]
    assert import_issues(project, issue("bd-1", comments=twice))["comments"] == 4
    assert import_issues(project, issue("bd-1", comments=twice))["comments"] == 0
    assert bodies() == ["Ping.", "Ping.", "Ping.", "By nobody."]
    assert list(Comment.objects.values_list("author", flat=True)) == ["lee", "lee", "lee", ""]


def test_a_time_that_can_be_none_is_counted_and_the_comment_kept(project):
    report = import_issues(
        project,
        issue(
            "bd-1",
            comments=[
                said("Hm.", at="0001-01-01T00:00:00Z"),
                said("Well.", at="soon"),
                said("So.", at="2999-01-01T00:00:00Z"),
            ],
        ),
    )
    assert "values of created_at of comments that are not valid times, left out: 3" in report["warnings"]
    assert bodies(created_at=None) == ["Hm.", "Well.", "So."]
    assert (
        import_issues(project, issue("bd-1", comments=[said("So.", at="2999-01-01T00:00:00Z")]))["comments"]
        == 0
    )


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"comments": "none"}, "comments must be a list"),
        ({"comments": [said("Good."), "bad"]}, "comment 2 must be an object"),
        ({"comments": [said(5)]}, "comment 1: text must be text"),
        ({"comments": [said("x\0y")]}, "NUL"),
        ({"comments": [said("\ud800")]}, "half a surrogate pair"),
        ({"comments": [said("x" * 100_001)]}, "longer than 100000"),
        ({"comments": [said("Good.", ["lee"])]}, "comment 1: author must be text"),
        ({"comments": [said("Good.", "l" * 201)]}, "longer than 200"),
        ({"comments": [said("Good.", "ada\u202eeel")]}, r"comment 1: its author: character 4 \(U\+202E\)"),
        ({"comments": [said("Good.", issue_id="bd-2")]}, "comment 1 is one of bd-2"),
        ({"external_ref": 5}, "external_ref must be text"),
        ({"external_ref": "x" * 501}, "longer than 500"),
        (
            {"comments": [{"text": "a", "created_at": "\ud800"}]},
            "comment 1: created_at contains half a surrogate",
        ),
        ({"comments": [{"text": "a", "created_at": "a\0"}]}, "comment 1: created_at contains a NUL"),
        ({"external_ref": "gh-\u200b9"}, r"its external_ref: character 4 \(U\+200B\)"),
    ],
)
def test_what_is_wrong_is_named_by_its_line_and_nothing_comes_in(project, fields, fault):
    with pytest.raises(OmoiError, match=f"line 2: .*{fault}"):
        import_issues(
            project, issue("bd-1"), issue("bd-2" if "issue_id" not in str(fields) else "bd-1x", **fields)
        )
    assert not Ticket.objects.exists()


def test_a_file_has_so_many_comments_and_no_more(project, monkeypatch):
    monkeypatch.setattr(reader, "MOST", 2)
    assert import_issues(project, issue("bd-1", comments=[said(str(n)) for n in range(20)]))["comments"] == 20
    with pytest.raises(Invalid, match="more than 20 comments: split the file"):
        import_issues(project, issue("bd-1", comments=[said(str(n)) for n in range(21)]))


def test_the_verb_itself_holds_comments_to_their_limits(project):
    import_issues(project, issue("bd-1"))
    for known in (True, False):
        item = Item(
            id="bd-1" if known else "bd-2",
            title="Do",
            external_ref="a\nb",
            comments=[NewComment("1", "x" * 100_001)],
        )
        with pytest.raises(Invalid) as refused:
            bulk_import.import_backlog(
                Backlog("beads", [item]),
                project=project,
                workflow=Workflow.objects.latest_of("simple"),
                by="system:test",
            )
        assert [fault["field"] for fault in refused.value.more["errors"]] == [
            f"{item.id}: external_ref",
            f"{item.id}: comment 1: body",
        ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement", ["UPDATE tickets_comment SET body = 'Other.'", "DELETE FROM tickets_comment"]
)
@pytest.mark.parametrize(
    ("role", "why"), [(nullcontext, "permission denied"), (as_owner, "append-only")], ids=["app", "owner"]
)
def test_no_comment_is_changed_or_removed(many, statement, role, why):
    with role(), pytest.raises(DatabaseError, match=why), transaction.atomic():
        sql.rows(statement)
    assert Comment.objects.count() == 45


def test_the_number_of_statements_does_not_grow_with_the_comments(project):
    def statements(name: str, count: int) -> int:
        import_issues(project, issue(name))
        with CaptureQueriesContext(connection) as captured:
            assert (
                import_issues(project, issue(name, comments=[said(str(n)) for n in range(count)]))["comments"]
                == count
            )
        return len(captured)

    statements("warm", 1)
    assert statements("few", 2) == statements("many", 1000) <= 40


def test_a_reference_is_filled_in_where_there_is_none_and_else_stays(project):
    import_issues(project, issue("bd-1"), issue("bd-2", external_ref="gh-2"))
    filled = Ticket.objects.get(source_id="bd-1")

    report = import_issues(
        project,
        issue("bd-1", external_ref=" gh-1 "),
        issue("bd-2", external_ref="gh-3"),
        issue("bd-3", external_ref="gh-4"),
    )

    assert report["external_refs"] == 2
    assert [(each["id"], each["fields"]) for each in report["changed"]] == [("bd-2", ["external_ref"])]
    assert dict(Ticket.objects.values_list("source_id", "external_ref")) == {
        "bd-1": "gh-1",
        "bd-2": "gh-2",
        "bd-3": "gh-4",
    }
    told = Event.objects.get(kind="ticket.edited")
    assert (told.topic, told.data) == (
        filled.topic,
        {"before": {"external_ref": ""}, "after": {"external_ref": "gh-1"}},
    )
    assert Ticket.objects.get(pk=filled.pk).version == filled.version + 1


@pytest.mark.parametrize("ref", ["https://example.com/issues/9?a=b#c", "HTTP://example.com"])
def test_an_address_is_followed(ref):
    assert address(ref) == ref


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "gh-9",
        "docs/plan.md:7",
        "javascript:alert(1)",
        "data:text/html,x",
        "//example.com",
        "https://",
        "https:example.com",
        "https://[::1",
        "https://github.com@example.com/",
        "https://example.com/a b",
        "ftp://example.com",
        " https://example.com",
    ],
)
def test_what_is_no_address_is_not_followed(ref):
    assert address(ref) == ""


# -- who reads them, and where


def test_comments_are_listed_a_page_at_a_time(many, operator, django_assert_max_num_queries):
    calls = api_of(operator)
    seen, query = [], {"limit": 20}
    while True:
        with django_assert_max_num_queries(5):
            answer = calls.get(f"/tickets/{many.key}/comments", **query).json()
        seen += answer["results"]
        if not answer["next"]:
            break
        query["cursor"] = answer["next"]
    assert [each["body"] for each in seen] == [f"Number {n:02}." for n in range(45)]
    assert {name: seen[0][name] for name in ("author", "source", "created_at")} == {
        "author": "lee",
        "source": "beads",
        "created_at": "2026-07-21T12:50:16Z",
    }
    assert calls.get(f"/tickets/{many.key}/comments", cursor="bm9uZQ").status_code == 400


def test_nobody_outside_the_project_reads_them(many, ada, operator, client, django_user_model):
    other = Project.objects.create_project(ProjectSpec("TWO", workflow="simple"), by=operator)
    outsider = django_user_model.objects.create_user("eve")
    Member.objects.create(project=other, user=outsider, role="admin")
    stranger = Agent.objects.register(AgentSpec("stranger", capacity=1), projects=[other], by=operator)
    for who in (outsider, stranger):
        assert api_of(who).get(f"/tickets/{many.key}/comments").status_code == 404
        assert api_of(who).get(f"/tickets/{many.key}").status_code == 404
    client.force_login(outsider)
    assert client.get(f"/tickets/{many.key}/").status_code == 404
    assert len(api_of(ada).get(f"/tickets/{many.key}/comments").json()["results"]) == 45
    Member.objects.create(project=many.project, user=outsider, role="viewer")
    assert api_of(outsider).get(f"/tickets/{many.key}/comments").status_code == 200


def test_a_ticket_says_its_reference(project, operator):
    import_issues(project, issue("bd-1", external_ref="gh-9"))
    assert api_of(operator).get("/tickets/OMO-1").json()["external_ref"] == "gh-9"


def test_in_the_admin_they_are_only_read_and_by_members(many, client, django_user_model):
    staff = django_user_model.objects.create_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(codename__endswith="_comment"))
    client.force_login(staff)
    pk = Comment.objects.values_list("pk", flat=True).last()
    assert "Number" not in client.get("/admin/tickets/comment/").content.decode()
    assert client.get(f"/admin/tickets/comment/{pk}/change/").status_code == 302
    Member.objects.create(project=many.project, user=staff, role="viewer")
    assert "Number 44." in client.get("/admin/tickets/comment/").content.decode()
    assert "Number 44." in client.get(f"/admin/tickets/comment/{pk}/change/").content.decode()
    assert client.post(f"/admin/tickets/comment/{pk}/change/", {"body": "Other."}).status_code == 403
    assert client.post(f"/admin/tickets/comment/{pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.fixture
def page(client, operator):
    client.force_login(operator)

    def shown(ticket, query="") -> str:
        answer = client.get(f"/tickets/{ticket.key}/{query}")
        assert answer.status_code == 200
        return answer.content.decode()

    shown.client = client
    return shown


@pytest.mark.full
def test_the_page_shows_the_latest_and_leads_to_the_earlier(many, page):
    def numbers(html):
        return [n for n in range(45) if f"Number {n:02}." in html]

    latest = page(many)
    assert numbers(latest) == list(range(25, 45))
    assert latest.index("Number 25.") < latest.index("Number 44.")
    by_number = {comment.body[7:9]: comment.pk for comment in Comment.objects.all()}
    assert f"comments={by_number['25']}#comments-title" in latest
    assert numbers(page(many, f"?comments={by_number['25']}")) == list(range(5, 25))
    first = page(many, f"?comments={by_number['05']}")
    assert (numbers(first), "Show earlier comments" in first, "Back to the latest" in first) == (
        list(range(5)),
        False,
        True,
    )
    for nonsense in ("x", "-1", "9" * 30, "²"):
        assert numbers(page(many, f"?comments={nonsense}")) == list(range(25, 45))


def test_what_a_comment_says_is_text_and_its_author_is_nobody_of_ours(project, page):
    text = "<script>alert(1)</script> [x](javascript:alert(2))\n\nSecond part."
    import_issues(
        project,
        issue(
            "bd-1",
            comments=[said(text, "admin"), {"text": "By nobody."}],
            external_ref="https://example.com/9?a=1&b=2",
        ),
        issue("bd-2"),
    )
    html = page(Ticket.objects.get(source_id="bd-1"))
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; [x](javascript:alert(2))</p>" in html
    assert html.count("imported from beads") == 2
    assert "Unknown author" in html
    assert '<a href="https://example.com/9?a=1&amp;b=2" rel="noopener noreferrer">' in html
    plain = page(Ticket.objects.get(source_id="bd-2"))
    assert "comments-title" not in plain
    assert "Elsewhere" not in plain


def test_a_reference_that_is_no_address_is_text(project, page):
    import_issues(project, issue("bd-1", external_ref="javascript:alert(1)"))
    html = page(Ticket.objects.get())
    assert "javascript:alert(1)" in html
    assert 'href="javascript' not in html


def test_a_page_costs_as_many_statements_with_many_comments_as_with_one(project, page):
    import_issues(
        project,
        issue("bd-1", comments=[said("One.")]),
        issue("bd-2", comments=[said(str(n)) for n in range(300)]),
    )

    def statements(name: str) -> int:
        ticket = Ticket.objects.get(source_id=name)
        with CaptureQueriesContext(connection) as captured:
            page(ticket)
        return len(captured)

    statements("bd-1")
    assert statements("bd-1") == statements("bd-2")


def test_the_same_comment_is_known_in_any_spelling_of_its_time():
    seconds = {
        comments._second({"created_at": text})
        for text in (
            "2026-07-21T12:50:16Z",
            "2026-07-21T12:50:16",
            "2026-07-21T14:50:16.9+02:00",
            "2026-07-21 12:50:16+00:00",
        )
    }
    assert seconds == {"2026-07-21T12:50:16+00:00"}
    assert comments._second({"created_at": ["x"]}) == "['x']"


def test_a_long_comment_is_cut_until_it_is_asked_for_whole(project, page):
    texts = [f"{'word ' * 19_000}the end of {n}." for n in range(3)]
    import_issues(project, issue("bd-1", comments=[said(text) for text in [*texts, "x" * 4_000]]))
    ticket = Ticket.objects.get()
    [*_, asked, last] = ticket.comments.order_by("id")

    html = page(ticket)
    assert len(html) < 100_000
    assert "the end of" not in html
    assert html.count("Show all") == 3
    assert f"comment={asked.pk}#comment-{asked.pk}" in html
    assert "x" * 4_000 in html

    whole = page(ticket, f"?comment={asked.pk}")
    assert (whole.count("the end of"), whole.count("Show all")) == (1, 2)
    assert page(ticket, f"?comment={last.pk}&comments=nonsense").count("Show all") == 3
