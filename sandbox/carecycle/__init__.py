"""The CareCycle API and its customers; see `docs/api/carecycle.md`."""
