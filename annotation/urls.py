"""The rater's bench and the quality page, under a project."""

from django.urls import path

from annotation.views import bench, home, live, quality

urlpatterns = [
    path("p/<slug:slug>/", home.home, name="home"),
    path("p/<slug:slug>/rate/", bench.rate, name="rate"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/judgment/", bench.submit, name="submit"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/skip/", bench.skip, name="skip"),
    path("p/<slug:slug>/judgments/<int:judgment_id>/undo/", bench.undo, name="undo"),
    path("p/<slug:slug>/live/<int:batch_id>/", live.live, name="live"),
    path("p/<slug:slug>/live/<int:batch_id>/begin/", live.begin, name="live-begin"),
    path("p/<slug:slug>/conversations/<int:conversation_id>/", live.conversation, name="conversation"),
    path("p/<slug:slug>/conversations/<int:conversation_id>/turn/", live.say, name="live-say"),
    path("p/<slug:slug>/conversations/<int:conversation_id>/end/", live.end, name="live-end"),
    path("p/<slug:slug>/exchanges/<int:exchange_id>/since/<int:phase>/", live.look, name="live-look"),
    path("p/<slug:slug>/exchanges/<int:exchange_id>/judgment/", live.judge, name="live-judge"),
    path("p/<slug:slug>/exchanges/<int:exchange_id>/undo/", live.undo, name="live-undo"),
    path("p/<slug:slug>/exchanges/<int:exchange_id>/again/", live.again, name="live-again"),
    path("p/<slug:slug>/quality/", quality.quality, name="quality"),
]
