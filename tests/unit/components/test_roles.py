"""One table of roles."""

from __future__ import annotations

from nst_core.components import LOSS_KINDS, ROLES


def test_roles_are_filed_under_their_names_and_have_titles_of_their_own():
    assert all(role.name == name for name, role in ROLES.items())
    assert len({role.title for role in ROLES.values()}) == len(ROLES)
    assert {role.source for role in ROLES.values()} <= {"content", "style", "earlier", ""}


def test_every_kind_of_loss_has_a_role_unless_it_says_another():
    assert {kind.role for kind in LOSS_KINDS} == {*ROLES} - {"temporal"}  # which a loss says


def test_losses_without_an_image_do_not_exclude_each_other():
    assert [name for name, role in ROLES.items() if not role.exclusive] == ["regularizer"]
    assert ROLES["regularizer"].source == ""
