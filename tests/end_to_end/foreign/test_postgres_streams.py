"""Tables of a real PostgreSQL through meltanolabs-tap-postgres into both targets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.foreign.conftest import ON_ONE_WORKER, Database, peer, selected_catalog
from tests.processes import Run, assert_balanced, carecycle, leadsquared, pipe, report, write_config
from tests.sandbox_client import Sandbox

pytestmark = ON_ONE_WORKER
PEOPLE = 30
TABLE = f"""
drop schema if exists crm cascade;
create schema crm;
create table crm.prospects (
    id uuid primary key default gen_random_uuid(),
    nr integer not null,
    given text,
    mail varchar(200),
    tel text,
    zip integer,
    born date,
    no_mail boolean,
    income numeric(12, 2),
    interests text[],
    extra jsonb,
    seen timestamptz
);
insert into crm.prospects (nr, given, mail, tel, zip, born, no_mail, income, interests, extra, seen)
select n, 'Ann' || n, 'ann' || n || '@example.com', '(212) 555-' || to_char(n, 'FM0000'), 1000 + n,
       date '1950-03-04' + n, n % 3 = 0, 41000.50 + n, array['Dental', 'Vision'],
       jsonb_build_object('utm', 'spring', 'now', jsonb_build_object('n', n)), timestamptz '2026-01-31 23:30:00-05'
from generate_series(1, {PEOPLE}) n;
insert into crm.prospects (nr, given) values (99, 'Nobody');
"""


@pytest.fixture(scope="module")
def table(database: Database) -> Database:
    database.run(TABLE)
    return database


def deliver(table: Database, target: str, config: dict[str, Any], folder: Path) -> Run:
    tap = peer("postgres", "tap-postgres")
    source = {"sqlalchemy_url": table.url, "filter_schemas": ["crm"]}
    catalog = selected_catalog(tap, write_config(folder, "tap-postgres", source), folder)
    read, written = pipe(
        [(tap, source, ["--catalog", str(catalog)]), (target, {**config, "report_path": "report.json"}, [])], cwd=folder
    )
    assert read.code == 0, read.err
    assert written.code == 0, written.err
    assert_balanced(report(folder))
    return written


def test_a_table_becomes_leadsquared_leads(table: Database, sandbox: Sandbox, tmp_path: Path) -> None:
    own = {
        "FirstName": "given",
        "EmailAddress": "mail",
        "Phone": "tel",
        "mx_DOB": "born",
        "mx_Last_Call_Date": "seen",
        "mx_Household_Income": "income",
        "DoNotEmail": "no_mail",
        "Notes": {"property": "interests", "convert": {"join": {"separator": "; "}}},
        "SourceCampaign": "extra.utm",
    }
    done = deliver(table, "target-leadsquared", leadsquared(sandbox, field_map={"crm-prospects": own}), tmp_path)
    leads = {lead["EmailAddress"]: lead for lead in sandbox.leads()}
    rows = table.rows("select * from crm.prospects where mail is not null")
    assert len(leads) == len(rows) == PEOPLE
    for row in rows:
        lead = leads[row["mail"]]
        assert lead["FirstName"] == row["given"]
        assert lead["Phone"] == f"+1-2125550{row['nr']:03d}"
        assert lead["mx_DOB"].startswith(f"{row['born']} 00:00:00"), "a date of birth is never shifted"
        assert lead["mx_Last_Call_Date"].startswith("2026-02-01 04:30:00"), "a moment is sent in UTC"
        assert float(lead["mx_Household_Income"]) == row["income"]
        assert str(lead.get("DoNotEmail")).lower() in ({"1", "true"} if row["no_mail"] else {"0", "false", "none"})
        assert (lead["Notes"], lead["SourceCampaign"]) == ("Dental; Vision", "spring")
    account = report(tmp_path)["streams"]["crm-prospects"]
    assert (account["created"], account["rejected"]) == (PEOPLE, {"required_missing": 1})
    assert done.err.count("not mapped and not sent: id, nr.") == 1, "and zip by its common name"


def test_a_table_becomes_carecycle_leads(table: Database, sandbox: Sandbox, tmp_path: Path) -> None:
    own = {
        "phoneNumber": "tel",
        "firstName": "given",
        "email": "mail",
        "postalCode": "zip",
        "dateOfBirth": "born",
        "doNotEmail": "no_mail",
        "householdIncome": {"property": "nr", "convert": "integer"},
        "customFields": {"fields": {"utm_campaign": "extra.utm", "lead_score": "extra.now.n", "consent_date": "seen"}},
    }
    deliver(table, "target-carecycle", carecycle(sandbox, field_map={"crm-prospects": own}), tmp_path)
    rows = {row["id"]: row for row in table.rows("select * from crm.prospects where tel is not null")}
    arrived = [row for row in sandbox.customers() if row["clientCustomerId"] in rows]
    assert len(arrived) == len(rows) == PEOPLE
    for customer in arrived:
        row = rows[customer["clientCustomerId"]]
        assert customer["firstName"] == row["given"]
        assert customer["postalCode"] == f"{row['zip']:05d}"
        assert customer["dateOfBirth"] == row["born"]
        assert customer["householdIncome"] == row["nr"]
        assert customer["doNotEmail"] in ([True] if row["no_mail"] else [False, None])
    uploads = [write["payload"] for write in sandbox.history() if write["api"] == "carecycle"]
    custom = {one["fieldKey"]: one["value"] for one in uploads[0]["customFields"]}
    assert custom["utm_campaign"] == "spring"
    assert custom["lead_score"] in {str(n) for n in range(1, PEOPLE + 1)}
    assert custom["consent_date"] == "2026-02-01"
    assert report(tmp_path)["streams"]["crm-prospects"]["rejected"] == {"required_missing": 1}
