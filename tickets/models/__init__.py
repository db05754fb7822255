"""The work: workflows, tickets and their history, tasks, needs, lanes, claims."""

from tickets.models.artifact import Artifact, Blob, Chunk
from tickets.models.awaited import Awaited, Relation
from tickets.models.bringing import Arrival, Backlog, Item, Words
from tickets.models.comment import Comment, Remark
from tickets.models.fleet import Match, fleet
from tickets.models.history import PhaseMove
from tickets.models.lane import Lane
from tickets.models.link import Link
from tickets.models.moves import BlockedClass, TransitionNotAllowed
from tickets.models.need import Cycle, Edge, Need
from tickets.models.settle import Handed
from tickets.models.sweep import SweepRun
from tickets.models.tally import Tally
from tickets.models.task import AgentUnavailable, CapacityFull, Claim, ClaimLost, NotReady, Outcome, Settlement, Task, TaskSpec
from tickets.models.ticket import Priority, Ticket
from tickets.models.verdict import GateClosed, Verdict
from tickets.models.workflow import UnknownWorkflow, Workflow, WorkflowPhase

__all__ = [
    "AgentUnavailable",
    "Arrival",
    "Artifact",
    "Awaited",
    "Backlog",
    "Blob",
    "BlockedClass",
    "CapacityFull",
    "Chunk",
    "Claim",
    "ClaimLost",
    "Comment",
    "Cycle",
    "Edge",
    "GateClosed",
    "Handed",
    "Item",
    "Lane",
    "Link",
    "Match",
    "Need",
    "NotReady",
    "Outcome",
    "PhaseMove",
    "Priority",
    "Relation",
    "Remark",
    "Settlement",
    "SweepRun",
    "Tally",
    "Task",
    "TaskSpec",
    "Ticket",
    "TransitionNotAllowed",
    "UnknownWorkflow",
    "Verdict",
    "Words",
    "Workflow",
    "WorkflowPhase",
    "fleet",
]
