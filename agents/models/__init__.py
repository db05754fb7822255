"""Who acts and where, who is alive, what they did."""

from agents.models.actor import label, via
from agents.models.agent import Agent, AgentPresence
from agents.models.event import Event, Journaled
from agents.models.key import Key
from agents.models.project import Member, Project

__all__ = ["Agent", "AgentPresence", "Event", "Journaled", "Key", "Member", "Project", "label", "via"]
