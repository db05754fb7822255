from django.urls import path

from tickets.pages.queue import bulk_views, views

app_name = "tasks"
urlpatterns = [
    path("", views.task_list, name="list"),
    path("bulk/", bulk_views.prepare, name="prepare_bulk"),
    path("bulk/<int:pk>/", bulk_views.bulk, name="bulk"),
    path("bulk/<int:pk>/<slug:name>/", bulk_views.act, name="bulk_act"),
    path("<str:key>/", views.task, name="detail"),
    path("<str:key>/output/", views.output, name="output"),
]
