"""People: how they come in, what they may do, and that nothing of it is forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from raters import actions, queries
from raters.models import AuditEntry, Membership, Project, Role, Standing, User
from tests import make


class TestCreateOwner:
    def test_makes_the_project_and_its_owner(self, db: None) -> None:
        membership = actions.create_owner(
            email="Olga@Example.org", name="Olga", password=make.PASSWORD, project_name="Tare", slug="tare"
        )

        assert (membership.user.email, membership.role) == ("olga@example.org", Role.OWNER)

    def test_refuses_a_second_account_for_one_address(self, olga: User) -> None:
        with pytest.raises(actions.AlreadyThere):
            actions.create_owner(email=olga.email, name="Olga", password=make.PASSWORD, project_name="x", slug="x")

    def test_refuses_a_password_everybody_uses(self, db: None) -> None:
        with pytest.raises(actions.WeakPassword):
            actions.create_owner(email="o@example.org", name="O", password="password", project_name="x", slug="x")


class TestInvitations:
    def test_let_a_person_in_with_the_role_that_was_meant(self, project: Project, olga: User) -> None:
        _, secret = actions.invite(project, email="new@example.org", role=Role.LEAD, by=olga, now=make.NOW)

        user = actions.accept_invitation(secret, name="New", password=make.PASSWORD, now=make.NOW)

        assert queries.roles_in(project, user) == {Role.LEAD}

    def test_work_once(self, project: Project, olga: User) -> None:
        _, secret = actions.invite(project, email="new@example.org", role=Role.LEAD, by=olga, now=make.NOW)
        actions.accept_invitation(secret, name="New", password=make.PASSWORD, now=make.NOW)

        with pytest.raises(actions.NotInvited):
            actions.accept_invitation(secret, name="Again", password=make.PASSWORD, now=make.NOW)

    def test_end_after_72_hours(self, project: Project, olga: User) -> None:
        _, secret = actions.invite(project, email="new@example.org", role=Role.LEAD, by=olga, now=make.NOW)

        with pytest.raises(actions.NotInvited):
            actions.accept_invitation(
                secret, name="Late", password=make.PASSWORD, now=make.NOW + timedelta(hours=72, seconds=1)
            )

    def test_keep_only_the_hash_of_their_secret(self, project: Project, olga: User) -> None:
        invitation, secret = actions.invite(project, email="n@example.org", role=Role.RATER, by=olga, now=make.NOW)

        assert secret not in str(invitation.__dict__)

    def test_do_not_join_an_account_to_whoever_holds_the_link(self, project: Project, olga: User, ada: User) -> None:
        _, secret = actions.invite(project, email=ada.email, role=Role.LEAD, by=olga, now=make.NOW)

        with pytest.raises(actions.AlreadyThere):
            actions.accept_invitation(secret, name="Not Ada", password="another passphrase", now=make.NOW)

    def test_give_someone_with_an_account_another_role(self, project: Project, olga: User, ada: User) -> None:
        _, secret = actions.invite(project, email=ada.email, role=Role.LEAD, by=olga, now=make.NOW)

        actions.accept_invitation(secret, name="Ada", password=make.PASSWORD, now=make.NOW)

        assert queries.roles_in(project, ada) == {Role.RATER, Role.LEAD}


class TestPanels:
    def test_split_the_raters_in_halves(self, project: Project) -> None:
        for _ in range(6):
            make.user("", Role.RATER, project=project)

        panels = list(Standing.objects.filter(project=project).values_list("panel", flat=True))
        assert sorted(panels) == [0, 0, 0, 1, 1, 1]


class TestLeaving:
    def test_refuses_to_leave_a_project_without_an_owner(self, project: Project, olga: User) -> None:
        with pytest.raises(actions.LastOwner):
            actions.leave(Membership.objects.get(user=olga, role=Role.OWNER), by=olga)


class TestTokens:
    def test_are_kept_as_a_hash(self, project: Project, emil: User) -> None:
        token, secret = actions.make_token(project, user=emil, name="ci", scopes=["runs:read"], now=make.NOW)

        assert secret not in str(token.__dict__)
        assert queries.token_by(secret) == token

    def test_refuse_a_scope_that_does_not_exist(self, project: Project, emil: User) -> None:
        with pytest.raises(actions.UnknownScope, match="weights:steal"):
            actions.make_token(project, user=emil, name="ci", scopes=["weights:steal"], now=make.NOW)


class TestAuditLog:
    def test_says_who_made_a_token(self, project: Project, emil: User) -> None:
        actions.make_token(project, user=emil, name="ci", scopes=[], now=make.NOW)

        assert AuditEntry.objects.filter(project=project, actor=emil, action="token.made").exists()

    @pytest.mark.parametrize("change", ["update", "delete"])
    def test_cannot_be_rewritten(self, project: Project, emil: User, change: str) -> None:
        entry = actions.note(project, actor=emil, action="x", subject="y")
        rows = AuditEntry.objects.filter(pk=entry.pk)

        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete() if change == "delete" else rows.update(action="z")


class TestFront:
    def test_sends_an_engineer_to_the_training_loop_even_if_they_rate(self, project: Project, emil: User) -> None:
        actions.join(project, emil, role=Role.RATER)

        assert queries.front_of(emil) == (project, Role.ENGINEER)

    def test_knows_nobody_without_a_membership(self, db: None) -> None:
        assert queries.front_of(make.user("nobody")) is None
