"""From a Singer record to an API's response; knows no API."""
