"""Sentences about mistakes."""

from __future__ import annotations

import pytest

from lead_connectors.field_map.messages import Mistakes, did_you_mean, with_full_stop
from lead_connectors.plugin.errors import SettingsError


def test_the_nearest_name_is_suggested() -> None:
    assert did_you_mean("phonenumbr", ["firstName", "phoneNumber"]) == "; did you mean 'phoneNumber'?"
    assert did_you_mean("xyzzy", ["firstName", "phoneNumber"]) == ""
    assert did_you_mean("a", []) == ""


@pytest.mark.parametrize(("text", "sentence"), [("a", "a."), ("a.", "a."), ("a?", "a?")])
def test_a_sentence_has_one_end(text: str, sentence: str) -> None:
    assert with_full_stop(text) == sentence


def note(mistakes: Mistakes, text: str) -> None:
    with mistakes.collect():
        raise SettingsError(text)


def test_mistakes_are_told_together_and_once_each() -> None:
    mistakes = Mistakes()
    mistakes.raise_all()
    note(mistakes, "one")
    with pytest.raises(SettingsError, match=r"^one$"):
        mistakes.raise_all()
    note(mistakes, "two?")
    note(mistakes, "one")
    with pytest.raises(SettingsError, match=r"^one\. two\?$"):
        mistakes.raise_all()


def test_other_errors_are_not_mistakes() -> None:
    with pytest.raises(KeyError), Mistakes().collect():
        raise KeyError
