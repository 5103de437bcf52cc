"""A strict, stateful local server for the CareCycle and LeadSquared APIs: `python -m sandbox`.

It shares no code with the plugins, so that a mistake in a plugin cannot be repeated here unnoticed.
`README.md` in this folder describes its options, its control API and the LeadSquared account's lead fields.
"""
