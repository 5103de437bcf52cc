"""Around the Singer SDK: command line, settings, exit codes, errors, redaction."""
