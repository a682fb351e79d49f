"""The rater's bench and the quality page, under a project."""

from django.urls import path

from annotation.views import bench, home, quality, tasks

urlpatterns = [
    path("p/<slug:slug>/", home.home, name="home"),
    path("p/<slug:slug>/rate/", bench.rate, name="rate"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/judgment/", bench.submit, name="submit"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/skip/", bench.skip, name="skip"),
    path("p/<slug:slug>/judgments/<int:judgment_id>/undo/", bench.undo, name="undo"),
    path("p/<slug:slug>/work/<int:batch_id>/", tasks.work, name="work"),
    path("p/<slug:slug>/tasks/<int:assignment_id>/answer/", tasks.submit, name="task-submit"),
    path("p/<slug:slug>/tasks/<int:assignment_id>/skip/", tasks.skip, name="task-skip"),
    path("p/<slug:slug>/tasks/<int:assignment_id>/draft/", tasks.draft, name="task-draft"),
    path("p/<slug:slug>/task-answers/<int:answer_id>/", tasks.revise, name="task-revise"),
    path("p/<slug:slug>/task-answers/<int:answer_id>/undo/", tasks.undo, name="task-undo"),
    path("p/<slug:slug>/quality/", quality.quality, name="quality"),
]
