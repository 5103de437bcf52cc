"""One account's way to one API: requests, retries, quota and redaction."""
