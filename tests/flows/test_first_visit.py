"""What the first visit of each page takes, and that pa11y finds nothing on it. The pages are those of the
URL map, so a new one takes part by itself.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.test import Client

from tests.site.test_admin import all_kinds  # noqa: F401
from tests.support.browser import program
from tests.support.external import unavailable
from tests.support.site_map import pages, routes
from tickets.models import Ticket

pytestmark = [pytest.mark.full, pytest.mark.django_db(transaction=True)]

PAGES = Path(__file__).parents[1] / "support/pa11y_pages.js"
MOST = 60_000  # compressed bytes of a first visit
FILE = re.compile(r"""<(?:link|script|img|use)\b[^>]*?\b(?:href|src)="(/[^"#]+)""")
# Routes at which no whole page stands when one looks, each with what does.
NO_PAGE = {
    "login/": "leads on who is signed in; it is looked at by itself",
    "logout/": "signs out",
    "login/once/<str:uid>/<str:token>/": "a link that works once",
    "check-workflow/": "a part of the editor's page",
    "tickets/<str:key>/artifacts/<int:pk>/picture/": "a picture",
    "tickets/<str:key>/artifacts/<int:pk>/compare/": "takes two revisions",
    "tickets/<str:key>/context/compare/": "takes two versions",
    "tickets/<str:key>/context/notes/<int:pk>/withdraw/": "a form of the page of the context",
    "workflows/<str:name>/use/": "a form of the page of a workflow",
    "repositories/add/": "a form of the page of repositories",
    "repositories/<int:pk>/<slug:name>/": "the same",
    "projects/<str:key>/<slug:act>/": "a form of the page of a project",
    "schedules/<int:pk>/<slug:name>/": "a form of the page of a schedule",
    "templates/<int:pk>/<slug:name>/": "a form of the page of a template",
    "tasks/bulk/": "a form of the list of tasks",
    "tasks/bulk/<int:pk>/": "stands once an act on many tasks is prepared",
    "tasks/bulk/<int:pk>/<slug:name>/": "a form of that page",
    "tasks/<str:key>/output/": "a text to download",
    "tickets/<str:key>/previous/": "leads on to another ticket",
    "tickets/<str:key>/next/": "the same",
}


@pytest.fixture
def visitor(operator, all_kinds):  # noqa: F811
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def site(visitor):
    tickets = (f"/tickets/{ticket.key}/" for ticket in Ticket.objects.order_by("pk"))
    return pages(visitor, *tickets, "/workflows/simple/tickets/")


def test_the_first_visit_of_each_page_is_small(site, visitor, web):
    left_out = {route for route in routes() if not route.startswith("admin/")} - site.keys() - NO_PAGE.keys()
    cookie = f"sessionid={visitor.cookies['sessionid'].value}"
    connection = http.client.HTTPConnection(web.host, timeout=30)

    def compressed(address, cookie=cookie):
        connection.request("GET", address, headers={"Cookie": cookie, "Accept-Encoding": "gzip, br"})
        answer = connection.getresponse()
        assert answer.status == 200, (address, answer.status)
        return len(answer.read())

    sizes = {}
    for route, address in site.items():
        files = set(FILE.findall(visitor.get(address).content.decode()))
        sizes[route] = compressed(address) + sum(map(compressed, files))
    files = set(FILE.findall(Client().get("/login/").content.decode()))
    sizes["login/"] = compressed("/login/", "") + sum(map(compressed, files))
    connection.close()

    assert not left_out, f"no page leads there: {sorted(left_out)}"
    assert not {route: size for route, size in sizes.items() if size > MOST}, sizes


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pa11y_finds_nothing(request, visitor, web, theme):
    found = shutil.which("pa11y")
    if not found:
        unavailable("pa11y", "there is no pa11y: npm install -g pa11y (PUPPETEER_SKIP_DOWNLOAD=1)")
    asked = {
        "browser": program(),
        "headers": {"Cookie": f"sessionid={visitor.cookies['sessionid'].value}; theme={theme}"},
        "addresses": [f"http://{web.host}{address}" for address in request.getfixturevalue("site").values()],
    }
    words = ["node", PAGES, Path(found).resolve().parents[1]]
    done = subprocess.run(
        words, input=json.dumps(asked), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    wrong = [" ".join(each.values()) for each in json.loads(done.stdout)]
    assert not wrong, "\n".join(wrong)
