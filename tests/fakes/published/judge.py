"""Holds what is said in Stripe's name against what Stripe has published: answers, lists, errors and
events, with the objects in them, against `schemas.json`, and an event's type against the SDK.

Seen are members that Stripe does not have, those that it always gives and that are missing (those
that are null too), values of another type, and words that are not among its own.
"""

import json
from collections.abc import Iterator
from typing import Any, get_args

import stripe
from jsonschema_rs import ValidationError, ValidationErrorKind, validator_map_for

from tests.fakes.published.extract import SCHEMAS, list_name

Thing = dict[str, Any]
Problems = list[str]

DEFINITIONS = json.loads(SCHEMAS.read_text())["$defs"]
VALIDATORS = validator_map_for({"$defs": DEFINITIONS})
LISTS = {"list", "search_result"}
EVENT_TYPES = set(get_args(stripe.Event.__annotations__["type"]))
"""The document does not list them."""


def problems(thing: Thing) -> Problems:
    """What is wrong with an answer or an event; nothing when it is empty."""
    name = _name(thing)
    if name not in DEFINITIONS:
        return [f"{name} is nothing of Stripe's that is known here"]
    errors = VALIDATORS[f"#/$defs/{name}"].iter_errors(thing)
    found = [f"{name}{told}" for error in errors for told in _told(error)]
    return found + (_of_event(thing) if name == "event" and not found else [])


def _name(thing: Thing) -> str:
    if "error" in thing:
        return "error"
    kind = str(thing.get("object"))
    return list_name(str(thing.get("url"))) if kind in LISTS else kind


def _told(error: ValidationError) -> Iterator[str]:
    """Where something may be this or that, what keeps it from being either."""
    if isinstance(error.kind, ValidationErrorKind.AnyOf):
        for branch in error.kind.context:
            for inner in branch:
                yield from _told(inner)
    else:
        yield "".join(f".{part}" for part in error.instance_path) + f": {error.message}"


def _of_event(event: Thing) -> Problems:
    known = event["type"] in EVENT_TYPES
    found = [] if known else [f"event.type: {event['type']} is no type of Stripe's"]
    return found + problems(event["data"]["object"])
