"""Pages of this room."""

from django.urls import path

from snapshots import views

urlpatterns = [path("p/<slug:slug>/datasets/", views.datasets, name="datasets")]
