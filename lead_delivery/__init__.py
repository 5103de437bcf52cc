"""Everything between a Singer record and an API's receipt; knows neither API."""
