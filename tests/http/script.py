"""Responses and faults that several tests of the session use."""

from __future__ import annotations

from collections.abc import Callable

from lead_connectors.http.session import ApiSession
from tests.http.loopback import Scripted, scripted

SECRET = "u$r-secret"
NOWHERE = "http://no-such-host.invalid"
PATH = "/lead-path"
LEAD = {"EmailAddress": "jane@example.com"}
GOOD = scripted(200, {"ok": True})
LIMIT_TEXT = "API calls exceeded the limit of 10 in 5 second(s)"
HTML = Scripted(200, b"<html>Sign in</html>", {"Content-Type": "text/html"})

Make = Callable[..., ApiSession]

TRANSIENT = {
    "500": Scripted(500, b'{"text": "oops", "kind": "InternalError"}'),
    "500 without JSON": Scripted(500, b"oops"),
    "502 HTML": Scripted(502, b"<html>Bad Gateway</html>", {"Content-Type": "text/html"}),
    "503": Scripted(503, b""),
    "408": Scripted(408, b""),
    "empty body": Scripted(200, b""),
    "half a JSON": Scripted(200, b'{"ok": tr'),
    "reset": Scripted(fault="reset"),
    "hang up": Scripted(fault="hang_up"),
    "truncated": Scripted(200, b'{"ok": true}', fault="truncated"),
}
"""Faults that can pass."""
