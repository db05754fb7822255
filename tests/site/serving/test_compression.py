"""The size of a visit."""

from __future__ import annotations

import gzip
import re

import pytest

from tests.support import ROOT
from tickets.models import TaskSpec, Ticket, TicketSpec

pytestmark = pytest.mark.django_db
KB = 1000
TAKES = {"HTTP_ACCEPT_ENCODING": "gzip, deflate, br"}


def weight(client, address):
    answer = client.get(address, **TAKES)
    assert answer.status_code == 200, address
    return len(answer.getvalue())


@pytest.fixture
def page(client, operator, project):
    for number in range(100):
        Ticket.objects.open(
            project,
            TicketSpec(f"Capture payment {number}", tasks=[TaskSpec("Write it"), TaskSpec("Test it")]),
            by=operator,
        )
    client.force_login(operator)
    return client


@pytest.mark.full
@pytest.mark.parametrize("address", ["/", "/board/", "/tickets/OMO-1/", "/admin/"])
def test_a_first_visit_weighs_at_most_60_kb_and_a_later_page_12(page, address):
    text = gzip.decompress(page.get(address, **TAKES).content).decode()
    files = {found.split("#")[0] for found in re.findall(r'(?:src|href)="(/static/[^"]+)"', text)}

    weights = {each: weight(page, each) for each in [address, *files]}

    assert weights[address] <= 12 * KB, weights
    assert sum(weights.values()) <= 60 * KB, weights


def test_a_static_file_is_the_same_either_way_and_known_again_by_its_etag(client):
    there = (ROOT / "static" / "site" / "frame.css").read_bytes()
    packed, plain = client.get("/static/site/frame.css", **TAKES), client.get("/static/site/frame.css")

    assert (packed["Content-Encoding"], packed["Vary"], packed["ETag"]) == (
        "gzip",
        "Accept-Encoding",
        plain["ETag"],
    )
    assert "Content-Encoding" not in plain
    assert plain["Vary"] == "Accept-Encoding"
    assert gzip.decompress(packed.content) == plain.getvalue() == there
    assert client.get("/static/site/frame.css", HTTP_IF_NONE_MATCH=packed["ETag"], **TAKES).status_code == 304
    assert client.get("/static/site/frame.css", HTTP_RANGE="bytes=0-9", **TAKES).getvalue() == there[:10]


@pytest.mark.full
def test_answers_of_the_api_stay_as_they_are(page):
    answer = page.get("/api/v1/tickets", **TAKES)

    assert len(answer.content) > 1000
    assert "Content-Encoding" not in answer
