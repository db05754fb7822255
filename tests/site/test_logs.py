"""What a line of the log says."""

from __future__ import annotations

import json
import logging.config

import pytest

from omoi_site import logs


@pytest.fixture
def line():
    """The line that a logger of this name writes, as JSON."""

    def written(name, *words, **extra):
        shape = logs.to_stderr("INFO")["formatters"]["json"]
        formatter = logging.config.DictConfigurator({"version": 1}).configure_formatter(shape)
        logger = logging.getLogger(name)
        record = logger.makeRecord(name, logging.WARNING, "", 0, words[0], words[1:], None, extra=extra)
        return json.loads(formatter.format(record))

    return written


def test_a_line_names_what_it_is_about(line):
    said = line("tickets", "who waits on whom was stored wrongly", tasks=[7, 8], number=2)
    assert (said["event"], said["tasks"], said["number"]) == (
        "who waits on whom was stored wrongly",
        [7, 8],
        2,
    )


def test_what_a_library_adds_for_itself_is_left_out(line):
    said = line("django.request", "Not Found: %s", "/login/once/MQ/secret-token/", request=object())
    assert said["event"] == "Not Found: /login/once/MQ/…/"
    assert "request" not in said
