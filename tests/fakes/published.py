"""Holds objects against what Stripe has published of them: the official SDK's own classes, which
are generated from Stripe's OpenAPI description of the very version that we name.

Looked for: members that Stripe does not have, those that it always gives and that are missing,
values of another type, and words that are not among its own. What the classes cannot tell is
which members are always there though null; those are not missed.
"""

import inspect
import types
from typing import Any, ForwardRef, Literal, Union, cast, get_args, get_origin

import stripe

Problems = list[str]
Thing = dict[str, Any]

OBJECTS: dict[str, type] = {
    "account": stripe.Account,
    "charge": stripe.Charge,
    "checkout.session": stripe.checkout.Session,
    "dispute": stripe.Dispute,
    "event": stripe.Event,
    "payment_intent": stripe.PaymentIntent,
    "refund": stripe.Refund,
}
LISTS = {"list", "search_result"}


def problems(thing: Thing) -> Problems:
    """What is wrong with an answer, or with an event's object; nothing when it is empty."""
    kind = thing.get("object")
    if kind in LISTS:
        found = [] if {"data", "has_more", "url"} <= thing.keys() else [f"{kind}: incomplete"]
        return found + [one for item in thing["data"] for one in problems(item)]
    if kind not in OBJECTS:
        return [f"{kind} is not an object of Stripe's that is known here"]
    inside = problems(thing["data"]["object"]) if kind == "event" else []
    return [*_object(thing, OBJECTS[kind], kind), *inside]


def _object(thing: Thing, published: type, path: str) -> Problems:
    known = _members(published)
    found = [f"{path}.{name} does not exist" for name in thing.keys() - known.keys()]
    for name, told in known.items():
        if name in thing:
            found += _value(thing[name], told, f"{path}.{name}")
        elif not _may_be_null(told):
            found.append(f"{path}.{name} is missing")
    return found


def _value(value: Any, told: Any, path: str) -> Problems:
    if value is None:
        return [] if _may_be_null(told) else [f"{path} is null"]
    wanted = [one for one in _choices(told) if one is not types.NoneType]
    words = [word for one in wanted if get_origin(one) is Literal for word in get_args(one)]
    if words and isinstance(value, str):  # an open list of words stands beside `str`
        return [] if value in words else [f"{path}: {value!r} is none of its words"]
    tried = [_one(value, one, path) for one in wanted]
    return min(tried, key=len)


def _one(value: Any, told: Any, path: str) -> Problems:
    if isinstance(told, ForwardRef):  # an object that was asked to be expanded
        return problems(cast("Thing", value)) if isinstance(value, dict) else [f"{path}: no object"]
    origin = get_origin(told) or told
    if origin is list:
        if not isinstance(value, list):
            return [f"{path} is no list"]
        items = cast("list[Any]", value)
        return [one for item in items for one in _value(item, get_args(told)[0], f"{path}[]")]
    if origin in {dict, Any} or "Untyped" in str(told):
        return [] if origin is Any or isinstance(value, dict) else [f"{path} is no object"]
    if isinstance(origin, type) and issubclass(origin, stripe.StripeObject):
        inside = cast("Thing", value) if isinstance(value, dict) else None
        return [f"{path}: no object"] if inside is None else _object(inside, origin, path)
    fits = type(value) is origin
    return [] if fits else [f"{path}: {value!r} is no {told}"]


def _members(published: type) -> dict[str, Any]:
    """By Stripe's names: the SDK renames what Python reserves."""
    told: dict[str, Any] = {}
    for base in reversed(published.__mro__):
        if issubclass(base, stripe.StripeObject) and base is not stripe.StripeObject:
            told |= inspect.get_annotations(base)
    return {
        name: kind
        for name, kind in told.items()
        if not name.startswith("_") and "ClassVar" not in str(kind) and name != "deleted"
    }


def _choices(told: Any) -> tuple[Any, ...]:
    if get_origin(told) is Union:
        return tuple(inner for one in get_args(told) for inner in _choices(one))
    return (told,)


def _may_be_null(told: Any) -> bool:
    return types.NoneType in _choices(told)
