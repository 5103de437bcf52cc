from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import requests

from sandbox.__main__ import main
from sandbox.carecycle.seeded_customers import seeded_customers
from tests.sandbox.client import LEADS, LSQ_KEYS, UPSERT, SandboxClient, lead, started

COMMAND = [sys.executable, "-m", "sandbox"]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "--leadsquared-bulk-limit" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--carecycle-limit", "60"], "--carecycle-limit"),
        (["--fault", "flood"], "flood"),
        (["--fault", "{no json"], "{no json"),
    ],
)
def test_wrong_arguments(arguments: list[str], named: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert named in capsys.readouterr().err


def test_a_field_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--without-field", "mx_Nope", "--customers", "0"]) == 2
    assert "mx_Nope" in capsys.readouterr().err


def test_a_port_that_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main(["--port", str(taken.getsockname()[1]), "--customers", "0"]) == 2
    assert "sandbox: " in capsys.readouterr().err


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_goes_at_once_even_with_calls_open(how: signal.Signals) -> None:
    command = [*COMMAND, "--port", "0", "--customers", "0", "--fault", "timeout"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        held = threading.Thread(target=broken_call, args=(url,))
        held.start()
        SandboxClient(url).wait_for_call("carecycle")
        asked = time.monotonic()
        process.send_signal(how)
        out, err = process.communicate(timeout=5)
        assert time.monotonic() - asked < 2
        held.join()
    assert (process.returncode, out, err) == (0, "", "")


def broken_call(url: str) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/v2/customers?search=secret", timeout=10)


def test_faults_limits_and_forms_on_the_command_line() -> None:
    match = "fail_row,api=leadsquared,match.field=EmailAddress,match.value=a@example.com,message=no"
    faults = ["--fault", match, "--fault", '{"kind": "status_503", "api": "carecycle", "times": 1}']
    limits = [
        "--leadsquared-limit",
        "2/60",
        "--limit-form",
        "403",
        "--timestamps",
        "postgres",
        "--quirk",
        "over_end=404",
    ]
    with started("--customers", "10", *faults, *limits) as sandbox:
        assert sandbox.page().status_code == 503
        assert sandbox.page(page=9).status_code == 404
        assert "T" not in sandbox.items()[0]["createdAt"]
        assert [row.get("ErrorMessage") for row in sandbox.upsert(lead(EmailAddress="a@example.com"))] == ["no"]
        statuses = [sandbox.post_lsq(UPSERT, [lead(EmailAddress="b@example.com")]).status_code for _ in range(2)]
        assert statuses == [200, 403]


def test_the_wrong_host_is_told_the_right_one() -> None:
    with started("--customers", "0", "--account-host", "right.example.com") as sandbox:
        response = sandbox.get_lsq(f"{LEADS}LeadsMetaData.Get")
        assert response.status_code == 401
        assert "right.example.com" in response.json()["ExceptionMessage"]
        found = sandbox.get_lsq("/v2/Authentication.svc/UserByAccessKey.Get").json()
        assert found["LSQCommonServiceURLs"]["api"] == "right.example.com"
        right = {**LSQ_KEYS, "Host": "right.example.com"}
        assert requests.get(f"{sandbox.url}{LEADS}LeadsMetaData.Get", headers=right).status_code == 200


def test_a_seed_gives_the_same_customers_in_every_process() -> None:
    with started("--customers", "40", "--seed", "7") as sandbox:
        assert sandbox.get("customers") == seeded_customers(7, 40)[1]
