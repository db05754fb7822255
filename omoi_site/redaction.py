"""Redaction: what agents report may contain secrets by mistake; `redact` removes them before it is stored
where others read it.

It looks at the names of keys (`password`, `apiKey`, `x-auth-token`) and at the shapes of well-known keys and
tokens inside texts. A secret that has neither a name nor a shape stays.
"""

from __future__ import annotations

import re
from typing import Any

from omoi_site.errors import short
from omoi_site.field_limits import visible

REDACTED = "[redacted]"
DEPTH = 32  # levels; what is deeper is not read, and not kept
TOO_DEEP = "[too deep]"
LONGEST_LINE = 10_000  # of an error, looked at

# The words of a key, from `apiKey`, `API-KEY`, `api_key` and `HTTPAuthToken` alike.
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
SECRET_WORDS = {
    *("password", "passwords", "passwd", "pwd", "passphrase", "passcode"),
    *("secret", "secrets", "token", "tokens", "credential", "credentials"),
    *("apikey", "apikeys", "accesskey", "secretkey", "privatekey", "authtoken", "accesstoken"),
    *("authorization", "cookie", "cookies", "jwt", "bearer"),
}
# `key` and `auth` alone name many other things.
SECRET_PAIRS = {
    *(f"{word} {key}" for word in (
        "api", "access", "account", "auth", "client", "deploy", "encryption", "master", "private", "secret",
        "service", "session", "shared", "signing", "ssh", "storage",
    ) for key in ("key", "keys")),
    *("basic auth", "http auth", "connection string", "session id", "pass word"),
}  # fmt: skip
# Words after the name that still say that it is the secret itself: `password_hash`, `token_value`.
STILL = {
    "hash",
    "value",
    "values",
    "text",
    "string",
    "raw",
    "plain",
    "base",
    "encoded",
    "header",
    "env",
    "id",
}

SHORTEST = 9  # characters of a text that may show a secret: `a://b:c@d`
PRIVATE_KEY = (
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY"
    r"(?:[^-]|-(?!----)|-----(?!END))*(?:-----END[A-Z ]{0,40}-----)?"
)
# What well-known keys and tokens look like: a text that such a secret always contains, and its shape. Where
# no such text is found the shape is not tried, which makes a long text cheap.
SHAPES = [
    (text, re.compile(shape))
    for text, shape in [
        ("PRIVATE KEY", PRIVATE_KEY),
        *((name, rf"\b{name}[A-Z0-9]{{16}}\b") for name in ("AKIA", "ASIA", "AROA", "AIDA")),  # Amazon
        ("AIza", r"\bAIza[\w-]{30,60}"),  # Google
        ("ya29.", r"\bya29\.[\w.-]{20,500}"),
        *((f"gh{kind}_", rf"\bgh{kind}_[A-Za-z0-9]{{20,255}}") for kind in "pousr"),
        ("github_pat_", r"\bgithub_pat_\w{20,255}"),
        ("glpat-", r"\bglpat-[\w-]{16,100}"),
        ("xox", r"\bxox[abeprs]-[A-Za-z0-9-]{10,250}"),  # Slack
        ("sk-", r"\bsk-[\w-]{20,250}"),
        ("_live_", r"\b[rs]k_live_[A-Za-z0-9]{10,250}"),
        ("_test_", r"\b[rs]k_test_[A-Za-z0-9]{10,250}"),
        ("npm_", r"\bnpm_[A-Za-z0-9]{30,60}"),
        ("pypi-", r"\bpypi-[\w-]{30,500}"),
        ("hf_", r"\bhf_[A-Za-z0-9]{20,100}"),
        ("omoi_", r"\bomoi_[0-9a-f]{8}_[\w-]{20,100}"),
        # a JSON Web Token; it begins only where its letters begin, so that none is read again and again
        ("eyJ", r"(?<![\w-])eyJ[\w-]{8,8000}\.[\w-]{4,8000}\.[\w-]{4,2000}"),
        ("://", r"(?<=://)[^\s/:@'\"]{0,200}:[^\s/@'\"]{1,500}(?=@)"),  # the user of an address
        ("earer ", r"(?<=earer )[\w.~+/=-]{12,8000}"),
        ("asic ", r"(?<=asic )[A-Za-z0-9+/]{12,4000}={0,2}(?![A-Za-z])"),
    ]
]
# A secret after its name in a text. After a colon it must not look like a word of a sentence.
ASSIGNED = re.compile(
    r"""(?P<name>password|passwd|passphrase|secret|token|(?:api|access|private|secret)[_-]?key)
        (?P<sign>["']?[ ]{0,3}(?:=[ ]{0,3}["']?|:[ ]{0,3}["']|:[ ]{0,3}(?=[a-z]{0,100}[^a-z\s"',;.])))
        (?P<value>[^\s"',;&|<>\[\]{}()]{4,500})""",
    re.VERBOSE | re.IGNORECASE,
)


def redact(value: Any) -> Any:
    """A copy of a JSON value without secrets: each is replaced by `[redacted]`."""
    return _redact(value, 0)


def redact_text(text: str) -> str:
    """A text without the secrets that it shows by their shape or after their name."""
    if len(text) < SHORTEST:
        return text
    for part, shape in SHAPES:
        if part in text:
            text = shape.sub(REDACTED, text)
    lower = text.lower()
    if not any(word in lower for word in ("pass", "secret", "token", "key")):
        return text
    return ASSIGNED.sub(lambda found: f"{found['name']}{found['sign']}{REDACTED}", text)


def error_line(error: BaseException) -> str:
    """The first line of an error, for everybody to read, and the name of its class if it says nothing. In the
    lines after it PostgreSQL shows the contents of rows; they belong in the log. Letters that cannot be seen,
    some of which cannot be stored either, are shown by their numbers.
    """
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return short(visible(redact_text(lines[0][:LONGEST_LINE])))


def names_secret(key: str) -> bool:
    """Whether what stands under this key is a secret."""
    words = [word.lower() for word in WORD.findall(key[:200])]
    while words and (words[-1] in STILL or words[-1].isdigit()):
        if f"{words[-2] if len(words) > 1 else ''} {words[-1]}" in SECRET_PAIRS:
            return True
        words.pop()
    if not words:
        return False
    return words[-1] in SECRET_WORDS or " ".join(words[-2:]) in SECRET_PAIRS


def _redact(value: Any, level: int) -> Any:
    match value:
        case str():
            return redact_text(value)
        case dict() | list() if level >= DEPTH:
            return TOO_DEEP
        case dict():
            return {redact_text(str(key)): _under(str(key), inner, level) for key, inner in value.items()}
        case list() | tuple():
            return [_redact(inner, level + 1) for inner in value]
    return value


def _under(key: str, value: Any, level: int) -> Any:
    # what hides nothing stays; numbers of tokens are counted everywhere
    counted = isinstance(value, int | float) and "tokens" in key.lower()
    if value in (None, "", True, False) or counted or not names_secret(key):
        return _redact(value, level + 1)
    return REDACTED
