from django.urls import path

from tickets.pages.schedules import template_views, views

urlpatterns = [
    path("schedules/", views.schedules, name="schedules"),
    path("schedules/<int:pk>/", views.schedule, name="schedule"),
    path("schedules/<int:pk>/edit/", views.edit_schedule, name="edit_schedule"),
    path("schedules/<int:pk>/<slug:name>/", views.act, name="schedule_act"),
    path("new-schedule/", views.new_schedule, name="new_schedule"),
    path("templates/<int:pk>/", template_views.template, name="template"),
    path("templates/<int:pk>/edit/", template_views.edit_template, name="edit_template"),
    path("templates/<int:pk>/<slug:name>/", template_views.act, name="template_act"),
    path("new-template/", template_views.new_template, name="new_template"),
]
