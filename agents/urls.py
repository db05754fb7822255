from django.urls import path

from agents import views

urlpatterns = [
    path("login/", views.sign_in, name="login"),
    path("login/once/<str:uid>/<str:token>/", views.once, name="once"),
    path("logout/", views.sign_out, name="logout"),
]
