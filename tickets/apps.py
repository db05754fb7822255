from typing import Any

from django.apps import AppConfig


class TicketsConfig(AppConfig):
    name = "tickets"
    application_functions = (
        "omoi_approved_by",
        "omoi_approvers",
        "omoi_authors",
        "omoi_authorship",
        "omoi_behind",
        "omoi_decide",
        "omoi_decisions",
        "omoi_evidence",
        "omoi_evidence_of_phase",
        "omoi_gate_of",
        "omoi_judge",
        "omoi_latest_grant",
        "omoi_micros",
        "omoi_promote_at",
        "omoi_rank",
        "omoi_reviewer_is",
        "omoi_role",
        "omoi_shown",
        "omoi_submitted",
        "omoi_submitted_and_decided",
    )

    def ready(self) -> None:
        # models can be imported only once Django has all apps
        import tickets.gates.checks
        import tickets.models.workflow_checks  # noqa: F401  (both register their checks)
        from agents.models import Agent, Project, callbacks, event_kinds
        from agents.models.journal_changes import brings_work
        from tickets.gates import plugins
        from tickets.models import Lane, Task, Workflow
        from tickets.models.attention import kinds as attention_kinds
        from tickets.models.claim.wake_up import BRING_WORK
        from tickets.models.event_kinds import KINDS

        plugins.load()
        brings_work(*BRING_WORK)
        event_kinds.declare(KINDS)
        attention_kinds.register_all()

        @callbacks.on("project.paused")
        def lanes_follow(project: Project, *, by: Any) -> None:
            Lane.objects.follow(project)

        @callbacks.on("project.chose_workflow")
        def workflow_is_known(project: Project, *, by: Any) -> None:
            for field, names in (("workflow", [project.workflow]), ("workflows", project.workflows)):
                for name in filter(None, names):
                    Workflow.objects.latest_of(name, field=field)

        @callbacks.on("agent.quarantined")
        def quarantined_hold_nothing(agent: Agent, *, by: Any) -> None:
            Task.objects.filter(holder=agent).revoke(by=by, reason=f"{agent} was quarantined")

        @callbacks.on("agent.retired")
        def retired_hold_nothing(agent: Agent, *, by: Any) -> None:
            Task.objects.filter(holder=agent).revoke(by=by, reason=f"{agent} was retired")
