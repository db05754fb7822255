"""CronLine: a cron line in a time zone, and the times at which it is due.

What the clock on the wall skips or repeats is decided as Debian's cron does. A line with a fixed minute and
hour runs once: after a gap at its first instant, in an hour that comes twice the first time. A line whose
minute or hour begins with `*` runs whenever the clock shows such a time, twice if it shows it twice.
"""

from __future__ import annotations

import difflib
import functools
import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice, takewhile

from cronsim import CronSim, CronSimError

from omoi_site import field_limits
from omoi_site.errors import Faults, Invalid, short

LONGEST, ZONE_LENGTH = 100, 64
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIELDS = [
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or L for the last one"),
    ("month", "1 to 12, or JAN to DEC"),
    ("day of the week", "0 to 7, or SUN to SAT; 0 and 7 are Sunday"),
]
EXAMPLE = "such as 0 3 * * 1-5 for three o'clock on working days"
SOMEDAY = datetime(2000, 1, 1, tzinfo=UTC)
CONTINENTS = {
    *("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian"),
    "Pacific",
}
NO_ZONES = {"localtime", "Factory"}  # files beside the zones, and not the same everywhere


@dataclass(frozen=True)
class CronLine:
    text: str
    zone: str

    @classmethod
    def read(cls, text: str, zone: str) -> CronLine:
        """The line as it is stored. Raises Invalid for one that cannot be read or is never due, and for an
        unknown zone.
        """
        line, faults = cls(" ".join(text.split()), zone.strip()), Faults()
        if fault := _fault(line.text):
            faults.add("cron", fault)
        if fault := zone_fault(line.zone):
            faults.add("timezone", fault)
        faults.check()
        if not line.upcoming(SOMEDAY, 1):
            faults.add("cron", never_due(line.text))
        faults.check()
        return line

    @property
    def fields(self) -> str:
        """Its five fields, also where a word such as @daily stands for them."""
        return MACROS.get(self.text.lower(), self.text)

    @property
    def words(self) -> str:
        """What it says, in words."""
        return CronSim(self.fields, SOMEDAY).explain()

    def following(self, at: datetime) -> Iterator[datetime]:
        """When it is due after `at`, each time later than the one before. Raises Invalid where this machine
        does not know its zone.
        """
        if fault := zone_fault(self.zone):
            raise Invalid(fault, field="timezone")
        last = at
        for due in CronSim(self.fields, at.astimezone(self._zone)):
            moment = due.astimezone(UTC)
            if moment > last:  # in an hour that comes twice, its first time may be over
                yield moment
                last = moment

    def upcoming(self, at: datetime, count: int) -> list[datetime]:
        return list(islice(self.following(at), count))

    def from_one(self, due: datetime, count: int) -> list[datetime]:
        """The same from one of its times on. Kept, as a line that is due on a fifth Friday of February has to
        go through a century.
        """
        return list(_from_one(self, due, count))

    def between(self, after: datetime, upto: datetime, most: int) -> tuple[list[datetime], bool]:
        """The last `most` times after `after` and up to `upto`, in order, and whether there were more."""
        found: list[datetime] = []
        for moment in self.following(after):
            if moment > upto:
                return found, False
            if len(found) == most:
                return self._last(after, upto, most), True
            found.append(moment)
        return found, False

    def _last(self, after: datetime, upto: datetime, most: int) -> list[datetime]:
        """The same without all those before: a year of minutes costs no more than some hours."""
        back = timedelta(hours=1)
        while True:
            begin = max(after, upto - back)
            found = list(takewhile(lambda moment: moment <= upto, self.following(begin)))
            if len(found) >= most or begin == after:
                return found[-most:]
            back *= 2

    def at(self, moment: datetime) -> datetime:
        """The moment as the clocks of its zone show it; in UTC, where that is not known."""
        return moment.astimezone(self._zone if self.zone_known else UTC)

    @property
    def zone_known(self) -> bool:
        """Whether this machine knows its zone: that may be another one than where it was stored."""
        return not zone_fault(self.zone)

    @property
    def _zone(self) -> tzinfo:
        # UTC needs none of the files of time zones, which a small container does not have
        return UTC if self.zone == "UTC" else zoneinfo.ZoneInfo(self.zone)


@functools.lru_cache(maxsize=2_000)
def _from_one(line: CronLine, due: datetime, count: int) -> Sequence[datetime]:
    return line.upcoming(due - timedelta(microseconds=1), count)


def never_due(text: str) -> str:
    return f"{_quoted(text, 60)} is never due: no month that it names has such a day"


def _fault(text: str) -> str:
    """Empty if the line can be read, else what is wrong with it."""
    if not text:
        return f"write a cron line, {EXAMPLE}"
    if len(text) > LONGEST:
        return f"a cron line has at most {LONGEST} characters; this one has {len(text)}"
    if text.startswith("@"):
        return (
            ""
            if text.lower() in MACROS
            else f"there is no {_quoted(text, 30)}; there are {', '.join(MACROS)}"
        )
    fields = text.split()
    if len(fields) == 6:
        return "seconds are not supported: write five fields, from the minute to the day of the week"
    if len(fields) != 5:
        return f"a cron line has five fields, {EXAMPLE}; this one has {len(fields)}"
    for place, (name, allowed) in enumerate(FIELDS):
        alone = ["*"] * 5
        alone[place] = fields[place]
        if not _readable(" ".join(alone)):
            return f"{_quoted(fields[place], 30)} is no {name}: {allowed}"
    # each field by itself is right
    return "" if _readable(text) else never_due(text)


def _quoted(text: str, most: int) -> str:
    """What was sent, as a reader can see it."""
    return field_limits.visible(short(text, most))


def _readable(text: str) -> bool:
    try:
        CronSim(text, SOMEDAY)
    except (CronSimError, ValueError, AssertionError):  # the last of some steps in a list
        return False
    return True


def zone_fault(name: str) -> str:
    """Empty if there is such a time zone, else what is wrong, with the names that are near."""
    if name in zones():
        return ""
    if not name:
        return "name a time zone, such as Europe/Berlin or UTC"
    near = near_zones(name)
    nearest = f"; did you mean {' or '.join(near)}?" if near else ", such as Europe/Berlin or UTC"
    return f"there is no time zone {_quoted(name, ZONE_LENGTH)}{nearest}"


def near_zones(name: str) -> list[str]:
    asked = name[:ZONE_LENGTH].lower().replace(" ", "_")
    by_name = {zone.lower(): zone for zone in sorted(zones())}
    cities = {zone.rpartition("/")[2].lower(): zone for zone in sorted(zones())}
    found = [known[asked] for known in (by_name, cities) if asked in known]
    for known in (by_name, cities):
        found += [known[near] for near in difflib.get_close_matches(asked, known, n=3, cutoff=0.75)]
    return list(dict.fromkeys(found))[:3]


@functools.cache
def zones() -> frozenset[str]:
    """The names of all time zones that this machine knows."""
    return frozenset({"UTC", *zoneinfo.available_timezones()} - NO_ZONES)


@functools.cache
def offered_zones() -> Sequence[str]:
    """UTC, then those by continent and city: without the other names that some of them have."""
    return ["UTC", *sorted(zone for zone in zones() if zone.partition("/")[0] in CONTINENTS)]
