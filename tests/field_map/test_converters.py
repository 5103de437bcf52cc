"""Converters: what each takes and refuses, and what holds for every value there is."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lead_connectors.field_map.converters import us_places
from lead_connectors.field_map.converters.registry import CONVERTERS
from lead_connectors.field_map.converters.us_places import _STATES
from lead_connectors.field_map.converters.values import ValueRejected, fit, is_blank, number_text, utf16_length
from lead_connectors.reject_codes import RejectCode

UTC = dt.timezone.utc
CHOICES = {"choices": ["Male", "Female", "Non-Binary"], "aliases": {"M": "Male"}}
LEADSQUARED_TIME = {"output": "%Y-%m-%d %H:%M:%S"}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "auto": [{}, {"datetime": LEADSQUARED_TIME}],
    "boolean": [{}, {"true": ["opted out"], "false": ["subscribed"]}],
    "choice": [CHOICES, {**CHOICES, "other": "keep"}],
    "date": [
        {},
        {"output": "%m-%d-%Y"},
        {"output": "%Y-%m-%d 00:00:00"},
        {"formats": ["%d.%m.%Y"], "output": "%d.%m.%Y"},
    ],
    "datetime": [{}, LEADSQUARED_TIME, {**LEADSQUARED_TIME, "timezone": "UTC"}],
    "email": [{}],
    "integer": [{}, {"minimum": 0, "maximum": 10}],
    "join": [{"separator": "; "}],
    "number": [{}, {"output": "json"}],
    "phone": [{}, {"format": "e164", "country_code": 1}, {"format": "as_is"}, {"region": "IN"}],
    "postal_code": [{}, {"pad": True}],
    "text": [{}, {"max_length": 40}],
    "timezone": [{}],
    "us_state": [{}, {"other": "keep"}],
}
EVERY = [pytest.param(name, options, id=f"{name}-{i}") for name in OPTIONS for i, options in enumerate(OPTIONS[name])]

broken_text = st.text(st.characters(categories=["Cs", "Ll", "Cc"]), min_size=1, max_size=5)
numbers = st.one_of(st.integers(), st.floats(), st.decimals())
moments = st.one_of(
    st.dates(),
    st.datetimes(),
    st.datetimes(
        timezones=st.sampled_from([UTC, dt.timezone(dt.timedelta(hours=-5)), dt.timezone(dt.timedelta(hours=14))])
    ),
)
likely = st.sampled_from(
    [
        "(212) 736-5000", "+91 90454 54045", "tel:+12127365000", "+1-2127365000x5", "1950-03-04", "03/04/1950",
        "2026-06-17 19:07:23.709+00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "yes", "F", "0", "5.0",
        "1e3", "new york", "02134-1234", "america/chicago", "EST", "a@B.Com", "male", "NaN", "Infinity", "²", "٣",
    ]
)  # fmt: skip
scalars = st.one_of(st.text(max_size=30), broken_text, likely, numbers, st.booleans(), moments, st.times())
everything = st.one_of(
    scalars,
    st.recursive(
        scalars | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=4,
    ).filter(lambda value: value is not None),
)


def convert(name: str, value: Any, **options: Any) -> Any:
    return CONVERTERS[name].convert(value, options)


def refusal(name: str, value: Any, **options: Any) -> RejectCode:
    with pytest.raises(ValueRejected) as caught:
        convert(name, value, **options)
    return caught.value.code


def test_every_converter_has_options_to_be_tested_with() -> None:
    assert set(OPTIONS) == set(CONVERTERS)
    for name, sets in OPTIONS.items():
        for options in sets:
            assert CONVERTERS[name].complaint(options) is None


def attempt(name: str, value: Any, options: dict[str, Any]) -> tuple[Any, ValueRejected | None]:
    try:
        return CONVERTERS[name].convert(value, options), None
    except ValueRejected as rejection:
        return None, rejection


@pytest.mark.parametrize(("name", "options"), EVERY)
@given(value=everything | likely)
def test_a_converter_refuses_with_its_own_error_or_returns_what_json_can_carry(
    name: str, options: dict[str, Any], value: Any
) -> None:
    result, rejection = attempt(name, value, options)
    if rejection is None:
        assert isinstance(result, (str, bool, int, float))
        assert not is_blank(result)
        json.dumps(result, allow_nan=False, ensure_ascii=False).encode()
    else:
        assert rejection.code in RejectCode
        assert rejection.reason


@pytest.mark.parametrize(("name", "options"), EVERY)
@given(value=scalars | likely)
def test_converting_twice_is_converting_once(name: str, options: dict[str, Any], value: Any) -> None:
    if name == "boolean" and options:
        return  # words of one's own stand for true and false, which are then no words
    once, rejection = attempt(name, value, options)
    if rejection is None:
        assert CONVERTERS[name].convert(once, options) == once


@pytest.mark.parametrize(("name", "options"), EVERY)
@given(tail=st.text(max_size=10), digits=st.integers(10**12, 10**18))
def test_a_reason_never_shows_the_value(name: str, options: dict[str, Any], tail: str, digits: int) -> None:
    marked = f"zq{digits}{tail}"
    for value in (marked, digits, -digits, float(digits), [marked], {marked: marked}, marked + "\ud800"):
        _, rejection = attempt(name, value, options)
        if rejection is not None:
            assert str(digits) not in str(rejection)
            assert "zq" not in str(rejection)
            assert rejection.__suppress_context__ or rejection.__context__ is None


@pytest.mark.parametrize(("name", "options"), EVERY)
@given(value=everything | likely)
def test_a_converter_leaves_its_value_alone(name: str, options: dict[str, Any], value: Any) -> None:
    before = repr(value)
    attempt(name, value, options)
    assert repr(value) == before


# Phones


@pytest.mark.parametrize("written", ["2127365000", "(212) 736-5000", "+1 212 736 5000", "1-212-736-5000", 2127365000])
def test_phone_spellings_of_one_number_are_one(written: Any) -> None:
    assert convert("phone", written) == "+1-2127365000"
    assert convert("phone", written, format="e164") == "+12127365000"


def test_phone_as_it_is_keeps_its_spelling_but_must_be_valid() -> None:
    assert convert("phone", " (212) 736-5000 x12 ", format="as_is") == "(212) 736-5000 x12"
    assert refusal("phone", "555-1234", format="as_is") is RejectCode.INVALID_VALUE


def test_phone_keeps_a_national_leading_zero() -> None:
    assert convert("phone", "+39 06 698 1234") == "+39-066981234"


def test_phone_region_is_for_numbers_without_country_code() -> None:
    assert convert("phone", "90454 54045", region="IN") == "+91-9045454045"
    assert convert("phone", "+12127365000", region="IN") == "+1-2127365000"


@pytest.mark.parametrize(
    "wrong", ["701271", "5551234567", "212-736-5000 x12", "1-800-FLOWERS", "-2127365000", "", True]
)
def test_phone_refuses_instead_of_guessing(wrong: Any) -> None:
    with pytest.raises(ValueRejected):
        convert("phone", wrong)


def test_phone_of_another_country_code() -> None:
    assert refusal("phone", "+44 20 7946 0958", country_code=1) is RejectCode.INVALID_VALUE


@given(area=st.sampled_from([212, 404, 617]), rest=st.integers(2_000_000, 9_999_999))
def test_phone_round_trip_between_forms(area: int, rest: int) -> None:
    try:
        written = convert("phone", f"{area}{rest}")
    except ValueRejected:
        assume(False)  # noqa: FBT003
    assert convert("phone", convert("phone", written, format="e164")) == written


# Dates


@pytest.mark.parametrize(
    "written",
    ["1950-03-04", "03/04/1950", "3-4-1950", "1950-03-04T23:30:00-11:00", "1950-03-04 00:00:00+00", dt.date(1950, 3, 4),
     dt.datetime(1950, 3, 4, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=14)))],
)  # fmt: skip
def test_date_is_never_shifted(written: Any) -> None:
    assert convert("date", written) == "1950-03-04"
    assert convert("date", written, output="%m-%d-%Y") == "03-04-1950"


@pytest.mark.parametrize(
    "wrong",
    ["04.03.1950", "1950-13-01", "02/30/1950", "13/01/1950", "3/4/50", "19500304", "1950", 19500304,
     "infinity", "0000-01-01",
     "1950-03-04T25:00", "1950-03-04 and more", "\uff11\uff19\uff15\uff10-03-04", True],
)  # fmt: skip
def test_date_refuses_what_no_format_says(wrong: Any) -> None:
    assert refusal("date", wrong) is RejectCode.INVALID_VALUE


def test_date_formats_replace_the_built_in_ones() -> None:
    assert convert("date", "04.03.1950", formats=["%d.%m.%Y", "%d %B %Y"]) == "1950-03-04"
    assert refusal("date", "03/04/1950", formats=["%d.%m.%Y"]) is RejectCode.INVALID_VALUE


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-06-17T19:07:23.709Z", "2026-06-17 19:07:23"),
        ("2026-06-17 19:07:23.709+00", "2026-06-17 19:07:23"),
        ("2026-06-17 19:07:23", "2026-06-17 19:07:23"),
        ("2026-06-17T19:07:23+05:30", "2026-06-17 13:37:23"),
        ("2026-06-17T19:07-0500", "2026-06-18 00:07:00"),
        ("2026-06-17", "2026-06-17 00:00:00"),
        (dt.date(2026, 6, 17), "2026-06-17 00:00:00"),
        (dt.datetime(2026, 6, 17, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))), "2026-06-16 23:00:00"),
    ],
)
def test_datetime_is_written_in_utc(written: Any, utc: str) -> None:
    assert convert("datetime", written, **LEADSQUARED_TIME) == utc


def test_datetime_without_zone_is_in_the_named_one_and_a_bare_date_in_none() -> None:
    options = {**LEADSQUARED_TIME, "timezone": "America/Chicago"}
    assert convert("datetime", "2026-06-17 19:07:23", **options) == "2026-06-18 00:07:23"
    assert convert("datetime", "2026-06-17", **options) == "2026-06-17 00:00:00"
    assert convert("datetime", "2026-06-17T19:07:23Z", **options) == "2026-06-17 19:07:23"


@given(st.dates())
def test_date_round_trip(day: dt.date) -> None:
    for output in ("%Y-%m-%d", "%m-%d-%Y", "%Y-%m-%d 00:00:00"):
        written = convert("date", day, output=output)
        assert convert("date", written) == day.isoformat()


@given(st.datetimes(min_value=dt.datetime(2, 1, 1), max_value=dt.datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001
def test_datetime_round_trip(moment: dt.datetime) -> None:
    written = convert("datetime", moment, **LEADSQUARED_TIME)
    assert written == convert("datetime", moment.isoformat(), **LEADSQUARED_TIME)
    assert written == moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat(" ")


# Booleans, numbers


@pytest.mark.parametrize("word", [True, 1, 1.0, Decimal("1.0"), "true", "TRUE", " Yes ", "y", "T", "1"])
def test_boolean_true(word: Any) -> None:
    assert convert("boolean", word) is True


@pytest.mark.parametrize("word", [False, 0, 0.0, "false", "No", "n", "f", "0"])
def test_boolean_false(word: Any) -> None:
    assert convert("boolean", word) is False


@pytest.mark.parametrize("word", ["", "maybe", 2, "on", [True], {}])
def test_boolean_refused(word: Any) -> None:
    with pytest.raises(ValueRejected):
        convert("boolean", word)


def test_boolean_with_words_of_its_own() -> None:
    words = {"true": ["Opted out", False], "false": ["subscribed"]}
    assert convert("boolean", "OPTED OUT", **words) is True
    assert convert("boolean", False, **words) is True  # noqa: FBT003
    assert refusal("boolean", "yes", **words) is RejectCode.INVALID_VALUE


@pytest.mark.parametrize(
    ("value", "whole"), [(5, 5), (5.0, 5), ("5", 5), ("5.0", 5), (" -7 ", -7), ("1e3", 1000), (Decimal("2E+2"), 200)]
)  # fmt: skip
def test_integer(value: Any, whole: int) -> None:
    assert convert("integer", value) == whole


@pytest.mark.parametrize(
    "value", [2**31, "5.5", "1,000", "$5", True, float("nan"), Decimal("1E+999999"), "1_000", "٣", []]
)
def test_integer_refused(value: Any) -> None:
    assert refusal("integer", value) is RejectCode.INVALID_VALUE


@given(st.integers(-(2**31), 2**31 - 1))
def test_integer_round_trip(whole: int) -> None:
    assert convert("integer", str(whole)) == convert("integer", float(whole)) == whole


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12))
def test_number_is_the_same_number_without_exponent(value: Decimal) -> None:
    text = convert("number", value)
    assert Decimal(text) == value
    assert "e" not in text.lower()


def test_number_forms() -> None:
    assert [convert("number", value) for value in (5.0, "1e2", "0.10", -0.0)] == ["5", "100", "0.1", "0"]
    assert [convert("number", value, output="json") for value in ("5.0", 2.5)] == [5, 2.5]
    with pytest.raises(ValueRejected):
        number_text(1e300)


# Text, choices, places


def test_text_of_anything_plain() -> None:
    assert [convert("text", value) for value in (" a b ", 5, 5.0, True, dt.date(2026, 1, 2))] == [
        "a b",
        "5",
        "5",
        "true",
        "2026-01-02",
    ]
    assert refusal("text", ["a"]) is RejectCode.INVALID_VALUE
    assert refusal("text", {"a": 1}) is RejectCode.INVALID_VALUE
    assert refusal("text", "half \ud83d") is RejectCode.INVALID_VALUE
    assert refusal("text", "abc", max_length=2) is RejectCode.TOO_LONG


@given(st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=30), st.integers(1, 20))
def test_fit_never_leaves_more_than_the_length(text: str, length: int) -> None:
    if length < utf16_length(text[0]):
        with pytest.raises(ValueRejected):
            fit(text, length, cut=True)
        return
    cut, was_cut = fit(text, length, cut=True)
    assert utf16_length(cut) <= length
    assert text.startswith(cut)
    assert was_cut == (utf16_length(text) > length)
    if was_cut:
        with pytest.raises(ValueRejected):
            fit(text, length, cut=False)


def test_length_counts_as_the_apis_do() -> None:
    assert utf16_length("añ") == 2
    assert utf16_length("🙂") == 2


def test_email() -> None:
    assert convert("email", " Ann.Lee+x@Example.COM ") == "Ann.Lee+x@example.com"
    for wrong in ("none", "a@b", "a b@c.de", "a@b@c.de", "a@c.de, d@e.fg", "<a@b.de>"):
        assert refusal("email", wrong) is RejectCode.INVALID_VALUE


def test_choice() -> None:
    assert convert("choice", "NON_binary", **CHOICES) == "Non-Binary"
    assert convert("choice", "m", **CHOICES) == "Male"
    assert refusal("choice", "unknown", **CHOICES) is RejectCode.INVALID_VALUE
    assert convert("choice", " unknown ", **CHOICES, other="keep") == "unknown"


@pytest.mark.parametrize("code", sorted(_STATES))
def test_every_state_by_code_and_name(code: str) -> None:
    assert convert("us_state", code.lower()) == convert("us_state", _STATES[code].upper()) == code


def test_state_elsewhere() -> None:
    assert refusal("us_state", "Ontario") is RejectCode.INVALID_VALUE
    assert convert("us_state", "Ontario", other="keep") == "Ontario"


@pytest.mark.parametrize(
    ("written", "code"),
    [("02134", "02134"), ("02134-1234", "02134"), ("021341234", "02134"), (2134, "02134"), (501, "00501"),
     (2134.0, "02134"),
     (21341234, "02134"), (Decimal(90210), "90210")],
)  # fmt: skip
def test_postal_code(written: Any, code: str) -> None:
    assert convert("postal_code", written) == code


@pytest.mark.parametrize("wrong", ["2134", "SW1A 1AA", "123456", 1234567890, 12, -2134, "0213x", True, "٠٢١٣٤"])
def test_postal_code_refused(wrong: Any) -> None:
    assert refusal("postal_code", wrong) is RejectCode.INVALID_VALUE


def test_postal_code_padded_on_request() -> None:
    assert convert("postal_code", "2134", pad=True) == "02134"


def test_timezone() -> None:
    assert [convert("timezone", zone) for zone in ("america/new_york", "America/New York", "est", "CST")] == [
        "America/New_York", "America/New_York", "EST", "CST"
    ]  # fmt: skip
    assert refusal("timezone", "Eastern") is RejectCode.INVALID_VALUE
    assert refusal("timezone", "localtime") is RejectCode.INVALID_VALUE


def test_timezone_on_a_machine_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    us_places._zones.cache_clear()
    monkeypatch.setattr("zoneinfo.available_timezones", set)
    try:
        assert convert("timezone", "America/New_York") == "America/New_York"
        assert convert("timezone", "pst") == "PST"
        assert refusal("timezone", "Eastern") is RejectCode.INVALID_VALUE
    finally:
        us_places._zones.cache_clear()


def test_join() -> None:
    assert convert("join", ["a", None, 5, True, " "], separator="; ") == "a; 5; true"
    assert convert("join", "a", separator=";") == "a"
    assert refusal("join", [["a"]], separator=";") is RejectCode.INVALID_VALUE
    assert refusal("join", [], separator=";") is RejectCode.REQUIRED_MISSING


def test_auto_keeps_booleans_and_writes_dates_as_the_api_wants() -> None:
    options = {"date": {"output": "%m-%d-%Y"}, "datetime": LEADSQUARED_TIME}
    assert convert("auto", True, **options) is True  # noqa: FBT003
    assert convert("auto", dt.date(2026, 1, 2), **options) == "01-02-2026"
    assert convert("auto", dt.datetime(2026, 1, 2, tzinfo=UTC), **options) == "2026-01-02 00:00:00"
    assert convert("auto", "2026-01-02", **options) == "2026-01-02"


# Options


@pytest.mark.parametrize(
    ("name", "options", "part"),
    [
        ("email", {"x": 1}, "no option 'x' (it has: none)"),
        ("phone", {"format": "us"}, "international"),
        ("phone", {"region": "us"}, "two capital letters"),
        ("phone", {"region": []}, "two capital letters"),
        ("date", {"formats": []}, "strptime"),
        ("date", {"formats": ["%d.%m."]}, "with its year"),
        ("date", {"formats": ["%Q %Y"]}, "strptime"),
        ("date", {"formats": [5]}, "strptime"),
        ("datetime", {"timezone": "Mars/Base"}, "IANA"),
        ("datetime", {"timezone": 5}, "IANA"),
        ("join", {}, "needs the option 'separator'"),
        ("join", {"separator": ""}, "at least one character"),
        ("boolean", {"true": "yes"}, "list of words"),
        ("choice", {"choices": ["a"], "aliases": {"x": 1}}, "spellings"),
        ("integer", {"minimum": True}, "whole number"),
        ("text", {"max_length": 0}, "above 0"),
        ("postal_code", {"pad": "yes"}, "true or false"),
        ("us_state", {"other": "drop"}, "reject, keep"),
    ],
)
def test_options_are_checked(name: str, options: dict[str, Any], part: str) -> None:
    complaint = CONVERTERS[name].complaint(options)
    assert complaint is not None
    assert part in complaint
