from typing import Any

from django.apps import AppConfig


class TicketsConfig(AppConfig):
    name = "tickets"
    application_functions = (
        "omoi_approved_by",
        "omoi_follow_full",
        "omoi_full",
        "omoi_standing",
        "omoi_standing_tickets",
        "omoi_approvers",
        "omoi_authors",
        "omoi_authorship",
        "omoi_behind",
        "omoi_decide",
        "omoi_decisions",
        "omoi_error_mark",
        "omoi_evidence",
        "omoi_evidence_of_phase",
        "omoi_gate_of",
        "omoi_judge",
        "omoi_latest_grant",
        "omoi_micros",
        "omoi_moment",
        "omoi_promote_at",
        "omoi_rank",
        "omoi_reviewer_is",
        "omoi_role",
        "omoi_seconds_after",
        "omoi_shown",
        "omoi_submitted",
        "omoi_submitted_and_decided",
        "omoi_tried",
    )

    def ready(self) -> None:
        # models can be imported only once Django has all apps
        import tickets.gates.checks
        import tickets.models.workflow_checks  # noqa: F401  (both register their checks)
        from agents.models import Agent, Project, callbacks, event_kinds
        from agents.models.journal_changes import brings_work, frees_what_is_held, makes_room, rings
        from omoi_site.brokers import hints
        from tickets.gates import plugins
        from tickets.models import Lane, SweepRun, Task, Workflow
        from tickets.models.attention import kinds as attention_kinds
        from tickets.models.attention import registry
        from tickets.models.claim.wake_up import BRING_WORK, END_WAITS, HOLDS_FOR_A_TIME, MAKE_ROOM
        from tickets.models.event_kinds import KINDS
        from tickets.models.explain.nobody_else import STAND_DOWN, nobody_else
        from tickets.models.freeze.banner import FREEZES, KINDS_OF_FREEZES
        from tickets.runtime.sweep_failing import SWEEP_FAILING

        plugins.load()
        brings_work(*BRING_WORK)
        makes_room(*MAKE_ROOM)
        frees_what_is_held(*END_WAITS, where=HOLDS_FOR_A_TIME)
        rings(FREEZES, *KINDS_OF_FREEZES)
        event_kinds.declare(KINDS)
        attention_kinds.register_all()
        registry.register(SWEEP_FAILING, before="nobody_able")
        hints.listeners.append(SweepRun.note_broker)

        @callbacks.on("project.paused")
        @callbacks.on("project.limited")
        def lanes_follow(project: Project, *, by: Any) -> None:
            Lane.objects.follow(project)

        @callbacks.on("project.named_phase")
        def phase_is_known(phase: str, *, by: Any) -> None:
            Workflow.objects.expect_phases([phase])

        @callbacks.on("agent.named_phases")
        def phases_are_known(phases: set[str], *, by: Any) -> None:
            Workflow.objects.expect_phases(phases, field="phases")

        @callbacks.on("project.chose_workflow")
        def workflow_is_known(project: Project, *, by: Any) -> None:
            for field, names in (("workflow", [project.workflow]), ("workflows", project.workflows)):
                for name in filter(None, names):
                    Workflow.objects.latest_of(name, field=field)

        def who_else(verb: str) -> Any:
            return lambda agent, *, by: nobody_else(agent, verb).sentence

        for verb in STAND_DOWN:
            callbacks.on(f"agent.before_{verb}")(who_else(verb))

        @callbacks.on("agent.quarantined")
        def quarantined_hold_nothing(agent: Agent, *, by: Any) -> None:
            Task.objects.filter(holder=agent).revoke(by=by, reason=f"{agent} was quarantined")

        @callbacks.on("agent.retired")
        def retired_hold_nothing(agent: Agent, *, by: Any) -> None:
            Task.objects.filter(holder=agent).revoke(by=by, reason=f"{agent} was retired")
