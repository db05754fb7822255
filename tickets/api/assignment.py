"""The route by which a person takes a task, or an operator gives it to somebody."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.fields import ReasonField
from agents.api.openapi import IDEMPOTENCY_KEY, route
from agents.api.parsing import Shape, parse
from agents.api.view import View
from tickets.api.tasks import TaskOut, task_document, the_task
from tickets.models import Task

TO_HELP = "`me`, the name of an agent, or `user:` and the name of a person"


class AssignmentIn(Shape):
    to = serializers.CharField(max_length=170, help_text=TO_HELP)
    reason = ReasonField()


class AssignmentView(View):
    scope = "work or tickets:write"

    @route(
        "Take a task by hand, or give it to a person or an agent; whoever holds it loses the claim",
        takes=AssignmentIn,
        parameters=[IDEMPOTENCY_KEY],
        gives=TaskOut,
        refuses=(404, 409, 422),
        tag="tasks",
    )
    def post(self, request: Request, pk: str) -> Response:
        data, task = parse(AssignmentIn, request), the_task(self, pk)
        Task.objects.assign(task.pk, by=request.user, **data)
        return Response(task_document(task.pk))
