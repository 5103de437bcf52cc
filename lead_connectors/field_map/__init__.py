"""From any record to an API's fields (pure)."""
