from django.urls import path

from tickets.pages.agents import views

app_name = "agents"
urlpatterns = [
    path("", views.fleet_list, name="list"),
    path("pools/<str:name>/<slug:act>/", views.act_on_pool, name="pool"),
    path("<str:name>/", views.agent, name="detail"),
    path("<str:name>/<slug:act>/", views.act, name="action"),
    path("<str:name>/keys/<str:prefix>/revoke/", views.revoke_key, name="key"),
]
