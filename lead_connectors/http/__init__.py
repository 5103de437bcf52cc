"""One account's way to one API: session, quota, response, address."""
