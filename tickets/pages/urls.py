from django.urls import path
from django.views.generic import RedirectView

from tickets.pages import views

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="board", query_string=True)),
    path("board/", views.board, name="board"),
    path("tickets/<str:key>/", views.ticket, name="ticket"),
    path("tickets/<str:key>/<slug:word>/", views.act, name="act"),
    path("tickets/<str:key>/tasks/<int:pk>/<slug:word>/", views.task_act, name="task_act"),
]
