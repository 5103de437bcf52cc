"""Converters: one value of a record in, the value that an API takes out. `registry` lists them by name."""
