"""Who acts and where, who is alive, what they did."""

from agents.models.actor import label, via
from agents.models.agent import Agent, AgentPresence
from agents.models.event import Event, Journaled
from agents.models.key import Key
from agents.models.project import Member, Project
from agents.models.reply import Reply

__all__ = ["Agent", "AgentPresence", "Event", "Journaled", "Key", "Member", "Project", "Reply", "label", "via"]
