"""What is wrong with a connection to an external app, in words for a person. Pure."""

from collections.abc import Iterator

from tillgate.connectors.external.model import Credentials, Settings
from tillgate.connectors.protocol import Trouble
from tillgate.kit.outbound import Failure, Reply


def lacks(settings: Settings, credentials: Credentials) -> Iterator[Trouble]:
    """What is wrong that needs no asking."""
    if not credentials.signing_secrets:
        words = "There is no signing secret, so that nobody can tell who sends callbacks."
        mend = "Give the secret that the app signs with, as credentials.signing_secrets."
        yield Trouble("secret_missing", words, mend)
    if settings.create_url is None and settings.pay_url is None:
        words = "There is no page to send payers to: only callbacks are taken."
        yield Trouble("no_pay_page", words, "Give settings.create_url, or settings.pay_url.")
    if any("{api_key}" in text for text in settings.headers.values()) and not credentials.api_key:
        words = "Requests go out without a key."
        yield Trouble("key_missing", words, "Give the key of the app as credentials.api_key.")


def trouble_of(reply: Reply | Failure, *, looks: bool) -> Trouble | None:
    """What an answer to a harmless question says of the connection."""
    if isinstance(reply, Failure):
        return Trouble("unreachable", reply.message, "Compare the addresses in settings.")
    if reply.status in {401, 403}:
        words = f"The app does not know our key: it answers {reply.status}."
        return Trouble("unauthorized", words, "Give its key as credentials.api_key.")
    if (looks and reply.status not in {200, 404}) or reply.status >= 500:
        words = f"The app answers {reply.status}."
        return Trouble("unfit", words, "Compare the addresses in settings with its manual.")
    return None
