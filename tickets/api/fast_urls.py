"""The fast routes of tickets and tasks. Each has its full view in urls.py, which answers what they leave."""

from __future__ import annotations

from agents.api.fast import read, write
from tickets.api import fast_agents, fast_claims, fast_lists
from tickets.api.claims import ClaimIn, CompletionIn, FailureIn, HeartbeatIn, ProgressIn
from tickets.api.settlements import SettlementsIn

fast_routes = [
    read("agents/me", fast_agents.me),
    write("agents/me/heartbeat", fast_claims.heartbeat, takes=HeartbeatIn),
    read("events", fast_lists.events),
    read("tasks", fast_lists.tasks),
    read("tickets", fast_lists.tickets),
    write("claims", fast_claims.claim, takes=ClaimIn),
    write("settlements", fast_claims.settlements, takes=SettlementsIn),
    write("tasks/<pk>/completion", fast_claims.completion, takes=CompletionIn),
    write("tasks/<pk>/failure", fast_claims.failure, takes=FailureIn),
    write("tasks/<pk>/progress", fast_claims.progress, takes=ProgressIn),
]
