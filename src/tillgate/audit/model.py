"""The audit's row. Secrets never enter it."""

from msgspec import Struct

from tillgate.engine.table import Id, OptionalJson, OptionalText, Text, Time, table


@table("audit", "merchant_id id")
class AuditLine(Struct, frozen=True):
    """`actor`: the key (`key_…`) or worker; `action`: `payment.create`; `before` and `after`: what
    changed, as JSON."""

    merchant_id: Id
    id: Id
    actor: Text
    action: Text
    object_id: Id
    before: OptionalJson
    after: OptionalJson
    ip: OptionalText
    request_id: OptionalText
    at: Time
