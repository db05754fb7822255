"""Addresses of the work, under /api/v1/."""

from django.urls import path

from tickets.api import agents, artifacts, claims, comments, gate, graph, imports, needs, settlements, tasks, tickets, workflows

ENDED = "only an open task can be cancelled"
LIVE = "only a failed or cancelled task can be retried"

urlpatterns = [
    path("imports", imports.ImportsView.as_view()),
    path("claims", claims.ClaimsView.as_view()),
    path("settlements", settlements.SettlementsView.as_view()),
    path("agents", agents.AgentsView.as_view()),
    path("agents/me", agents.MeView.as_view()),
    path("agents/me/heartbeat", claims.HeartbeatView.as_view()),
    path("agents/search", agents.SearchView.as_view()),
    path("agents/best-fit", agents.BestFitView.as_view()),
    path("agents/statistics", agents.StatisticsView.as_view()),
    path("agents/<str:name>", agents.AgentView.as_view()),
    path("agents/<str:name>/availability", agents.AvailabilityView.as_view()),
    path("agents/<str:name>/drain", agents.StandDownView.as_view(verb="drain")),
    path("agents/<str:name>/quarantine", agents.StandDownView.as_view(verb="quarantine")),
    path("agents/<str:name>/retire", agents.StandDownView.as_view(verb="retire")),
    path("tasks", tasks.TasksView.as_view()),
    path("tasks/<str:pk>", tasks.TaskView.as_view()),
    path("tasks/<str:pk>/explain", tasks.TaskExplainView.as_view()),
    path("tasks/<str:pk>/cancellation", tasks.TaskActView.as_view(verb="cancel", refusal=ENDED)),
    path("tasks/<str:pk>/retry", tasks.TaskActView.as_view(verb="retry", refusal=LIVE)),
    path("tasks/<str:pk>/bump", tasks.TaskActView.as_view(verb="bump", refusal="only an open task can be bumped")),
    path("tasks/<str:pk>/completion", claims.CompletionView.as_view()),
    path("tasks/<str:pk>/failure", claims.FailureView.as_view()),
    path("tasks/<str:pk>/progress", claims.ProgressView.as_view()),
    path("tasks/<str:pk>/release", claims.ReleaseView.as_view()),
    path("tickets", tickets.TicketsView.as_view()),
    path("tickets/<str:key>", tickets.TicketView.as_view()),
    path("tickets/<str:key>/explain", tickets.TicketExplainView.as_view()),
    path("tickets/<str:key>/pause", tickets.TicketActView.as_view(verb="pause")),
    path("tickets/<str:key>/resume", tickets.TicketActView.as_view(verb="resume")),
    path("tickets/<str:key>/archive", tickets.TicketActView.as_view(verb="archive")),
    path("tickets/<str:key>/restore", tickets.TicketActView.as_view(verb="restore")),
    path("tickets/<str:key>/tasks", needs.TicketTasksView.as_view()),
    path("tickets/<str:key>/edges", needs.EdgesView.as_view()),
    path("tickets/<str:key>/edges/<str:pk>", needs.EdgeView.as_view()),
    path("tickets/<str:key>/graph", graph.GraphView.as_view()),
    path("tickets/<str:key>/gate", gate.GateView.as_view()),
    path("tickets/<str:key>/gate/evaluations", gate.EvaluationsView.as_view()),
    path("tickets/<str:key>/artifacts", artifacts.ArtifactsView.as_view()),
    path("tickets/<str:key>/artifacts/<str:pk>", artifacts.ArtifactView.as_view()),
    path("tickets/<str:key>/artifacts/<str:pk>/content", artifacts.ContentView.as_view()),
    path("tickets/<str:key>/comments", comments.CommentsView.as_view()),
    path("tickets/<str:key>/transitions", tickets.TransitionsView.as_view()),
    path("tickets/<str:key>/history", tickets.HistoryView.as_view()),
    path("workflows", workflows.WorkflowsView.as_view()),
    path("workflows/schema", workflows.SchemaView.as_view()),
    path("workflows/<str:name>", workflows.WorkflowView.as_view()),
    path("workflows/<str:name>/versions", workflows.VersionsView.as_view()),
]
