"""The fast routes of tickets and tasks. Each has its full view in urls.py, which answers what they leave."""

from __future__ import annotations

from agents.api.fast import read, write
from tickets.api import fast_agents, fast_claims, fast_lists
from tickets.api.claims import ClaimIn, HeartbeatIn

fast_routes = [
    read("agents/me", fast_agents.me),
    write("agents/me/heartbeat", fast_claims.heartbeat, takes=HeartbeatIn),
    read("tasks", fast_lists.tasks),
    read("tickets", fast_lists.tickets),
    write("claims", fast_claims.claim, takes=ClaimIn),
]
