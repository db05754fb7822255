"""The output of a claim so far: its holder sends it, everybody of the project reads it."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.openapi import route
from agents.api.parsing import Shape, parse, parse_query
from omoi_site.errors import NotFound
from tickets.api.claims import HeldView
from tickets.api.fields import BIGGEST_ID, FenceField
from tickets.api.tasks import the_task
from tickets.models.output.task_output import FURTHEST, MOST, NewOutput, TaskOutput


class OutputIn(Shape):
    fence = FenceField()
    offset = serializers.IntegerField(
        min_value=0,
        max_value=FURTHEST,
        help_text="how many bytes of UTF-8 of this claim's output come before this text",
    )
    text = serializers.CharField(max_length=MOST, trim_whitespace=False)


class OffsetOut(serializers.Serializer):
    offset = serializers.IntegerField(help_text="up to where it is stored: the offset of the next text")


class OutputQuery(Shape):
    attempt = serializers.IntegerField(
        min_value=0, max_value=100_000, required=False, help_text="of this attempt; without it, the newest"
    )
    after = serializers.IntegerField(
        min_value=0, max_value=BIGGEST_ID, default=0, help_text="the `offset` of the answer before"
    )


class OutputOut(serializers.Serializer):
    attempt = serializers.IntegerField()
    fence = serializers.IntegerField()
    agent = serializers.CharField(help_text="whose output it is")
    begin = serializers.IntegerField(
        help_text="where `text` begins; above `after`, what is between is not kept"
    )
    offset = serializers.IntegerField(help_text="where it ends: the next `after`")
    size = serializers.IntegerField(help_text="bytes that were sent so far")
    text = serializers.CharField(allow_blank=True)


class OutputView(HeldView):
    @route(
        "Send what the work has printed; what is stored already is left out",
        takes=OutputIn,
        gives=OffsetOut,
        refuses=(404, 409, 422),
        tag="work",
    )
    def post(self, request: Request, pk: str) -> Response:
        data, agent = parse(OutputIn, request), self.agent()
        with self.holding(pk) as task:
            new = NewOutput(task, data["fence"], data["offset"], data["text"].encode())
            return Response({"offset": TaskOutput.objects.add_one(new, by=agent)})

    @route(
        "What its work has printed; the beginning and the end are kept",
        parameters=[OutputQuery],
        gives=OutputOut,
        refuses=(404,),
        tag="tasks",
    )
    def get(self, request: Request, pk: str) -> Response:
        task, asked = the_task(self, pk), parse_query(OutputQuery, request)
        output = TaskOutput.objects.of(task, attempt=asked.get("attempt"))
        if output is None:
            raise NotFound("nothing is kept of what it has printed")
        part = output.part_after(asked["after"])
        return Response(
            {
                "attempt": output.attempt,
                "fence": output.fence,
                "agent": output.agent,
                "begin": part.place,
                "offset": part.end,
                "size": output.size,
                "text": part.text,
            }
        )
