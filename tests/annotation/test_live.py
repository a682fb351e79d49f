"""A live conversation: two answers to each turn, the better one goes on, and nothing is lost or said twice."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from annotation import actions, queries
from annotation.kinds import LONGEST_TURN, MOST_EXCHANGES
from annotation.models import Batch, Comparison, Conversation, Exchange, Judgment, Prompt
from guidelines.models import Acknowledgement
from raters.models import Project, Standing, User
from tests import make

SOON = timedelta(seconds=5)


@pytest.fixture
def talk(project: Project, ada: User) -> Conversation:
    """Ada in a conversation, before her first turn."""
    return make.conversation(ada, make.live_batch(project))


class TestBeginning:
    def test_a_second_tab_goes_on_with_the_same_conversation(self, project: Project, ada: User) -> None:
        batch = make.live_batch(project)

        assert make.conversation(ada, batch) == make.conversation(ada, batch)

    def test_red_teaming_is_refused_without_consent(self, project: Project, ada: User) -> None:
        batch = make.live_batch(project, kind="red_team")

        with pytest.raises(actions.NeedsConsent):
            actions.open_conversation(batch, rater=ada, consents=False, now=make.now())
        assert make.conversation(ada, batch).consented_at is not None

    def test_the_database_keeps_no_red_teaming_without_consent(self, project: Project, ada: User) -> None:
        held = make.conversation(ada, make.live_batch(project, kind="red_team"))

        with pytest.raises(IntegrityError, match="nobody_red_teams_unasked"), transaction.atomic():
            Conversation.objects.filter(pk=held.pk).update(consented_at=None)

    def test_sensitive_work_is_for_those_who_opted_in(self, project: Project, ada: User) -> None:
        batch = make.live_batch(project, is_sensitive=True)
        with pytest.raises(actions.NeedsOptIn):
            make.conversation(ada, batch)

        Standing.objects.filter(user=ada).update(sensitive_since=make.NOW)

        assert make.conversation(ada, batch).batch == batch

    def test_the_guideline_is_read_first(self, project: Project, ada: User) -> None:
        batch = make.live_batch(project)
        Acknowledgement.objects.filter(user=ada).delete()

        with pytest.raises(actions.MustReadFirst):
            make.conversation(ada, batch)

    def test_a_paused_rater_and_a_closed_batch_are_refused(self, project: Project, ada: User, cleo: User) -> None:
        batch = make.live_batch(project)
        Standing.objects.filter(user=ada).update(paused_at=make.NOW, pause_reason="Let us talk.")
        with pytest.raises(actions.Paused, match="Let us talk"):
            make.conversation(ada, batch)
        Standing.objects.filter(user=ada).update(paused_at=None)
        actions.close_batch(batch, by=cleo, now=make.now())

        with pytest.raises(actions.BatchClosed):
            make.conversation(ada, Batch.objects.get(pk=batch.pk))

    def test_a_batch_of_pairs_is_no_conversation(self, project: Project, ada: User) -> None:
        with pytest.raises(actions.NotAConversation):
            make.conversation(ada, make.batch(project))


class TestSaying:
    def test_a_turn_waits_with_all_that_was_said(self, talk: Conversation) -> None:
        make.turn(talk, "How tall is Everest?")
        first = make.offer("8,849 metres.", "Tall.")
        make.live_judgment(first, preference=-3)

        second = make.turn(talk, "And K2?")

        assert second.prompt.messages == [
            {"role": "user", "content": "How tall is Everest?"},
            {"role": "assistant", "content": first.comparison.response_a.text if first.comparison else ""},
            {"role": "user", "content": "And K2?"},
        ]
        assert (second.number, second.state, second.prompt.source) == (2, Exchange.State.WAITING, "live")

    def test_the_same_key_is_one_turn_and_other_words_are_refused(self, talk: Conversation) -> None:
        key = uuid.uuid4()
        said = actions.say(talk, text="Hello.\n", key=key, now=make.now())

        assert actions.say(talk, text="Hello.", key=key, now=make.now()) == said
        with pytest.raises(actions.TurnReused):
            actions.say(talk, text="Goodbye.", key=key, now=make.now())

    @pytest.mark.parametrize("text", ["", "  \n ", "x" * (LONGEST_TURN + 1)])
    def test_a_turn_has_words_but_not_too_many(self, talk: Conversation, text: str) -> None:
        with pytest.raises(actions.BadTurn):
            actions.say(talk, text=text, key=uuid.uuid4(), now=make.now())

    def test_one_turn_waits_at_a_time_and_answers_are_judged_first(self, talk: Conversation) -> None:
        make.turn(talk)
        with pytest.raises(actions.StillWaiting):
            make.turn(talk)
        make.offer()

        with pytest.raises(actions.JudgeFirst):
            make.turn(talk)

    def test_a_turn_without_an_answer_is_not_part_of_what_follows(self, talk: Conversation) -> None:
        make.turn(talk, "Gibberish?")
        claimed = actions.claim_exchange(now=make.now())
        assert claimed is not None
        actions.fail_exchange(claimed, token=claimed.token, reason="It cannot answer.")

        assert len(make.turn(talk, "In plain words?").prompt.messages) == 1

    def test_a_conversation_ends_somewhere(self, talk: Conversation) -> None:
        exchange = make.turn(talk)
        Exchange.objects.filter(pk=exchange.pk).update(state="failed", reason="No.", number=MOST_EXCHANGES)

        with pytest.raises(actions.TooManyTurns):
            make.turn(talk)

    def test_a_conversation_is_held_out_as_a_whole(self, talk: Conversation) -> None:
        for number in range(6):
            make.turn(talk, f"Turn {number}.")
            make.live_judgment(make.offer())

        assert Prompt.objects.filter(source="live").values("held_out").distinct().count() == 1

    def test_rounds_do_not_ask_the_model_what_conversations_said(self, project: Project, talk: Conversation) -> None:
        asked = make.prompt(project)
        make.turn(talk)

        assert list(queries.prompts_of_rounds(project)) == [asked]


class TestEnding:
    def test_at_any_point_without_a_trace_on_the_rater(self, project: Project, talk: Conversation) -> None:
        make.turn(talk)
        make.offer()
        actions.end_conversation(talk, now=make.now())
        actions.end_conversation(talk, now=make.now())

        assert talk.rater.seats.get().skipped == 0
        assert not Comparison.objects.get().is_open
        with pytest.raises(actions.ConversationEnded):
            make.turn(talk)
        assert make.conversation(talk.rater, talk.batch) != talk

    def test_a_worker_that_was_at_it_comes_too_late(self, talk: Conversation) -> None:
        make.turn(talk)
        held = actions.claim_exchange(now=make.now())
        assert held is not None
        actions.end_conversation(talk, now=make.now())

        with pytest.raises(actions.LostClaim):
            actions.fail_exchange(held, token=held.token, reason="No.")
        assert actions.claim_exchange(now=make.now()) is None

    def test_a_closed_batch_ends_the_saying_and_keeps_the_words(
        self, project: Project, talk: Conversation, cleo: User
    ) -> None:
        make.turn(talk)
        make.live_judgment(make.offer())
        actions.close_batch(talk.batch, by=cleo, now=make.now())

        with pytest.raises(actions.BatchClosed):
            make.turn(talk)
        assert Judgment.objects.count() == 1


class TestAskingAgain:
    def test_gives_a_failed_turn_its_attempts_back(self, talk: Conversation) -> None:
        exchange = make.turn(talk)
        for _ in range(3):
            make.offer("Same.", "Same.")

        actions.ask_again(exchange, now=make.now())

        assert make.offer("One.", "Two.").state == Exchange.State.OFFERED

    def test_leaves_a_worker_that_is_at_it_alone(self, talk: Conversation) -> None:
        exchange = make.turn(talk)
        held = actions.claim_exchange(now=make.NOW)
        assert held is not None

        assert actions.ask_again(exchange, now=make.NOW + SOON).token == held.token
        assert actions.ask_again(exchange, now=make.NOW + timedelta(minutes=1)).token > held.token

    def test_is_refused_when_the_answers_are_there(self, talk: Conversation) -> None:
        exchange = make.turn(talk)
        make.offer()

        with pytest.raises(actions.NothingOffered):
            actions.ask_again(exchange, now=make.now())


class TestOpeningABatch:
    def test_by_command_prints_where_raters_find_it(
        self, project: Project, olga: User, capsys: pytest.CaptureFixture[str]
    ) -> None:
        make.guideline(project)
        call_command("openlive", project="helpfulness", name="Try it", kind="red_team", sensitive=True)

        batch = Batch.objects.get(name="Try it")
        assert capsys.readouterr().out.strip().endswith(f"/p/helpfulness/live/{batch.pk}/")
        assert (batch.kind, batch.is_sensitive, batch.asks["qualities"]) == ("red_team", True, [])

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"project": "nowhere"}, "no project"),
            ({"guideline": "Another"}, "Name one guideline"),
            ({"name": "pairs"}, "of kind pairwise"),
        ],
    )
    def test_says_what_is_missing(self, project: Project, olga: User, options: dict[str, str], words: str) -> None:
        make.batch(project, name="pairs")

        with pytest.raises(CommandError, match=words):
            call_command("openlive", **{"project": "helpfulness", "name": "Try it", **options})

    def test_the_same_name_is_one_batch(self, project: Project) -> None:
        assert make.live_batch(project, name="Talk") == make.live_batch(project, name="Talk")
