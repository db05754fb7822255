"""Workflows, tickets and their history, tasks, needs, lanes, claims."""

from agents.models import AgentUnavailable
from tickets.models.attention.attention_count import AttentionCount
from tickets.models.attention.notice import Notice
from tickets.models.claim.claim import CapacityFull, ClaimOptions
from tickets.models.claim.fence import ClaimLost
from tickets.models.claim.granted_claim import Claim
from tickets.models.claim.latest_grant import LatestGrant
from tickets.models.claim.outcome import Outcome, Settlement
from tickets.models.claim.phase_hold import PhaseHold
from tickets.models.claim.workload import Match, fleet
from tickets.models.context.note import ContextNote
from tickets.models.context.phase_context import PhaseContext
from tickets.models.coordination.operation import Operation, OperationSpec, OthersCancelled
from tickets.models.coordination.pattern_run import PatternRequest, PatternRun
from tickets.models.discovery.discovery import AlreadyDecided, Discovery
from tickets.models.discovery.new_discovery import NewDiscovery
from tickets.models.estimate.stored_estimate import StoredEstimate
from tickets.models.figures.hourly import FiguresPlace, HourlyFigures
from tickets.models.freeze.freeze import Freeze, Frozen
from tickets.models.gate.approval import Approval
from tickets.models.gate.artifact import Artifact
from tickets.models.gate.blob import Blob, Chunk
from tickets.models.gate.check_run import CheckRun
from tickets.models.gate.new_artifact import NewArtifact
from tickets.models.gate.verdict import GateClosed, Verdict
from tickets.models.output.task_output import OutputPiece, TaskOutput
from tickets.models.queue.bulk_act import BulkAct
from tickets.models.queue.bulk_batch import BulkBatch
from tickets.models.repository import NewRepository, Repository
from tickets.models.schedule.schedule import Schedule
from tickets.models.schedule.schedule_run import ScheduleRun
from tickets.models.schedule.schedule_spec import ScheduleSpec
from tickets.models.schedule.template_spec import TemplateSpec
from tickets.models.schedule.ticket_template import TicketTemplate
from tickets.models.sweep_run import SweepRun
from tickets.models.task.counts import Tally
from tickets.models.task.dependants import DependantsUndecided
from tickets.models.task.intervene import NotReady
from tickets.models.task.lane import Lane, LaneLook
from tickets.models.task.need import Cycle, Edge, Need
from tickets.models.task.task import Task
from tickets.models.task.task_spec import TaskSpec
from tickets.models.ticket.awaited import Awaited, Relation
from tickets.models.ticket.backlog import Backlog, ImportResult, Item, RelationKinds
from tickets.models.ticket.comment import Comment, NewComment
from tickets.models.ticket.fields import BlockedClass, Priority, TransitionNotAllowed
from tickets.models.ticket.history import PhaseMove
from tickets.models.ticket.link import Link
from tickets.models.ticket.task_templates import Chosen, LaunchSpec
from tickets.models.ticket.template_launch import TemplateLaunch
from tickets.models.ticket.ticket import Ticket
from tickets.models.ticket.ticket_spec import TicketSpec
from tickets.models.validation.validation import Validation
from tickets.models.waiting.wait_sweep import WaitSweep
from tickets.models.waiting.waits import LaneWait, TaskWait, TicketWait
from tickets.models.workflow import UnknownWorkflow, Workflow, WorkflowPhase

__all__ = [
    "AgentUnavailable",
    "AlreadyDecided",
    "Approval",
    "Artifact",
    "AttentionCount",
    "Awaited",
    "Backlog",
    "Blob",
    "BlockedClass",
    "BulkAct",
    "BulkBatch",
    "CapacityFull",
    "CheckRun",
    "Chosen",
    "Chunk",
    "Claim",
    "ClaimLost",
    "ClaimOptions",
    "Comment",
    "ContextNote",
    "Cycle",
    "DependantsUndecided",
    "Discovery",
    "Edge",
    "FiguresPlace",
    "Freeze",
    "Frozen",
    "GateClosed",
    "HourlyFigures",
    "ImportResult",
    "Item",
    "Lane",
    "LaneLook",
    "LaneWait",
    "LatestGrant",
    "LaunchSpec",
    "Link",
    "Match",
    "Need",
    "NewArtifact",
    "NewComment",
    "NewDiscovery",
    "NewRepository",
    "NotReady",
    "Notice",
    "Operation",
    "OperationSpec",
    "OthersCancelled",
    "Outcome",
    "OutputPiece",
    "PatternRequest",
    "PatternRun",
    "PhaseContext",
    "PhaseHold",
    "PhaseMove",
    "Priority",
    "Relation",
    "RelationKinds",
    "Repository",
    "Schedule",
    "ScheduleRun",
    "ScheduleSpec",
    "Settlement",
    "StoredEstimate",
    "SweepRun",
    "Tally",
    "Task",
    "TaskOutput",
    "TaskSpec",
    "TaskWait",
    "TemplateLaunch",
    "TemplateSpec",
    "Ticket",
    "TicketSpec",
    "TicketTemplate",
    "TicketWait",
    "TransitionNotAllowed",
    "UnknownWorkflow",
    "Validation",
    "Verdict",
    "WaitSweep",
    "Workflow",
    "WorkflowPhase",
    "fleet",
]
