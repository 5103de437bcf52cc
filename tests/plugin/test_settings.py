"""Settings from files and the environment, and sentences that show no value."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from singer_sdk.exceptions import ConfigValidationError

from lead_connectors.plugin.errors import SettingsError
from lead_connectors.plugin.settings import describe_problem, settings_from_environment
from tests.plugin.probe import PREFIX, SECRET, SETTINGS, Probe, Run


def test_a_valid_configuration_runs_with_defaults(run: Run) -> None:
    result, _ = run({"api_key": SECRET, "page_size": None, "start_date": None})
    assert result.exit_code == 0
    (config,) = Probe.ran
    assert (config["api_key"], config["page_size"], config["timeout"], config["resend"]) == (SECRET, 100, 60, False)
    assert "start_date" not in config


def test_numbers_of_a_file_are_floats(run: Run) -> None:
    """The SDK reads them as Decimal."""
    run('{"api_key": "k", "timeout": 2.5, "rate_limit": {"calls": 5, "seconds": 0.5}, "field_map": {"a": "b"}}')
    (config,) = Probe.ran
    assert config["timeout"] * 0.5 == 1.25
    assert config["rate_limit"]["seconds"] + 0.25 == 0.75


def test_the_environment_gives_each_setting_its_type(run: Run) -> None:
    result, _ = run(
        {},
        "--config=ENV",
        env={
            PREFIX + "API_KEY": SECRET,
            PREFIX + "PAGE_SIZE": "7",
            PREFIX + "TIMEOUT": "2.5",
            PREFIX + "RETRIES": "null",
            PREFIX + "RESEND": "Yes",
            PREFIX + "STREAMS": '["a", "b*"]',
            PREFIX + "RATE_LIMIT": '{"calls": 5, "seconds": 1}',
        },
    )
    assert result.exit_code == 0
    (config,) = Probe.ran
    assert {name: config.get(name) for name in ("api_key", "page_size", "timeout", "retries", "resend", "streams")} == {
        "api_key": SECRET,
        "page_size": 7,
        "timeout": 2.5,
        "retries": None,
        "resend": True,
        "streams": ["a", "b*"],
    }
    assert config["rate_limit"] == {"calls": 5, "seconds": 1}


def test_a_dollar_in_dotenv_arrives_intact(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PREFIX + "API_KEY", raising=False)
    tmp_path.joinpath(".env").write_text(f"{PREFIX}API_KEY={SECRET}\n{PREFIX}PAGE_SIZE=3\n")
    monkeypatch.setenv(PREFIX + "PAGE_SIZE", "4")
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert run({}, "--config=ENV")[0].exit_code == 0
    assert (Probe.ran[0]["api_key"], Probe.ran[0]["page_size"]) == (SECRET, 4)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"page_size": 0}, "page_size must be a whole number from 1 to 100."),
        ({"page_size": 2.5}, "page_size must be a whole number from 1 to 100."),
        ({"page_size": "many"}, "page_size must be a whole number from 1 to 100."),
        ({"timeout": 0}, "timeout must be a number above 0."),
        ({"timeout": "soon"}, "timeout must be a number above 0."),
        ({"share": 2}, "share must be a number, 1 or less."),
        ({"retries": -1}, "retries must be a whole number, 0 or more."),
        ({"resend": "ture"}, "resend must be true or false."),
        ({"mode": "upsrt"}, "mode must be one of upsert, create."),
        ({"api_key": ""}, "api_key must be text, not empty."),
        ({"streams": "all"}, "streams must be a list (JSON), not empty."),
        ({"streams": [1]}, "streams.0 must be text."),
        ({"rate_limit": {"calls": 1, "second": 5}}, "rate_limit.second is not a setting; did you mean seconds?"),
        ({"rate_limit": {}}, "rate_limit.calls and rate_limit.seconds are missing: please set them."),
        ({"rate_limit": {"calls": 1}}, "rate_limit.seconds is missing: please set it."),
        ({"field_map": {"a": 7}}, "field_map.a must be of the documented form."),
        ({"never": 1}, "never must be of the documented form."),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_what_it_accepts(run: Run, wrong: dict[str, Any], sentence: str) -> None:
    result, said = run({"api_key": SECRET, **wrong})
    assert result.exit_code == 2
    assert sentence in said
    assert "Traceback" not in said
    assert SECRET not in said
    assert not Probe.ran


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_json_are_rejected(run: Run, number: str) -> None:
    result, said = run('{"api_key": "k", "timeout": ' + number + "}")
    assert result.exit_code == 2
    assert "must be a number above 0." in said or "not a JSON object" in said
    result, said = run({}, "--config=ENV", env={PREFIX + "API_KEY": "k", PREFIX + "TIMEOUT": number})
    assert result.exit_code == 2
    assert "timeout must be a number above 0." in said
    with pytest.raises(ConfigValidationError):
        Probe(config={"api_key": "k", "timeout": float(number)})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("pagesize", "pagesize is not a setting; did you mean page_size?"),
        ("PAGE_SIZE", "PAGE_SIZE is not a setting; did you mean page_size?"),
        ("Resend", "Resend is not a setting; did you mean resend?"),
        ("zzz", "zzz is not a setting."),
    ],
)
def test_an_unknown_setting_stops_the_run(run: Run, name: str, sentence: str) -> None:
    result, said = run({"api_key": SECRET, name: SECRET})
    assert result.exit_code == 2
    assert sentence in said
    assert SECRET not in said
    assert not Probe.ran


def test_all_unknown_settings_are_named_at_once(run: Run) -> None:
    limit = {"calls": 1, "seconds": 1, "secs": 5, "call": 1}
    result, said = run({"api_key": SECRET, "pagesize": 5, "modes": "x", "rate_limit": limit})
    assert result.exit_code == 2
    for name in ("pagesize", "modes", "rate_limit.secs", "rate_limit.call"):
        assert f"{name} is not a setting" in said


def test_what_runners_pass_to_every_plugin_breaks_nothing(run: Run) -> None:
    passed = {
        "pagesize": None,
        "add_record_metadata": True,
        "load_method": "append-only",
        "batch_config": {"encoding": {"format": "jsonl"}},
        "faker_config": {"seed": "1"},
        "validate_records": True,
        "stream_maps": {},
        "stream_map_config": {},
        "flattening_enabled": False,
        "flattening_max_depth": 2,
    }
    result, said = run({"api_key": SECRET, **passed})
    assert result.exit_code == 0, said
    unused = "add_record_metadata, faker_config, load_method, validate_records"
    assert f"Settings without effect in this plugin: {unused}." in said


@pytest.mark.parametrize("variable", ["RESEN", "PAGESIZE", "API_KEYS", "SOMETHING"])
def test_an_unknown_variable_stops_the_run(run: Run, variable: str) -> None:
    result, said = run({}, "--config=ENV", env={PREFIX + "API_KEY": SECRET, PREFIX + variable: "QX1"})
    assert result.exit_code == 2
    assert f"{PREFIX}{variable} is not a setting" in said
    assert "QX1" not in said
    assert not Probe.ran
    assert run({"api_key": SECRET})[0].exit_code == 0, "without ENV the environment does not count"


def test_variables_that_are_no_settings_of_this_plugin_break_nothing(run: Run) -> None:
    others = ("LOGLEVEL", "_SELECT", "_EU_API_KEY", "EU_API_KEY", "FIELD_MAP_PEOPLE_PHONE", "LOAD_METHOD", "PIP_URL")
    env = {PREFIX + "API_KEY": SECRET, **dict.fromkeys((PREFIX + name for name in others), "INFO"), "TAP_PROBED": "1"}
    result, said = run({}, "--config=ENV", env=env)
    assert result.exit_code == 0, said


def test_all_missing_settings_are_named_at_once(run: Run) -> None:
    result, said = run({"page_size": 0})
    assert result.exit_code == 2
    assert "api_key is missing: please set it." in said
    assert "page_size must be" in said


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("page_size", SECRET, "a whole number from 1 to 100"),
        ("resend", SECRET, "true or false"),
        ("rate_limit", '{"calls": ' + SECRET, "an object (JSON)"),
        ("streams", SECRET, "a list (JSON), not empty"),
        ("streams", "[" * 100_000, "a list (JSON), not empty"),
        ("page_size", "9" * 10_000, "a whole number from 1 to 100"),
    ],
)
def test_a_variable_of_the_wrong_type_is_named(run: Run, name: str, text: str, wanted: str) -> None:
    result, said = run({}, "--config=ENV", env={PREFIX + "API_KEY": "k", PREFIX + name.upper(): text})
    assert result.exit_code == 2
    assert f"{PREFIX}{name.upper()} (environment) must be {wanted}." in said
    assert text not in said


# Values that cannot be part of a sentence by chance.
marked_text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5).map(lambda text: f"QX{text}XQ")
marked = st.recursive(
    marked_text | st.integers(10**9, 10**12) | st.floats(10**9 + 0.5, 10**12, allow_nan=False) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["calls", "seconds", "other"]), inner),
    max_leaves=5,
)


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in leaves(part)]
    return [] if isinstance(value, bool) else [str(value), repr(value)]


@given(st.dictionaries(st.sampled_from(sorted(SETTINGS)), marked))
def test_no_sentence_ever_shows_a_value(config: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": SETTINGS, "required": ["api_key"], "additionalProperties": False}
    for error in Draft7Validator(schema).iter_errors(config):
        sentence = describe_problem(error)
        assert sentence
        for leaf in leaves(config):
            assert leaf not in sentence


@given(st.dictionaries(st.sampled_from(sorted(set(SETTINGS) - {"nothing"})), marked_text | marked.map(json.dumps)))
def test_no_sentence_ever_shows_a_variable(variables: dict[str, str]) -> None:
    schema = Probe.config_jsonschema
    environment = {PREFIX + name.upper(): text for name, text in variables.items()}
    sentence = ""
    try:
        found = settings_from_environment(schema, PREFIX, environment)
        assert set(found) == set(variables)
    except SettingsError as error:
        sentence = str(error)
    assert all(text not in sentence for text in variables.values() if "Q" in text or text.isdigit())


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(config=json_like)
def test_any_configuration_file_runs_or_ends_with_a_sentence(
    config: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_text(json.dumps(config))
    result = CliRunner().invoke(Probe.get_singer_command(), ["--config", str(file)])
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)


# --- files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "{", '{"api_key": "' + SECRET, "[1]", "7", "null", '"' + SECRET + '"', "[" * 100_000]
)
def test_a_file_that_is_not_a_json_object_ends_with_a_sentence(run: Run, text: str) -> None:
    result, said = run(text)
    assert result.exit_code == 2
    assert "--config: the file is not a JSON object." in said
    assert SECRET not in said


def test_a_file_that_is_missing_or_unreadable(run: Run, tmp_path: Path) -> None:
    tmp_path.joinpath("latin").write_bytes(b'{"api_key": "\xff"}')
    for path in ("no-such-file.json", str(tmp_path), str(tmp_path / "latin")):
        result, said = run({}, "--config", path)
        assert result.exit_code == 2
        assert "--config: " in said


@pytest.mark.parametrize("length", [1, 5000])
def test_settings_instead_of_a_path_are_not_shown(run: Run, length: int) -> None:
    result, said = run({}, "--config", json.dumps({"api_key": SECRET, "more": "x" * length}))
    assert result.exit_code == 2
    assert SECRET not in said
