"""Addresses of the work, under /api/v1/."""

from django.urls import path

from tickets.api import claims

urlpatterns = [
    path("claims", claims.ClaimsView.as_view()),
    path("agents/me/heartbeat", claims.HeartbeatView.as_view()),
    path("tasks/<str:pk>/completion", claims.CompletionView.as_view()),
    path("tasks/<str:pk>/failure", claims.FailureView.as_view()),
    path("tasks/<str:pk>/progress", claims.ProgressView.as_view()),
    path("tasks/<str:pk>/release", claims.ReleaseView.as_view()),
]
