from django.urls import include, path

from tickets.pages import (
    artifact_views,
    attention,
    context_views,
    new_work,
    overview,
    repositories,
    statistics,
    version_views,
    views,
    workflow_views,
)
from tickets.pages.patterns import views as pattern_views

urlpatterns = [
    path("", overview.overview, name="overview"),
    path("board/", views.board, name="board"),
    path("attention/", attention.attention, name="attention"),
    path("agents/", include("tickets.pages.agents.urls")),
    path("tasks/", include("tickets.pages.queue.urls")),
    path("workflows/", workflow_views.workflows, name="workflows"),
    path("workflows/<str:name>/", workflow_views.workflow, name="workflow"),
    path("workflows/<str:name>/statistics/", statistics.workflow_statistics, name="workflow_statistics"),
    path("workflows/<str:name>/tickets/", version_views.workflow_tickets, name="workflow_tickets"),
    path("new-workflow/", workflow_views.new_workflow, name="new_workflow"),
    path("workflows/<str:name>/use/", new_work.use_workflow, name="use_workflow"),
    path("new-project/", new_work.new_project, name="new_project"),
    path("new-ticket/", new_work.new_ticket, name="new_ticket"),
    path("check-workflow/", workflow_views.check_workflow, name="check_workflow"),
    path("checks/", workflow_views.checks, name="checks"),
    path("patterns/", pattern_views.patterns, name="patterns"),
    path("patterns/<str:name>/", pattern_views.pattern, name="pattern"),
    path("repositories/", repositories.repositories, name="repositories"),
    path("repositories/add/", repositories.add, name="add_repository"),
    path("repositories/<int:pk>/<slug:name>/", repositories.act, name="repository_act"),
    path("", include("tickets.pages.schedules.urls")),
    path("tickets/<str:key>/", views.ticket, name="ticket"),
    path("tickets/<str:key>/artifacts/", artifact_views.artifacts, name="artifacts"),
    path("tickets/<str:key>/artifacts/<int:pk>/", artifact_views.artifact, name="artifact"),
    path(
        "tickets/<str:key>/artifacts/<int:pk>/picture/", artifact_views.show_picture, name="artifact_picture"
    ),
    path("tickets/<str:key>/artifacts/<int:pk>/compare/", artifact_views.compare, name="compare_artifacts"),
    path("tickets/<str:key>/context/", context_views.context, name="context"),
    path("tickets/<str:key>/context/compare/", context_views.compare, name="compare_context"),
    path("tickets/<str:key>/context/notes/<int:pk>/withdraw/", context_views.withdraw, name="withdraw_note"),
    path(
        "tickets/<str:key>/discoveries/<int:pk>/<slug:name>/", views.discovery_action, name="discovery_action"
    ),
    path("tickets/<str:key>/patterns/", pattern_views.choose, name="choose_pattern"),
    path("tickets/<str:key>/patterns/<slug:name>/", pattern_views.apply, name="apply_pattern"),
    path("tickets/<str:key>/<slug:name>/", views.ticket_action, name="action"),
    path("tickets/<str:key>/tasks/<int:pk>/<slug:name>/", views.task_action, name="task_action"),
]
