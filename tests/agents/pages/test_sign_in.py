"""Signing in: a password may be tried ten times in 15 minutes; a link works once."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import transaction
from django.test import Client

from agents.models import SignInTry, TooManyTries
from agents.models.sign_in import IN_ALL, OF_ADDRESS, TRIES, one_time_path, who
from omoi_site.database import sql
from omoi_site.serving.client_address import network
from tests.support.concurrency import race

pytestmark = pytest.mark.django_db

RIGHT, WRONG = "a long enough one", "not it"


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """A fast password hash, because its slowness is not tested here."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def person(operator):
    operator.set_password(RIGHT)
    operator.save()
    return operator


def sign_in(client, password, name="admin", **more):
    return client.post("/login/", {"username": name, "password": password, **more})


def test_the_eleventh_try_is_refused_even_with_the_right_password(client, person):
    for _ in range(10):
        answer = sign_in(client, WRONG)
        assert answer.status_code == 422
        assert b"do not match" in answer.content

    answer = sign_in(client, RIGHT)

    assert answer.status_code == 429
    assert b"try again in 15 minutes" in answer.content
    assert 890 < int(answer["Retry-After"]) <= 900
    assert "_auth_user_id" not in client.session


def test_tries_are_counted_for_a_name_from_an_address(client, person):
    for _ in range(10):
        sign_in(client, WRONG, name=" ADMIN ")
    assert sign_in(client, WRONG, name="somebody").status_code == 422
    assert (
        client.post("/login/", {"username": "admin", "password": RIGHT}, REMOTE_ADDR="192.0.2.7").status_code
        == 302
    )


def test_a_try_without_a_password_forgets_none(client, person):
    for _ in range(9):
        sign_in(client, WRONG)
    assert sign_in(client, "").status_code == 422
    assert sign_in(client, RIGHT).status_code == 429


def test_an_address_may_try_fifty_times_whatever_the_names(client, person):
    for number in range(OF_ADDRESS):
        assert sign_in(client, WRONG, name=f"name{number}").status_code == 422
    assert sign_in(client, RIGHT).status_code == 429
    assert (
        client.post("/login/", {"username": "admin", "password": RIGHT}, REMOTE_ADDR="192.0.2.7").status_code
        == 302
    )


def test_one_network_of_ipv6_is_one_address(client, person):
    def tried(address, password=WRONG):
        return client.post(
            "/login/", {"username": "admin", "password": password}, REMOTE_ADDR=address
        ).status_code

    assert {tried(f"2001:db8:1:2:{number:x}::1") for number in range(10)} == {422}
    assert tried("2001:db8:1:2:ffff::7", RIGHT) == 429
    assert tried("2001:db8:1:3::7", RIGHT) == 302
    assert [network(text) for text in ("::ffff:192.0.2.7", "fe80::1%eth0", "a proxy's word", "")] == [
        "192.0.2.7",
        "fe80::/64",
        "",
        "",
    ]


def test_guessing_from_everywhere_is_slow_and_locks_nobody_out_for_more_than_a_minute(client, person):
    SignInTry.objects.bulk_create(
        SignInTry(who=who("admin"), address=f"192.0.2.{number}") for number in range(IN_ALL)
    )

    answer = sign_in(client, RIGHT)

    assert (answer.status_code, int(answer["Retry-After"]) <= 60) == (429, True)
    assert client.post(one_time_path(person)).status_code == 302
    sql.rows("UPDATE agents_signintry SET at = at - interval '61 s'")
    assert sign_in(Client(), RIGHT).status_code == 302


def test_a_refused_try_costs_no_hash_and_leaves_nothing(client, person, monkeypatch):
    for _ in range(10):
        sign_in(client, WRONG)
    monkeypatch.setattr(
        "django.contrib.auth.hashers.MD5PasswordHasher.encode", lambda *_: pytest.fail("it was hashed")
    )
    for _ in range(20):
        assert sign_in(client, RIGHT).status_code == 429
    assert SignInTry.objects.count() == 10


