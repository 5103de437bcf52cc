"""Converters: one value of a record in, the value an API takes out."""
