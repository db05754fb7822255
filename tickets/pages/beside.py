"""Beside: the previous and the next ticket of the board as a person filtered it last."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from omoi_site.database import sql
from tickets.models import Ticket
from tickets.pages.board import Board
from tickets.pages.board_query import BoardQuery
from tickets.pages.last_board import last_query
from tickets.pages.views import get_ticket, page
from tickets.templatetags.addresses import ticket_address

BESIDE = sql.statement(__file__, "beside", inside="{inside}")  # `inside` is the view's own statement


def key_beside(ticket: Ticket, query: BoardQuery, step: int) -> str:
    """The key of the ticket before (-1) or after (1) this one, in the order of the board; empty at its ends.
    Folded columns are left out, but for that of the ticket.
    """
    board = Board(ticket.project, query)
    shown = [column for column in board.outline if not column.folded or column.phase == ticket.phase]
    inside, params = board.inside.order_by().values("pk").query.sql_with_params()
    asked = [[column.phase for column in shown], [column.ended for column in shown]]
    rows = sql.rows(BESIDE.replace("{inside}", inside), [*asked, *params, ticket.pk, ticket.pk])
    return (rows[0]["previous" if step < 0 else "following"] or "") if rows else ""


@page
def beside(request: HttpRequest, key: str, step: int) -> HttpResponse:
    ticket = get_ticket(request, key)
    other = key_beside(ticket, last_query(request, ticket.project), step)
    if not other:
        messages.success(
            request, f"{ticket.key} is the {'first' if step < 0 else 'last'} ticket of this view."
        )
    return redirect(ticket_address(other or ticket.key))
