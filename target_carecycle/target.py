"""target-carecycle: settings and account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from singer_sdk import typing as th
from typing_extensions import override

from lead_connectors import carecycle
from lead_connectors.delivery.settings import default_country_setting, delivery_settings
from lead_connectors.delivery.sink import DeliverySink
from lead_connectors.delivery.target import DeliveryTarget
from lead_connectors.http.quota import Quota
from lead_connectors.plugin.errors import SettingsError
from target_carecycle.destination import CareCycleDestination, ids_would_mix
from target_carecycle.upload_record import EXTERNAL_ID

OPT_OUTS = ("doNotCall", "doNotSMS", "doNotEmail", "doNotMail")


class TargetCareCycle(DeliveryTarget):
    """Uploads Singer records to CareCycle as leads, which can start outreach: campaigns with a Lead Created entry."""

    name = "target-carecycle"
    package_name = "carecycle-leadsquared-connectors"

    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        th.Property(
            "api_key",
            th.StringType(min_length=1),
            required=True,
            secret=True,
            title="API key",
            description="Key from CareCycle's Developer Dashboard. It starts with cc_.",
        ),
        default_country_setting(),
        *delivery_settings(
            vendor="CareCycle",
            api_url=carecycle.DEFAULT_API_URL,
            max_rows=200,
            rows_help="100 unless set; at most 200, which newer accounts allow.",
            max_in_flight=4,
            rate_limit={"calls": 60, "seconds": 60},
            opt_out_fields=OPT_OUTS,
            recognised="CareCycle customers",
        ),
    ).to_dict()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._known_by_key: str | None = None

    @override
    def _make_sink(self, stream: str, schema: dict[str, Any], key_properties: Sequence[str] | None) -> DeliverySink:
        """The stream's sink, where its leads' external ids cannot mix with those of another stream.

        Raises:
            SettingsError: Two streams would both give their keys as external ids.
        """
        sink = super()._make_sink(stream, schema, key_properties)
        if sink.field_map is not None and key_properties and EXTERNAL_ID not in sink.field_map.fields:
            if self._known_by_key not in {None, stream}:
                raise SettingsError(ids_would_mix(str(self._known_by_key), stream))
            self._known_by_key = stream
        return sink

    @property
    @override
    def account(self) -> str:
        """Host and key, the same as for tap-carecycle: both share the account's quota."""
        return carecycle.account_name(self.config)

    @override
    def make_destination(self, quota: Quota) -> CareCycleDestination:
        """Open the account's session; the key goes into the header only."""
        session = carecycle.open_session(self.config, quota, permission="upload leads", stopping=self.stopping)
        return CareCycleDestination(self.config, session, self.stopping)
