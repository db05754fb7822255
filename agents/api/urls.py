"""Addresses of projects, members, keys and events, under /api/v1/."""

from django.urls import path

from agents.api import events, keys, projects

urlpatterns = [
    path("projects", projects.ProjectsView.as_view()),
    path("projects/<str:key>", projects.ProjectView.as_view()),
    path("projects/<str:key>/pause", projects.PauseView.as_view(verb="pause")),
    path("projects/<str:key>/resume", projects.PauseView.as_view(verb="resume")),
    path("projects/<str:key>/phases/<str:phase>/pause", projects.PhasePauseView.as_view(verb="pause_phase")),
    path(
        "projects/<str:key>/phases/<str:phase>/resume", projects.PhasePauseView.as_view(verb="resume_phase")
    ),
    path("projects/<str:key>/members", projects.MembersView.as_view()),
    path("projects/<str:key>/members/<str:user>", projects.MemberView.as_view()),
    path("agents/<str:name>/keys", keys.KeysView.as_view()),
    path("agents/<str:name>/keys/<str:prefix>", keys.KeyView.as_view()),
    path("events", events.EventsView.as_view()),
]
