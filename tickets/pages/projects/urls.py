from django.urls import path

from tickets.pages.projects import views

urlpatterns = [
    path("", views.projects, name="projects"),
    path("<str:key>/", views.project, name="project"),
    path("<str:key>/<slug:act>/", views.act, name="project_act"),
]
