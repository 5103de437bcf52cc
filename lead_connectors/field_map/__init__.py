"""From any record to an API's fields, by the setting `field_map` and the built-in maps. Pure: no I/O."""
