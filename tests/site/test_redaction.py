"""What is removed before it is kept, and what stays."""

from __future__ import annotations

import time

import pytest

from omoi_site.redaction import REDACTED, names_secret, redact, redact_text

SECRETS = [
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2_" * 6,
    "glpat-" + "a1B2" * 5,
    "xoxb-" + "1234567890-abcdef",
    "sk-" + "proj-" + "a1B2" * 8,
    "sk_live_" + "a1B2" * 6,
    "AIza" + "a1B2-" * 7,
    "npm_" + "a1B2" * 9,
    "omoi_" + "0a1b2c3d_" + "a1B2" * 10,
    "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow-x\nabc\n-----END RSA PRIVATE KEY-----",
]


@pytest.mark.parametrize("secret", SECRETS, ids=lambda secret: secret[:8])
def test_a_known_shape_is_removed_and_the_text_around_it_stays(secret):
    assert redact_text(f"We use {secret} here") == f"We use {REDACTED} here"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("postgres://joe:hunter2@db/shop", f"postgres://{REDACTED}@db/shop"),
        ("Authorization: Bearer abcdef0123456789", f"Authorization: Bearer {REDACTED}"),
        ("DB_PASSWORD=hunter2 make", f"DB_PASSWORD={REDACTED} make"),
        ("api-key: 'letmein'", f"api-key: '{REDACTED}'"),
        ("the token: a1b2c3d4", f"the token: {REDACTED}"),
    ],
)
def test_a_secret_after_its_name_is_removed(text, left):
    assert redact_text(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Tokens are rotated every 30 days",
        "Decide about the password: shorter or longer",
        "See https://example.org/a:b and http://localhost:8000/x",
        "The key is the order's number",
        "a" * 64,  # a hash is no secret
    ],
)
def test_ordinary_words_stay(text):
    assert redact_text(text) == text


def test_what_begins_like_a_secret_again_and_again_is_read_once():
    """A text as long as may be read of a phase took minutes when each beginning looked for its end."""
    text = "eyJ-" * 250_000
    began = time.process_time()

    assert redact_text(text) == text
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("password", True),
        ("DB_PASSWORD", True),
        ("apiKey", True),
        ("x-api-key", True),
        ("clientSecret", True),
        ("HTTPAuthToken", True),
        ("Authorization", True),
        ("private_key", True),
        ("password_hash", True),
        ("session_id", True),
        ("key", False),
        ("author", False),
        ("token_url", False),
        ("secretary", False),
        ("passwordPolicy", False),
        ("id", False),
    ],
)
def test_a_key_names_a_secret_by_its_words(key, secret):
    assert names_secret(key) is secret


def test_what_stands_under_such_a_key_is_removed_at_any_depth():
    value = {"env": [{"api_key": {"a": 1}, "tokens": 812, "token": 812, "password": None}], "n": [1, True]}

    assert redact(value) == {
        "env": [{"api_key": REDACTED, "tokens": 812, "token": REDACTED, "password": None}],
        "n": [1, True],
    }
    assert value["env"][0]["api_key"] == {"a": 1}  # a copy


def test_a_value_without_an_end_in_sight_is_cut():
    value: dict = {}
    inner = value
    for _ in range(5_000):
        inner["in"] = inner = {}

    assert "[too deep]" in str(redact(value))
