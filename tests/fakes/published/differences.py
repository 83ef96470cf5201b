"""Where the version that we name, 2026-10-28.endive, says other things of what the fake gives than
the document that `schemas.json` is made of, 2026-08-26.dahlia; and where Stripe's SDKs know more of
a member's presence. Sources are Stripe's own: the CHANGELOG and the types of `stripe` 23.1.0 for
Node, which are generated for the very version that we name.

More has come than stands here, of other methods and of Connect: what the fake does not give.
"""

from typing import Any

SUBMITTED = ["manual", "not_submitted", "smart_disputes"]
INTENDED = ["manual", "prefer_manual", "prefer_smart_disputes", "smart_disputes", None]

NEWER: dict[str, dict[str, dict[str, Any]]] = {
    # Deprecated, and left out of the document for that; Stripe's own examples beside it have them.
    "charge": {"source": {"type": "null"}},
    "payment_intent": {
        "source": {"type": "null"},
        "payment_record": {"type": ["string", "null"]},  # 2026-09-30
    },
    "checkout.session": {"allowed_payment_method_types": {"type": ["array", "null"]}},  # 2026-09-30
    "dispute": {"intended_submission_method": {"enum": INTENDED}},  # 2026-10-28
    "dispute_evidence_details": {"submission_method": {"enum": SUBMITTED}},  # 2026-10-28
}
"""Members that have come, by component. They are always there."""

WORDS = {
    "dispute": {"status": ["appeal_needs_response", "appeal_under_review"]},  # 2026-10-28
}
"""Words that have come."""

ALWAYS = {
    "payment_intent": {
        *("amount", "amount_capturable", "amount_received", "capture_method"),
        *("confirmation_method", "currency", "metadata", "payment_method_types"),
    },
}
"""The document does not require them; by the types of the SDKs they are always there."""

SOMETIMES = {
    "account": {"business_profile", "business_type", "groups", "settings"},
    "charge": {"refunds"},
    "checkout.session": {"optional_items"},
    "payment_intent": {"transfer_data"},
}
"""They may be null, and may be absent as well, as the types for Node say."""
