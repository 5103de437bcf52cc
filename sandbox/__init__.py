"""A strict, stateful stand-in for the CareCycle and LeadSquared APIs: `python -m sandbox`.

It shares no code with the plugins, so that it can never agree with them by accident.
How to start and steer it, and the account's lead fields, are in README.md beside this file.
"""
