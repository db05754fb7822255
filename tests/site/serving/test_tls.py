"""Behind a proxy that speaks https: cookies are Secure, and people can sign in and write."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from agents.models.sign_in import one_time_path
from tests.support.web_process import Web

pytestmark = pytest.mark.django_db(transaction=True)
PROXY = {"Host": "omoi.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}


@pytest.fixture
def behind() -> Iterator[Web]:
    web = Web(OMOI_TLS="1", OMOI_ALLOWED_HOSTS="omoi.example", FORWARDED_ALLOW_IPS="127.0.0.1")
    yield web
    web.stop()


def set_cookies(answer: httpx.Response) -> dict[str, str]:
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


@pytest.mark.full
def test_a_person_signs_in_through_the_proxy_and_every_cookie_is_secure(behind, operator):
    link = f"http://{behind.host}{one_time_path(operator)}"
    shown = httpx.get(link, headers=PROXY)
    token = shown.cookies["csrftoken"]
    sent = {**PROXY, "Origin": "https://omoi.example", "Cookie": f"csrftoken={token}"}

    signed_in = httpx.post(link, headers=sent, data={"csrfmiddlewaretoken": token})

    assert signed_in.status_code == 302, signed_in.text
    given = set_cookies(shown) | set_cookies(signed_in)
    assert set(given) == {"csrftoken", "sessionid"}
    assert all("; Secure" in line for line in given.values())
    known = {**PROXY, "Cookie": f"sessionid={signed_in.cookies['sessionid']}"}
    assert httpx.get(f"http://{behind.host}/board/", headers=known).status_code == 200


@pytest.mark.full
def test_whoever_is_no_proxy_is_not_believed(operator):
    web = Web(OMOI_TLS="1", FORWARDED_ALLOW_IPS="10.0.0.7")
    try:
        link = f"http://{web.host}{one_time_path(operator)}"
        token = httpx.get(link).cookies["csrftoken"]
        sent = {"X-Forwarded-Proto": "https", "Origin": f"https://{web.host}", "Cookie": f"csrftoken={token}"}
        assert httpx.post(link, headers=sent, data={"csrfmiddlewaretoken": token}).status_code == 403
    finally:
        web.stop()


def test_without_tls_a_person_signs_in_as_before(client, operator):
    assert client.get("/login/").cookies["csrftoken"]["secure"] == ""
