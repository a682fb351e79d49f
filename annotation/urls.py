"""The rater's bench and the quality page, under a project."""

from django.urls import path

from annotation.views import answers, asking, bench, home, live, quality, tasks, worker

urlpatterns = [
    path("sw.js", worker.service_worker, name="service_worker"),
    path("p/<slug:slug>/", home.home, name="home"),
    path("p/<slug:slug>/rate/", bench.rate, name="rate"),
    path("p/<slug:slug>/rate/cards/", bench.cards, name="cards"),
    path("p/<slug:slug>/rate/leases/", bench.leases, name="leases"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/judgment/", bench.submit, name="submit"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/skip/", bench.skip, name="skip"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/undo/", bench.undo, name="undo"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/draft/", bench.draft, name="draft"),
    path("p/<slug:slug>/assignments/<int:assignment_id>/source/<slug:side>/", bench.source, name="source"),
    path("p/<slug:slug>/answers/", answers.answers, name="answers"),
    path("p/<slug:slug>/answers/other/", answers.task_answers, name="task_answers"),
    path("p/<slug:slug>/answers/<int:judgment_id>/", answers.answer, name="answer"),
    path("p/<slug:slug>/answers/<int:judgment_id>/revision/", answers.revise, name="revise"),
    path("p/<slug:slug>/feedback/", home.feedback, name="feedback"),
    path("p/<slug:slug>/earnings/", home.earnings, name="earnings"),
    path("p/<slug:slug>/earnings/csv/", home.earnings_csv, name="earnings_csv"),
    path("p/<slug:slug>/work/<int:batch_id>/", tasks.work, name="work"),
    path("p/<slug:slug>/tasks/<int:assignment_id>/answer/", tasks.submit, name="task-submit"),
    path("p/<slug:slug>/tasks/<int:assignment_id>/skip/", tasks.skip, name="task-skip"),
    path("p/<slug:slug>/tasks/<int:assignment_id>/draft/", tasks.draft, name="task-draft"),
    path("p/<slug:slug>/task-answers/<int:answer_id>/", tasks.revise, name="task-revise"),
    path("p/<slug:slug>/task-answers/<int:answer_id>/undo/", tasks.undo, name="task-undo"),
    path("p/<slug:slug>/questions/", asking.questions, name="questions"),
    path("p/<slug:slug>/questions/preview/", asking.preview, name="questions-preview"),
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