def test_tries_count_whatever_the_planner_takes_their_table_for(person):
    """The statement must use one time for all rows; otherwise each try would be counted alone."""
    address = "203.0.113.7"
    with transaction.atomic():
        SignInTry.objects.count_in("admin", address)
        transaction.set_rollback(True)
    sql.rows("ANALYZE agents_signintry")  # as autovacuum may at any time: a page, and no row in it
    for _ in range(TRIES):
        SignInTry.objects.count_in("admin", address)

    with pytest.raises(TooManyTries):
        SignInTry.objects.count_in("admin", address)


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_time_count_each_other(person):
    [answers] = race(1, *[lambda _: sign_in(Client(), WRONG).status_code] * 16)
    assert sorted(answers) == [422] * 10 + [429] * 6


@pytest.mark.parametrize("password", ["short", "password123", "5839201745", "administrator"])
def test_a_weak_password_is_refused_wherever_one_is_set(client, django_user_model, password):
    operator = django_user_model.objects.create_superuser(
        "administrator", "administrator@omoi.example", RIGHT
    )
    client.force_login(operator)
    new = {"new_password1": password, "new_password2": password}
    made = {"username": "vera", "password1": password, "password2": password, "usable_password": "true"}
    for path, fields in (
        ("/admin/password_change/", {"old_password": RIGHT, **new}),
        (
            f"/admin/auth/user/{operator.pk}/password/",
            {"password1": password, "password2": password, "usable_password": "true"},
        ),
        (
            "/admin/auth/user/add/",
            made if password != "administrator" else {**made, "username": "administrator2"},
        ),
    ):
        assert client.post(path, fields).status_code == 200, path
    operator.refresh_from_db()
    assert operator.check_password(RIGHT)


@pytest.mark.parametrize("password", ["short", "password123", "5839201745", "administrator"])
def test_a_weak_password_of_the_environment_makes_no_superuser(django_user_model, monkeypatch, password):
    def make(given):
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", given)
        call_command(
            "createsuperuser",
            interactive=False,
            username="administrator",
            email="a@omoi.example",
            verbosity=0,
        )

    with pytest.raises(CommandError, match="DJANGO_SUPERUSER_PASSWORD"):
        make(password)
    assert not django_user_model.objects.exists()

    make(RIGHT)
    assert django_user_model.objects.get().check_password(RIGHT)


def test_after_a_quarter_of_an_hour_one_may_try_again(client, person):
    for _ in range(11):
        sign_in(client, WRONG)
    sql.rows("UPDATE agents_signintry SET at = at - interval '16 min'")
    assert sign_in(client, RIGHT).status_code == 302


def test_a_right_password_forgets_the_wrong_ones(client, person):
    for _ in range(9):
        sign_in(client, WRONG)
    assert sign_in(client, RIGHT).status_code == 302
    assert not SignInTry.objects.exists()


def test_what_was_typed_as_a_name_is_not_kept(client):
    sign_in(client, WRONG, name="my password by mistake")
    assert "password" not in SignInTry.objects.get().who


def test_a_name_with_a_nul_or_of_great_length_is_refused_politely(client, person):
    assert sign_in(client, RIGHT, name="ad\0min").status_code == 422
    assert sign_in(client, RIGHT, name="a" * 5000).status_code == 422


def test_no_other_site_is_gone_to_afterwards(client, person):
    assert sign_in(client, RIGHT, next="https://elsewhere.example/")["Location"] == "/"


def test_a_preview_of_the_link_does_not_use_it_up(client, person):
    path = one_time_path(person)
    for _ in range(3):
        assert client.get(path).status_code == 200
    assert "_auth_user_id" not in client.session

    assert client.post(path)["Location"] == "/"

    assert client.session["_auth_user_id"] == str(person.pk)
    assert client.get(path).status_code == 410
    assert client.post(path).status_code == 410


def test_a_link_that_was_never_ours_says_so(client):
    assert client.get("/login/once/MQ/abc-def/").status_code == 410
    assert client.get("/login/once/___/abc/").status_code == 410


def test_signing_out_takes_a_button(client, person):
    client.force_login(person)
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/board/").status_code == 302
