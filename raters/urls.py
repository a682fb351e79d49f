"""Where people come in."""

from django.urls import path

from raters import views

urlpatterns = [
    path("", views.front, name="front"),
    path("settings/", views.settings_page, name="settings"),
    path("p/<slug:slug>/sensitive/", views.sensitive, name="sensitive"),
    path("invitations/<str:secret>/", views.invitation, name="invitation"),
]
