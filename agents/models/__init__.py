"""Projects, people, agents, keys and the journal."""

from agents.models.account import Account
from agents.models.actor import Actor, label, sees_all, via
from agents.models.agent import Agent, AgentUnavailable, Retired
from agents.models.agent_presence import AgentPresence
from agents.models.agent_spec import AgentSpec
from agents.models.event import Event, Journaled, ResyncRequired
from agents.models.idempotent_reply import Reply
from agents.models.key import Key
from agents.models.member import Member
from agents.models.person import holder
from agents.models.pool import Pool
from agents.models.project import Project
from agents.models.project_spec import ProjectSpec
from agents.models.saved_view import SavedView
from agents.models.sign_in import SignInTry, TooManyTries
from agents.models.versioned import Locking, Versioned

__all__ = [
    "Account",
    "Actor",
    "Agent",
    "AgentPresence",
    "AgentSpec",
    "AgentUnavailable",
    "Event",
    "Journaled",
    "Key",
    "Locking",
    "Member",
    "Pool",
    "Project",
    "ProjectSpec",
    "Reply",
    "ResyncRequired",
    "Retired",
    "SavedView",
    "SignInTry",
    "TooManyTries",
    "Versioned",
    "holder",
    "label",
    "sees_all",
    "via",
]
