from django.urls import path

from agents.pages import views

urlpatterns = [
    path("login/", views.sign_in, name="login"),
    path("login/once/<str:uid>/<str:token>/", views.once, name="once"),
    path("admin/login/", views.admin_sign_in),
    path("logout/", views.sign_out, name="logout"),
]
