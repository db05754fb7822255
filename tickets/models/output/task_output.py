"""TaskOutput: what a claim's work has printed so far, as its holder sends it, and what is kept of it after.

A place in an output is a number of bytes of UTF-8, as they were sent. A piece that was stored before is left
out, so that a repeat changes nothing; a piece that begins further on leaves a gap. Of each output the first
HEAD and the last TAIL bytes are kept, whatever was sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from django.db import models

from agents.models import Agent, Key, rights, via
from omoi_site.database import sql
from omoi_site.redaction import redact_text
from tickets.models.claim.fence import HELD_WITH_KEY, KEY_OF_HOLDER, claims_now, lost
from tickets.models.claim.progress import SHOWS_PROGRESS

HEAD, TAIL = 64 << 10, 192 << 10  # bytes that are kept
PIECE = 16 << 10  # bytes of a row
MOST = 256 << 10  # characters that are sent at once
FURTHEST = 1 << 60  # place at which something may be sent: its end is stored too
MOST_LINES = 100  # that are tried for a cut between secrets
NEAR = 8 << 10  # bytes around a cut in which a secret is looked for
KEPT = "interval '30 days'"
LOCK = sql.statement(
    __file__, "lock_outputs", held=HELD_WITH_KEY, held_key=KEY_OF_HOLDER, active=SHOWS_PROGRESS
)
STORE = sql.statement(__file__, "store_output", head=str(HEAD), tail=str(TAIL))
FORGET = sql.statement(__file__, "forget_outputs", kept=KEPT)


class NewOutput(NamedTuple):
    """What a claim has printed from a place on."""

    task: int
    fence: int
    offset: int
    data: bytes


class Outputs(models.Manager["TaskOutput"]):
    @sql.atomic
    def add(self, new: Sequence[NewOutput], *, by: Agent) -> dict[tuple[int, int], int]:
        """Store what is new of these, without secrets. Returns by task and fence up to where its output is
        stored now; a claim that is not held any more is left out.
        """
        rights.require_scope(by, "work")
        params = {
            "ids": [each.task for each in new],
            "fences": [each.fence for each in new],
            "agent": by.pk,
            "actor": by.label,
            "key": via(by),
        }
        found = {(row["task_id"], row["fence"]): row for row in sql.rows(LOCK, params)} if new else {}
        pieces: list[tuple[int, int, int, str]] = []
        sizes: dict[int, int] = {}
        for each in new:
            if (row := found.get((each.task, each.fence))) is None:
                continue
            begin, end = max(each.offset, row["size"]), each.offset + len(each.data)
            if begin < end:
                pieces += _pieces(row["id"], begin, each.data[begin - each.offset :])
                row["size"] = sizes[row["id"]] = end
        if pieces:
            outputs, places, lengths, texts = map(list, zip(*pieces, strict=True))
            stored = {"outputs": outputs, "places": places, "sizes": lengths, "texts": texts}
            sql.rows(STORE, {**stored, "grown": list(sizes), "totals": list(sizes.values())})
        return {claim: row["size"] for claim, row in found.items()}

    def add_one(self, new: NewOutput, *, by: Agent) -> int:
        """The same for one claim. Raises ClaimLost."""
        stored = self.add([new], by=by)
        if (size := stored.get((new.task, new.fence))) is None:
            Key.objects.expect_live(by)
            raise lost(claims_now([new.task], by.pk).get(new.task), new.fence)
        return size

    def of(self, task: Any, *, fence: int | None = None, attempt: int | None = None) -> TaskOutput | None:
        """The output of this claim, of the newest claim with this attempt, or of the newest that has one."""
        found = self.filter(task_id=task.pk)
        if fence is not None:
            found = found.filter(fence=fence)
        if attempt is not None:
            found = found.filter(attempt=attempt)
        return found.order_by("-fence").first()

    def fences(self, task: Any) -> Collection[int]:
        """Of the claims that have one."""
        return set(self.filter(task_id=task.pk).values_list("fence", flat=True))

    def forget(self, most: int = 1_000) -> int:
        """Delete outputs that ended long ago; returns how many."""
        return len(sql.rows(FORGET, [most]))


def _pieces(output: int, place: int, sent: bytes) -> Iterator[tuple[int, int, int, str]]:
    """Rows for these bytes. What is no UTF-8, and NUL, become U+FFFD; no letter is cut in two, and no secret
    where there are lines.
    """
    at = 0
    while at < len(sent):
        end = min(at + PIECE, len(sent))
        if end < len(sent):
            end = _line_end(sent, at, end) or _letter_end(sent, end)
        yield output, place + at, end - at, redact_text(_text(sent[at:end]))
        at = end


def _line_end(sent: bytes, at: int, end: int) -> int:
    """The last end of a line between these places, and not inside a secret; 0 if there is none."""
    for _ in range(MOST_LINES):
        end = sent.rfind(b"\n", at, end) + 1
        before, after = _text(sent[max(at, end - NEAR) : end]), _text(sent[end : end + NEAR])
        if not end or redact_text(before + after) == redact_text(before) + redact_text(after):
            return end
        end -= 1
    return 0


def _letter_end(sent: bytes, end: int) -> int:
    for back in range(4):
        if sent[end - back] & 0xC0 != 0x80:
            return end - back
    return end


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "\ufffd")


class TaskOutput(models.Model):
    """Of one claim. No foreign keys: they would lock the task's row, which claims write."""

    task_id = models.BigIntegerField()
    fence = models.BigIntegerField()
    attempt = models.PositiveIntegerField()
    agent = models.CharField(max_length=170)
    size = models.BigIntegerField(default=0, help_text="bytes that were sent")
    updated_at = models.DateTimeField(db_default=sql.ClockTimestamp())

    objects = Outputs()

    class Meta:
        indexes = [models.Index(fields=["updated_at"], name="taskoutput_age")]
        constraints = [models.UniqueConstraint(fields=["task_id", "fence"], name="taskoutput_once")]

    def __str__(self) -> str:
        return f"output of task {self.task_id} under fence {self.fence}"

    @cached_property
    def kept(self) -> int:
        """Bytes."""
        pieces = OutputPiece.objects.filter(output_id=self.pk)
        return pieces.aggregate(kept=models.Sum("size"))["kept"] or 0

    def parts(self, *, last: int | None = None) -> list[Part]:
        """What is kept, in runs without a gap; `last`: only the pieces of the last so many bytes."""
        pieces = OutputPiece.objects.filter(output_id=self.pk).order_by("place")
        if last is not None:
            pieces = pieces.filter(place__gt=self.size - last - PIECE)
        runs: list[list[OutputPiece]] = []
        for piece in pieces:
            if runs and runs[-1][-1].end == piece.place:
                runs[-1].append(piece)
            else:
                runs.append([piece])
        # joined at once: they may be many small ones
        return [Part(run[0].place, run[-1].end, "".join(piece.text for piece in run)) for run in runs]

    def part_after(self, after: int) -> Part:
        """What is kept from this place on, up to the next gap; where nothing is left, an empty part."""
        pieces = OutputPiece.objects.filter(output_id=self.pk, place__gte=after)
        found = list(pieces.order_by("place")[: MOST // PIECE])
        if (within := self._around(after)) is not None:
            found.insert(0, within)
        part = Part(after, after, "")
        for piece in found:
            if part.text and piece.place != part.end:
                break
            part = Part(part.place if part.text else piece.place, piece.end, part.text + piece.text)
        return part

    def _around(self, place: int) -> OutputPiece | None:
        """The rest of the piece that has this place inside."""
        before = OutputPiece.objects.filter(output_id=self.pk, place__lt=place).order_by("-place").first()
        if before is None or before.end <= place:
            return None
        rest = before.text.encode()[place - before.place :].decode("utf-8", "replace")
        return OutputPiece(output_id=self.pk, place=place, size=before.end - place, text=rest)

    def whole_text(self) -> str:
        """All that is kept, and how much is not."""
        return "".join([f"{gap(before, part.place)}{part.text}" for before, part in gaps(self.parts())])


@dataclass(frozen=True)
class Part:
    place: int
    end: int
    text: str


class OutputPiece(models.Model):
    output_id = models.BigIntegerField()
    place = models.BigIntegerField(help_text="bytes that were sent before it")
    size = models.PositiveIntegerField(help_text="bytes that were sent")
    text = models.TextField(help_text="without secrets, so it may be shorter")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["output_id", "place"], name="outputpiece_once")]

    def __str__(self) -> str:
        return f"{self.size} bytes from {self.place}"

    @property
    def end(self) -> int:
        return self.place + self.size


def gaps(parts: Sequence[Part]) -> Iterator[tuple[int, Part]]:
    """Each part with where the one before it ended."""
    before = 0
    for part in parts:
        yield before, part
        before = part.end


def gap(before: int, place: int) -> str:
    """What stands where bytes are missing."""
    return f"\n[… {place - before:,} bytes are not kept …]\n" if place > before else ""
