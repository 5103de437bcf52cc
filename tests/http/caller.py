"""A process of its own that shares an account: `python caller.py URL ACCOUNT CALLS SECONDS THREADS HOW_MANY`.

Prints `ready`, waits for a line on stdin so that all processes start together, and prints its account at the end.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

from lead_connectors.http.quota import Quota, Window
from lead_connectors.http.session import ApiSession
from tests.http.loopback import ERRORS


def main() -> None:
    url, account, calls, seconds, threads, how_many = sys.argv[1:]
    quota = Quota([Window(int(calls), float(seconds))], account=account)
    session = ApiSession("TestAPI", url, quota, headers={}, errors=ERRORS)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    with ThreadPoolExecutor(int(threads)) as pool:
        list(pool.map(lambda number: session.call("GET", f"/{number}"), range(int(how_many))))
    sys.stdout.write(json.dumps({"calls": quota.calls, "rejected": session.rate_limited_calls}) + "\n")
    session.close()


if __name__ == "__main__":
    main()
