"""Stripe's objects as its API gives them: every member that it always gives, and what we use.

`published/` holds them against what Stripe has published.
"""

from typing import Any

from tillgate.kit import clock, ids

Thing = dict[str, Any]

NULL = {
    "billing_details": "address email name phone tax_id",
    "charge": """
        application application_fee application_fee_amount calculated_statement_descriptor
        customer failure_balance_transaction fraud_details on_behalf_of outcome
        payment_method_details receipt_email receipt_number receipt_url review shipping
        source source_transfer statement_descriptor statement_descriptor_suffix
        transfer_data transfer_group
        """,
    "checkout.session": """
        adaptive_pricing after_expiration allow_promotion_codes allowed_payment_method_types
        billing_address_collection client_secret collected_information consent
        consent_collection currency_conversion customer customer_account customer_creation
        customer_details customer_email discounts integration_identifier invoice
        invoice_creation locale managed_payments origin_context payment_method_collection
        payment_method_configuration_details payment_method_options permissions
        recovered_from saved_payment_method_options setup_intent shipping_address_collection
        shipping_cost submit_type subscription total_details ui_mode wallet_options
        """,
    "dispute": "intended_submission_method",
    "payment_intent": """
        allowed_payment_method_types application application_fee_amount
        automatic_payment_methods customer customer_account excluded_payment_method_types
        managed_payments on_behalf_of payment_method_configuration_details
        payment_method_options payment_record processing receipt_email review
        setup_future_usage shipping source transfer_group
        """,
    "refund": """
        customer customer_account reason receipt_number source_transfer_reversal
        transfer_reversal
        """,
    "dispute_evidence": """
        access_activity_log billing_address cancellation_policy
        cancellation_policy_disclosure cancellation_rebuttal customer_communication
        customer_email_address customer_name customer_purchase_ip customer_signature
        duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id
        product_description receipt refund_policy refund_policy_disclosure
        refund_refusal_explanation service_date service_documentation shipping_address
        shipping_carrier shipping_date shipping_documentation shipping_tracking_number
        uncategorized_file uncategorized_text
        """,
    "session_custom_text": "after_submit shipping_address submit terms_of_service_acceptance",
}
"""What Stripe always gives of a thing, though it is null in all that happens here."""


def mint(prefix: str) -> str:
    return f"{prefix}_{ids.token(15)}"


def payment_intent(params: Thing) -> Thing:
    id_ = mint("pi")
    return _object("payment_intent", id_) | {
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": f"{id_}_secret_{ids.token(15)}",
        "confirmation_method": "automatic",
        "currency": params["currency"],
        "description": params.get("description"),
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": params.get("metadata", {}),
        "next_action": None,
        "payment_method": None,
        "payment_method_types": params.get("payment_method_types", ["card"]),
        "statement_descriptor": params.get("statement_descriptor"),
        "statement_descriptor_suffix": params.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
    }


def charge(intent: Thing, *, failed: Thing | None, captured: bool) -> Thing:
    return _object("charge", mint("ch")) | {
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if captured and not failed else 0,
        "amount_refunded": 0,
        "balance_transaction": mint("txn") if captured and not failed else None,
        "billing_details": _nulls("billing_details"),
        "captured": captured and not failed,
        "currency": intent["currency"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": failed["code"] if failed else None,
        "failure_message": failed["message"] if failed else None,
        "metadata": dict(intent["metadata"]),
        "paid": not failed,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "refunded": False,
        "status": "failed" if failed else "succeeded",
    }


def refund(charge: Thing, amount: int, metadata: Thing, status: str = "succeeded") -> Thing:
    return _nulls("refund") | {
        "id": mint("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None if status == "pending" else mint("txn"),
        "charge": charge["id"],
        "created": clock.unix_s(),
        "currency": charge["currency"],
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "status": status,
    }


def dispute(charge: Thing, amount: int, status: str, due_by: int | None) -> Thing:
    return _object("dispute", mint("du")) | {
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": _nulls("dispute_evidence") | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": due_by,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": status,
    }


def session(params: Thing, url: str) -> Thing:
    id_ = mint("cs_test")
    item = params["line_items"][0]
    total = item["price_data"]["unit_amount"] * item["quantity"]
    return _object("checkout.session", id_) | {
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "currency": item["price_data"]["currency"],
        "custom_fields": [],
        "custom_text": _nulls("session_custom_text"),
        "expires_at": clock.unix_s() + 86_400,
        "metadata": params.get("metadata", {}),
        "mode": "payment",
        "payment_intent": None,
        "payment_link": params.get("payment_link"),
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "shipping_options": [],
        "status": "open",
        "success_url": params.get("success_url"),
        "url": f"{url}/c/pay/{id_}",
    }


def account(country: str, capabilities: Thing, *, charges_enabled: bool) -> Thing:
    return {
        "id": "acct_1FakeOfTests",
        "object": "account",
        "capabilities": capabilities,
        "charges_enabled": charges_enabled,
        "country": country,
        "default_currency": "usd",
        "details_submitted": True,
        "email": None,
        "payouts_enabled": True,
        "type": "standard",
    }


def event(kind: str, thing: Thing, api_version: str | None) -> Thing:
    return _object("event", mint("evt")) | {
        "api_version": api_version,
        "data": {"object": thing},
        "pending_webhooks": 1,
        "request": {"id": mint("req"), "idempotency_key": None},
        "type": kind,
    }


def error(kind: str, message: str, code: str | None) -> Thing:
    """Without a code, Stripe gives none."""
    return {"type": kind, "message": message} | ({"code": code} if code else {})


def page(things: list[Thing], url: str, *, has_more: bool) -> Thing:
    return {"object": "list", "data": things, "has_more": has_more, "url": url}


def _object(kind: str, id_: str) -> Thing:
    given = {"id": id_, "object": kind, "created": clock.unix_s(), "livemode": False}
    return _nulls(kind) | given


def _nulls(kind: str) -> Thing:
    return dict.fromkeys(NULL.get(kind, "").split())
