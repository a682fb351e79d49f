"""Where people come in."""

from django.urls import path

from raters import views

urlpatterns = [
    path("", views.front, name="front"),
    path("invitations/<str:secret>/", views.invitation, name="invitation"),
]
