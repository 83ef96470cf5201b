"""What is wrong with a connection to Stripe, in words. Pure."""

from collections.abc import Iterator

from tillgate.connectors.protocol import Rejected, Trouble, Unknown
from tillgate.connectors.stripe.model import Credentials, Settings
from tillgate.connectors.stripe.things import Account

OTHER_MODE = Trouble(
    "key_of_other_mode",
    "The secret key is not of the merchant's mode.",
    "A live merchant needs a live key (sk_live_…), a test merchant a test key (sk_test_…).",
)
NO_SECRET = Trouble(
    "webhook_secret_missing",
    "No webhook secret is configured, so every callback of Stripe is refused.",
    "Register this connection's callback_url as an endpoint at Stripe, and give its whsec_… secret"
    " in credentials.webhook_secrets.",
)
CANNOT_CHARGE = Trouble(
    "charges_disabled",
    "The Stripe account may not take payments yet.",
    "Finish the account's activation in Stripe's dashboard.",
)
NOT_IN_THE_US = Trouble(
    "cashapp_country",
    "Cash App Pay needs a Stripe account in the United States.",
    "Use a Stripe account of a business in the United States, or another method.",
)
NO_CASH_APP = Trouble(
    "cashapp_inactive",
    "Cash App Pay is not active on the Stripe account.",
    "Turn on Cash App Pay under Settings, Payment methods in Stripe's dashboard.",
)
REFUSED: dict[str, Trouble] = {
    "unauthorized": Trouble(
        "bad_key",
        "Stripe does not know the secret key.",
        "Copy the secret key from Developers, API keys in Stripe's dashboard again.",
    ),
    "processor_unreachable": Trouble(
        "unreachable",
        "Stripe cannot be reached from here.",
        "Let this machine open connections to settings.api_base, and try again.",
    ),
    "permission_denied": Trouble(
        "key_restricted",
        "The key may not read the account.",
        "Give the restricted key the right to read the account, or use a secret key.",
    ),
}


def troubles(
    settings: Settings, credentials: Credentials, account: Account | Rejected | Unknown
) -> list[Trouble]:
    """In the order in which they are best mended."""
    found = list(_of_account(settings, account))
    return found if credentials.webhook_secrets else [*found, NO_SECRET]


def _of_account(settings: Settings, account: Account | Rejected | Unknown) -> Iterator[Trouble]:
    if isinstance(account, Unknown):
        yield Trouble("no_answer", account.reason, "Try again in a minute.")
    elif isinstance(account, Rejected):
        other = Trouble("refused", account.message, "See Stripe's dashboard, Developers, Logs.")
        yield REFUSED.get(account.code, other)
    else:
        if account.charges_enabled is False:
            yield CANNOT_CHARGE
        if settings.method == "cashapp":
            if account.country not in {"US", None}:
                yield NOT_IN_THE_US
            elif (account.capabilities or {}).get("cashapp_payments") != "active":
                yield NO_CASH_APP
