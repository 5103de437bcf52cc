"""A whole target in the process, with a destination that needs no API: messages, STATE, exit codes, --check."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from singer_sdk import typing as th
from singer_sdk.exceptions import ConfigValidationError
from typing_extensions import override

from lead_connectors.delivery.destination import Destination, FittedMap
from lead_connectors.delivery.errors import InputError, PersonNeededError, RecordBeforeSchemaError
from lead_connectors.delivery.json_line import parse_line
from lead_connectors.delivery.outcome import rejected
from lead_connectors.delivery.settings import default_country_setting, delivery_settings
from lead_connectors.delivery.target import DeliveryTarget
from lead_connectors.field_map.builtin import BuiltinMap, BuiltinMaps
from lead_connectors.field_map.field_map import FieldMap
from lead_connectors.http.errors import TransientError
from lead_connectors.http.quota import Quota
from lead_connectors.plugin.errors import SettingsError
from lead_connectors.reject_codes import RejectCode
from tests.delivery.fake_destination import FakeDestination
from tests.scripted_session import ScriptedSession

MAP = {"people": {"Email": "mail", "DoNotCall": "dnc"}}


class FakeTarget(DeliveryTarget):
    """A target whose destination the test holds in its hands."""

    name = "target-fake"
    fake: ClassVar[FakeDestination]
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        *delivery_settings(
            vendor="Fake",
            api_url="http://127.0.0.1:9",
            max_rows=10,
            rows_help="10.",
            max_in_flight=2,
            rate_limit={"calls": 100, "seconds": 1},
            opt_out_fields=("DoNotCall",),
        ),
        default_country_setting(),
    ).to_dict()

    @property
    @override
    def account(self) -> str:
        return "fake"

    @override
    def make_destination(self, quota: Quota) -> Destination:
        return self.fake


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeDestination:
    found = FakeDestination()
    found.session = ScriptedSession()
    monkeypatch.setattr(FakeTarget, "fake", found, raising=False)
    monkeypatch.chdir(tmp_path)
    return found


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the target logs; pytest's own handler misses it where the SDK has set logging up."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    logger = logging.getLogger(FakeTarget.name)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield text
    logger.removeHandler(handler)
    logger.setLevel(level)


def target(**settings: Any) -> FakeTarget:
    return FakeTarget(config={"field_map": MAP, "report_path": "report.json", **settings})


def messages(*records: Mapping[str, Any], stream: str = "people") -> str:
    schema = {"type": "object", "properties": {"id": {}, "mail": {}, "dnc": {}, "extra": {}}}
    lines: list[Any] = [{"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": ["id"]}]
    for count, record in enumerate(records, 1):
        lines += [{"type": "RECORD", "stream": stream, "record": record}, {"type": "STATE", "value": {"n": count}}]
    return "".join(json.dumps(line) + "\n" for line in lines)


def person(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "mail": f"p{number}@example.com", **more}


def counts(stream: str = "people") -> dict[str, Any]:
    report = json.loads(Path("report.json").read_text())
    return {name: value for name, value in report["streams"][stream].items() if value}


def test_records_become_leads_and_the_last_state_is_written(
    fake: FakeDestination, capsys: pytest.CaptureFixture[str]
) -> None:
    target().deliver(io.StringIO(messages(person(1), person(2, dnc="yes"))))
    assert fake.calls == [[{"Email": "p1@example.com"}, {"Email": "p2@example.com", "DoNotCall": True}]]
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1] == {"n": 2}
    assert counts() == {"read": 2, "accepted": 2}


def test_a_stream_that_nobody_asked_for_is_skipped_and_named_once(fake: FakeDestination, log: io.StringIO) -> None:
    text = messages(person(1), person(2), stream="others")
    target().deliver(io.StringIO(text + text + messages()))
    assert counts("others") == {"read": 4, "skipped": 4}
    assert fake.calls == []
    assert log.getvalue().count("set streams: [others]") == 1


def state(**value: Any) -> str:
    return json.dumps({"type": "STATE", "value": value}) + "\n"


@pytest.mark.parametrize("dry_run", [False, True])
def test_where_nothing_was_asked_for_the_run_ends_with_exit_code_2_and_no_state(
    fake: FakeDestination, capsys: pytest.CaptureFixture[str], *, dry_run: bool
) -> None:
    text = messages(person(1), stream="others") + messages(*map(person, range(200)), stream="more") + state(n=7)
    with pytest.raises(SettingsError, match=r"set streams: \[more, others\]") as caught:
        target(dry_run=dry_run).deliver(io.StringIO(text))
    assert caught.value.exit_code == 2
    assert capsys.readouterr().out == ""
    assert fake.calls == []
    assert counts("more") == {"read": 200, "skipped": 200}
    assert json.loads(Path("report.json").read_text())["exit_code"] == 2


def test_a_wanted_stream_that_comes_late_releases_the_state(capsys: pytest.CaptureFixture[str]) -> None:
    text = messages(*map(person, range(200)), stream="others")
    target().deliver(io.StringIO(text + messages(person(1)) + state(n="end")))
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()][-1] == {"n": "end"}


@pytest.mark.parametrize("text", ["", state(n=1)])
def test_a_run_without_streams_is_good(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    target().deliver(io.StringIO(text))
    assert capsys.readouterr().out.count("n") == bool(text)


def test_the_test_record_of_meltano_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    target().deliver(io.StringIO(messages(person(1), stream="meltano_test_stream")))
    assert counts("meltano_test_stream") == {"read": 1, "skipped": 1}
    assert capsys.readouterr().out != ""


def test_a_map_of_a_stream_that_never_came_is_named_with_those_that_did(log: io.StringIO) -> None:
    field_map = {"*": {"Email": "mail"}, "poeple": {"Email": "mail"}, "people": {"Name": "extra"}}
    text = messages(person(1)) + messages(person(2), stream="others")
    target(field_map=field_map).deliver(io.StringIO(text + text))
    sentence = "field_map.poeple: no stream of this run has this name. Its streams were: others, people."
    assert log.getvalue().count(sentence) == 1
    assert "field_map.people:" not in log.getvalue()


def test_what_is_not_mapped_is_named_once_and_a_changed_schema_is_mapped_anew(
    fake: FakeDestination, log: io.StringIO
) -> None:
    changed = messages(person(2, extra=1)).replace('"extra": {}', '"Extra2": {}')
    target().deliver(io.StringIO(messages(person(1)) * 2 + changed))
    assert log.getvalue().count("not mapped and not sent: id, extra.") == 1
    assert log.getvalue().count("not mapped and not sent: id, Extra2.") == 1
    assert sum(len(call) for call in fake.calls) == 2, "the same record twice is one lead"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"type": "SCHEMA", "stream": "people", "schema": {}}\n', InputError),
        ('{"type": "RECORD", "stream": "people"}\n', InputError),
        ('{"type": "RECORD", "stream": "people", "record": {"mail": "Secret"}}\n', RecordBeforeSchemaError),
        ('{"type": "STATE"}\n', InputError),
        ('{"type": "BATCH", "stream": "people", "manifest": ["Secret"]}\n', InputError),
    ],
)
def test_a_message_that_cannot_be_taken_stops_the_run_with_its_line(text: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as caught:
        target().deliver(io.StringIO(text))
    assert "Secret" not in str(caught.value)
    assert json.loads(Path("report.json").read_text())["exit_code"] == 1


def test_a_fault_ends_the_run_and_everything_is_accounted_for(
    fake: FakeDestination, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.error = TransientError("gone")
    with pytest.raises(TransientError):
        target().deliver(io.StringIO(messages(person(1), person(2))))
    assert counts() == {"read": 2, "unsent": 2}
    assert capsys.readouterr().out == ""


def test_an_open_opt_out_is_exit_code_3_and_its_record_a_reject(fake: FakeDestination) -> None:
    fake.outcome_of = lambda _: rejected(RejectCode.API_REJECTED)
    with pytest.raises(PersonNeededError) as caught:
        target().deliver(io.StringIO(messages(person(1, dnc=True))))
    assert caught.value.exit_code == 3
    (path,) = Path("rejects/target-fake").glob("people-*.singer")
    assert b'"_sdc_reject_code":"api_rejected"' in path.read_bytes()


def test_a_wrong_map_is_found_before_the_first_record(fake: FakeDestination) -> None:
    with pytest.raises(SettingsError, match=r"field_map\.people\.Email"):
        target(field_map={"people": {"Email": {"property": "a", "value": 1}}}).deliver(io.StringIO(""))
    assert fake.calls == []
    assert json.loads(Path("report.json").read_text())["exit_code"] == 2


def test_singers_own_columns_cannot_be_mapped() -> None:
    text = messages(person(1)).replace('"extra": {}', '"_sdc_extracted_at": {}')
    with pytest.raises(SettingsError, match="_sdc_extracted_at"):
        target(field_map={"people": {"Email": "_sdc_extracted_at"}}).deliver(io.StringIO(text))


def test_a_dry_run_counts_each_field_and_sends_nothing(fake: FakeDestination, log: io.StringIO) -> None:
    target(dry_run=True).deliver(io.StringIO(messages(person(1), person(2, dnc=True))))
    assert counts() == {"read": 2, "unsent": 2}
    assert "mail -> Email" in log.getvalue()
    assert "filled in 2" in log.getvalue()
    assert fake.calls == []


def test_a_dry_run_counts_on_when_a_schema_changes(log: io.StringIO) -> None:
    changed = messages(person(2, mail=None), person(3, dnc=True)).replace('"extra": {}', '"more": {}')
    field_map = {"people": MAP["people"], "*": {"Extra": "extra", "More": "more"}}
    target(dry_run=True, field_map=field_map).deliver(io.StringIO(messages(person(1, extra="x")) + changed))
    lines = [line for line in log.getvalue().splitlines() if "Dry run, stream people" in line]
    assert [line.partition("people: ")[2] for line in lines] == [
        "mail -> Email (auto; auto): filled in 2, rejected in 0",
        "dnc -> DoNotCall (auto; boolean): filled in 1, rejected in 0",
        "extra -> Extra (auto; auto): filled in 1, rejected in 0",
        "more -> More (auto; auto): filled in 0, rejected in 0",
    ]


@pytest.mark.parametrize("keys", ["id", [["id"]], [1], {"id": 1}])
def test_key_properties_that_are_no_names_stop_the_run_with_their_line(keys: Any) -> None:
    text = messages(person(1)).replace('"key_properties": ["id"]', f'"key_properties": {json.dumps(keys)}')
    with pytest.raises(InputError, match="Line 1 of the input is a SCHEMA whose key_properties are no list of names"):
        target().deliver(io.StringIO(text))


@pytest.mark.parametrize(
    "stream_maps",
    [{"people": {"mail": "mail +"}}, {"people": {"__else__": "x"}}, {"people": {"mail": "nobody(mail"}}],
)
def test_a_wrong_stream_map_is_a_wrong_setting(stream_maps: Any) -> None:
    with pytest.raises((SettingsError, ConfigValidationError)) as caught:
        target(stream_maps=stream_maps).deliver(io.StringIO(messages(person(1))))
    if isinstance(caught.value, SettingsError):
        assert "stream_maps.people" in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"default_country": "XX"}, "default_country must be a country of two capital letters, as US."),
        ({"rejects_path": ""}, "rejects_path must be text, not empty."),
        ({"rejects_path": ["a"]}, "rejects_path must be text, not empty."),
        ({"report_path": {"a": 1}}, "report_path must be text."),
        ({"ledger_path": "~nobody-of-this-name/ledger"}, "ledger_path must be a path."),
        ({"report_path": "a\0b"}, "report_path must be a path."),
        ({"request_timeout": 1e300}, "request_timeout must be a number above 0, 86400 or less."),
        ({"rate_limit": {"calls": 10**30, "seconds": 5}}, "rate_limit.calls must be 1000000000 or less."),
        ({"dryrun": True}, "dryrun is not a setting; did you mean dry_run?"),
    ],
)
@pytest.mark.parametrize("arguments", [(), ("--check",)])
def test_a_setting_that_cannot_be_used_is_named_before_any_call(
    fake: FakeDestination, caplog: pytest.LogCaptureFixture, wrong: Any, sentence: str, arguments: tuple[str, ...]
) -> None:
    done = command(*arguments, stdin=messages(person(1)), **wrong)
    assert done.exit_code == 2
    assert sentence in done.stderr + caplog.text
    assert fake.calls == []
    assert not Path("report.json").exists()


def command(*arguments: str, stdin: str = "", **settings: Any) -> Any:
    Path("config.json").write_text(json.dumps({"field_map": MAP, "report_path": "report.json", **settings}))
    return CliRunner().invoke(FakeTarget.get_singer_command(), ["--config", "config.json", *arguments], input=stdin)


def test_check_shows_the_map_and_sends_nothing(fake: FakeDestination) -> None:
    done = command("--check")
    assert done.exit_code == 0
    assert "mail" in done.stderr
    assert "100 calls in 1 s; 10 leads a call, at most 2 calls in flight" in done.stderr
    assert done.stdout == ""
    assert fake.calls == []


class Identifying(FakeDestination):
    """Rejects a map that fills no e-mail address, and knows it by its common names."""

    @property
    @override
    def builtin_maps(self) -> BuiltinMaps:
        builtin = BuiltinMap("c", "Customers", "customers", frozenset({"vip"}), frozenset(), 0, {"Wrong": {"value": 1}})
        return BuiltinMaps((builtin,), {"Email": ("email", "mail")})

    @override
    def fit_to_account(self, field_map: FieldMap) -> FittedMap:
        if "Wrong" in field_map.fields:
            msg = "Wrong is no field."
            raise SettingsError(msg)
        warnings = [] if "Email" in field_map.fields else [f"Stream {field_map.stream}: nothing identifies a lead."]
        return FittedMap(field_map, warnings)


def test_check_sees_common_names_and_what_streams_leaves_out(monkeypatch: pytest.MonkeyPatch, log: io.StringIO) -> None:
    monkeypatch.setattr(FakeTarget, "fake", Identifying())
    FakeTarget.fake.session = ScriptedSession()
    field_map = {"people": {"Name": "full"}, "visitors": {"Name": "full"}}
    assert command("--check", field_map=field_map).exit_code == 2, "the built-in map is judged"
    done = command("--check", field_map=field_map, streams=["people", "others"])
    assert done.exit_code == 0, done.stderr
    assert "nothing identifies a lead" not in log.getvalue()
    assert "Stream visitors: not delivered, for streams leaves visitors out." in done.stderr
    assert "Stream others: mapped by common names" in done.stderr
    assert re.search(r"full +-> +Name", done.stderr)
    assert not re.search(r"-> +Email", done.stderr), "whether the stream has it, only a run tells"


def test_check_shows_the_address_before_it_asks_the_account(
    fake: FakeDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied() -> None:
        msg = "Check token."
        raise SettingsError(msg)

    asked: list[str] = []
    documented = fake.api_fields
    monkeypatch.setattr(fake, "check_credentials", denied)
    monkeypatch.setattr(FakeDestination, "documented_fields", documented)
    monkeypatch.setattr(FakeDestination, "api_fields", property(lambda _: asked.append("fields")))
    done = command("--check")
    assert done.exit_code == 2
    assert "Address (api_url): http://127.0.0.1:9" in done.stderr
    assert asked == [], "the credentials come first"


def test_check_tells_all_that_is_wrong_with_exit_code_2(caplog: pytest.LogCaptureFixture) -> None:
    wrong = {"one": {"Email": {"property": "a", "convert": "dat"}}, "two": {"Email": None}}
    done = command("--check", field_map=wrong)
    assert done.exit_code == 2
    told = done.stderr + "".join(str(record.getMessage()) for record in caplog.records)
    assert "there is no converter 'dat'" in told
    assert "field_map.two.Email is null" in told


@pytest.mark.parametrize("arguments", [["--check", "--replay", "config.json"], ["--replay"], ["config.json"]])
def test_flags_that_exclude_each_other_are_named(arguments: list[str]) -> None:
    assert command(*arguments).exit_code == 2


def test_a_replay_sends_rejects_again_and_removes_what_is_accepted(fake: FakeDestination) -> None:
    fake.outcome_of = lambda _: rejected(RejectCode.API_REJECTED)
    target().deliver(io.StringIO(messages(person(1), person(2))))
    (path,) = Path("rejects/target-fake").glob("*.singer")
    fake.outcome_of = FakeDestination().outcome_of
    fake.calls.clear()
    done = command("--replay", str(path))
    assert done.exit_code == 0, done.stderr
    assert [body["Email"] for body in fake.calls[0]] == ["p1@example.com", "p2@example.com"]
    assert not path.exists()
    assert done.stdout == "", "a replay writes no STATE"


def rejects() -> list[dict[str, Any]]:
    lines = [line for path in Path("rejects").rglob("*.singer") for line in path.read_bytes().splitlines()]
    return [message for line in lines if (message := parse_line(line))["type"] == "RECORD"]


def test_a_stream_map_that_fails_for_one_record_rejects_that_record(fake: FakeDestination, log: io.StringIO) -> None:
    maps = {"people": {"extra": "float(1 / extra)"}}
    text = messages(person(1, extra=1), person(2, extra=0), person(3, extra=None), person(4, extra=2))
    target(stream_maps=maps).deliver(io.StringIO(text))
    assert [body["Email"] for body in fake.calls[0]] == ["p1@example.com", "p4@example.com"]
    assert counts() == {"read": 4, "accepted": 2, "rejected": {"invalid_value": 2}}
    assert [message["_sdc_reject_reason"] for message in rejects()] == [
        "the stream map of people failed (ZeroDivisionError)",
        "the stream map of people failed (TypeError)",
    ]
    assert "1 records: could not be mapped: the stream map of people failed (ZeroDivisionError)." in log.getvalue()


def test_a_record_that_is_nested_too_deep_is_a_reject(fake: FakeDestination) -> None:
    deep = ("[" * 5000 + "]" * 5000, '{"a": ' * 900 + "1" + "}" * 900)
    head, *lines = messages(person(1), person(2, mail="DEEP0"), person(3, mail="DEEP1"), person(4)).splitlines()
    text = "\n".join([head, *lines]).replace('"DEEP0"', deep[0]).replace('"DEEP1"', deep[1])
    target(validate_records=True).deliver(io.StringIO(text))
    assert counts() == {"read": 4, "accepted": 2, "rejected": {"invalid_value": 2}}
    assert [body["Email"] for call in fake.calls for body in call] == ["p1@example.com", "p4@example.com"]
    kept = b"".join(path.read_bytes() for path in Path("rejects").rglob("*.singer"))
    assert deep[0].encode() in kept, "the reject file has the record as it came"


def test_another_message_that_is_nested_too_deep_stops_the_run_with_its_line() -> None:
    text = '{"type": "STATE", "value": ' + "[" * 5000 + "]" * 5000 + "}\n"
    with pytest.raises(InputError, match="Line 1 of the input is nested too deep"):
        target().deliver(io.StringIO(text))


def test_a_part_of_a_schema_that_cannot_be_used_is_named_once_and_not_checked(
    fake: FakeDestination, log: io.StringIO
) -> None:
    text = messages(person(1, extra=5), person(2, extra="x")).replace('"extra": {}', '"extra": {"type": "uuid"}')
    target().deliver(io.StringIO(text + text))
    assert sum(len(call) for call in fake.calls) == 2
    assert log.getvalue().count("Stream people: the SCHEMA of extra is no valid JSON Schema (type)") == 1


def test_two_long_keys_stay_two_records_and_their_digits_arrive(fake: FakeDestination) -> None:
    keys = ("12345678901234567890123", "12345678901234567890124", "0.1000000000000000055511151231257827", "0.1")
    text = messages(*(person(7, extra=0) for _ in keys))
    for key in keys:
        text = text.replace('"id": 7', f'"id": {key}', 1)
    target(field_map={"people": {"Email": "mail", "Number": "id"}}).deliver(io.StringIO(text))
    assert [body["Number"] for call in fake.calls for body in call] == list(keys)
