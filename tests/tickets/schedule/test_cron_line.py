"""When a cron line is due, and which lines and zones are refused."""

from __future__ import annotations

import importlib.util
import zoneinfo
from datetime import timedelta
from itertools import takewhile

import pytest

from omoi_site.errors import Invalid
from tests.tickets.schedule.conftest import at
from tickets.models.schedule.cron_line import LONGEST, CronLine, zones

BERLIN, LORD_HOWE = "Europe/Berlin", "Australia/Lord_Howe"  # the second sets its clocks by half an hour


@pytest.mark.parametrize(
    ("line", "zone", "since", "due"),
    [
        ("30 2 * * *", BERLIN, "2027-03-27T12:00Z", ["28 03:00+0200", "29 02:30+0200"]),
        ("30 2 * * *", BERLIN, "2027-10-30T12:00Z", ["31 02:30+0200", "01 02:30+0100"]),
        ("0 * * * *", BERLIN, "2027-03-27T23:30Z", ["28 01:00+0100", "28 03:00+0200", "28 04:00+0200"]),
        ("0 * * * *", BERLIN, "2027-10-30T23:30Z", ["31 02:00+0200", "31 02:00+0100", "31 03:00+0100"]),
        ("15 2 * * *", LORD_HOWE, "2026-10-03T12:00Z", ["04 02:30+1100", "05 02:15+1100"]),
        ("45 1 * * *", LORD_HOWE, "2027-04-03T12:00Z", ["04 01:45+1100", "05 01:45+1030"]),
        ("0 * * * *", LORD_HOWE, "2027-04-03T13:30Z", ["04 01:00+1100", "04 02:00+1030", "04 03:00+1030"]),
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00Z", ["29 00:00+0000", "29 00:00+0000"]),
        ("@daily", BERLIN, "2026-12-31T12:00Z", ["01 00:00+0100"]),
        ("0 3 * * MON-FRI", "UTC", "2027-01-08T12:00Z", ["11 03:00+0000"]),
    ],
)
def test_when_it_is_due(line, zone, since, due):
    cron = CronLine.read(line, zone)

    found = cron.upcoming(at(since), len(due) + 1)
    assert [f"{cron.at(one):%d %H:%M%z}" for one in found[:-1]] == due
    for place, one in enumerate(found):
        assert cron.from_one(one, len(found) - place) == found[place:]


def test_in_an_hour_that_comes_twice_a_line_that_was_due_is_not_due_again():
    line = CronLine.read("30 2 * * *", BERLIN)
    second = at("2027-10-31T01:10Z")  # 02:10 for the second time

    assert line.at(line.upcoming(second, 1)[0]).day == 1


@pytest.mark.parametrize("zone", [BERLIN, LORD_HOWE])
@pytest.mark.parametrize("line", ["30 2 * * *", "0 * * * *"])
def test_the_last_of_many_are_those_at_the_end_of_all(line, zone):
    cron, since = CronLine.read(line, zone), at("2027-03-20T00:00Z")
    for days in (8, 15, 16, 40):
        upto = since + timedelta(days=days, hours=1.3)
        every = list(takewhile(upto.__ge__, cron.following(since)))

        assert cron.between(since, upto, 5) == (every[-5:], True)
        assert cron.between(since, upto, 10_000) == (every, False)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("", "write a cron line"),
        ("0 0 31 2 *", "is never due"),
        ("0 0 30,31 2 *", "is never due"),
        ("0 0 * 2 MON#5,TUE#6", "is no day of the week"),
        ("0 3 * *", "five fields, such as .*; this one has 4"),
        ("0 0 3 * * *", "seconds are not supported"),
        ("61 * * * *", "61 is no minute: 0 to 59"),
        ("* 24 * * *", "24 is no hour"),
        ("* * ? * *", r"\? is no day of the month"),
        ("٣ * * * *", "is no minute"),
        ("0 3 * *\u200b *", "⟦U\\+200B⟧ is no month"),
        ("@reboot", "there is no @reboot; there are @hourly"),
        ("*/1,* " * 30, f"at most {LONGEST} characters"),
        ("x" * 1_000_000, f"at most {LONGEST} characters"),
    ],
)
def test_a_line_that_cannot_be(line, why):
    with pytest.raises(Invalid, match=why) as refused:
        CronLine.read(line, "UTC")
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    ("zone", "why"),
    [
        ("", "name a time zone"),
        ("berlin", "did you mean Europe/Berlin"),
        ("Europe/Berln", "did you mean Europe/Berlin"),
        ("CEST", "there is no time zone CEST"),
        ("../../etc/passwd", "there is no time zone"),
        ("x" * 100_000, "there is no time zone x+…, such as Europe/Berlin"),
    ],
)
def test_a_zone_that_is_not(zone, why):
    with pytest.raises(Invalid, match=why):
        CronLine.read("@daily", zone)


@pytest.fixture
def no_zones():
    """A machine without the files of time zones."""

    def forget():
        zoneinfo.ZoneInfo.clear_cache()
        zones.cache_clear()

    zoneinfo.reset_tzpath(to=[])
    forget()
    yield
    zoneinfo.reset_tzpath()
    forget()


@pytest.mark.skipif(importlib.util.find_spec("tzdata") is not None, reason="the package brings the zones")
def test_utc_needs_no_files_of_time_zones(no_zones):
    line = CronLine.read("0 3 * * *", "UTC")
    assert line.upcoming(at("2027-01-10T03:00Z"), 1) == [at("2027-01-11T03:00Z")]

    elsewhere = CronLine("0 3 * * *", BERLIN)  # stored on another machine
    with pytest.raises(Invalid, match="there is no time zone Europe/Berlin"):
        elsewhere.upcoming(at("2027-01-10T03:00Z"), 1)
    assert elsewhere.at(at("2027-07-10T03:00Z")).isoformat() == "2027-07-10T03:00:00+00:00"
