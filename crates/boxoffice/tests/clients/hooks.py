"""What Schemathesis must know beyond the description: values of our formats, and ids that exist."""

import itertools
import json
import os
import re

import schemathesis
from hypothesis import strategies as st

# The house that the test opened: by schema of an id, those that exist, and the labels of its seats.
HOUSE = json.loads(os.environ["BOXOFFICE_HOUSE"])

schemathesis.openapi.format("iana-time-zone", st.sampled_from(["Europe/Berlin", "UTC", "Asia/Kathmandu"]))
schemathesis.openapi.format("iso-4217", st.sampled_from(["EUR", "USD", "JPY", "CHF"]))
schemathesis.openapi.format("cursor", st.nothing())


# The key of the description's examples.
EXAMPLE_KEY = "5f0c2b54-8d6e-4b0a-9c1e-4b8a4f0c2b54"

KINDS = {"cinemas": "cinema", "movies": "movie", "auditoriums": "auditorium", "plans": "plan",
         "showtimes": "showtime", "holds": "hold", "bookings": "booking"}

DICE = st.randoms(use_true_random=False)


def known(dice, kind, given):
    """An id or a seat of the house, most of the time; what shall be refused for its form stays as it is."""
    values = HOUSE.get(kind)
    if not values or not isinstance(given, str) or dice.random() > 0.85:
        return given
    start, underscore, digits = values[0].partition("_")
    form = rf"{start}_[0-9a-z]{{{len(digits)}}}" if underscore else r"\S{1,32}"
    return dice.choice(values) if re.fullmatch(form, given) else given


@schemathesis.hook
def flatmap_path_parameters(context, path_parameters):
    """Paths that lead somewhere."""
    parts = context.operation.path.split("/")
    kind = KINDS.get(parts[2]) if len(parts) > 2 else None
    given = path_parameters or {}
    return DICE.map(lambda dice: {name: known(dice, kind, value) for name, value in given.items()})


def is_label(value):
    """Whether it is a label, or an object with one: lists with faults stay as they are."""
    value = value.get("seat") if isinstance(value, dict) else value
    return isinstance(value, str) and re.fullmatch(r"\S{1,32}", value)


def fill(dice, body):
    """The body with ids and seats that exist where it has any, so that much of it is not refused."""
    if not isinstance(body, dict):
        return body
    body = dict(body)
    for name in ("movie", "auditorium", "cinema", "hold", "seat"):
        body.update({name: known(dice, name, body[name])} if name in body else {})
    for name in ("seats", "add", "remove"):
        seats = body.get(name)
        if isinstance(seats, list) and all(map(is_label, seats)):
            seats = [known(dice, "seat", seat) if isinstance(seat, str) else fill(dice, seat) for seat in seats]
            body[name] = seats[: dice.choice([1, 2, 3, 100])]
    if isinstance(body.get("ticket"), str) and 0 < len(body["ticket"]) <= 40 and body["ticket"].isprintable():
        body["ticket"] = dice.choice(["adult", "child", body["ticket"]])
    if isinstance(body.get("ttl_s"), int) and 1 <= body["ttl_s"] <= 86400:
        body["ttl_s"] = dice.choice([60, 480, body["ttl_s"]])
    if isinstance(body.get("versions"), dict) and all(is_label(name) for name in body["versions"]):
        if all(isinstance(version, int) and 0 <= version < 2**32 for version in body["versions"].values()):
            body["versions"] = dice.choice([{}, body["versions"]])
    prices = body.get("prices")
    if isinstance(prices, dict) and all(isinstance(price, int) and 0 <= price <= 10**12 for price in prices.values()):
        body["prices"] = {category: dice.choice([100, *prices.values()]) for category in HOUSE["category"]}
    return body


@schemathesis.hook
def flatmap_body(context, body):
    """Bodies that mean something."""
    return DICE.map(lambda dice: fill(dice, body))


KEYS = itertools.count()


@schemathesis.hook
def map_headers(context, headers):
    """Lets not every request be the same one under the example's key."""
    if headers and headers.get("Idempotency-Key") == EXAMPLE_KEY:
        headers = {**headers, "Idempotency-Key": f"{EXAMPLE_KEY}-{next(KEYS)}"}
    return headers


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keeps the house on sale."""
    ends_sale = case.operation.label in ("PATCH /v1/showtimes/{id}", "POST /v1/showtimes/{id}/cancel")
    if ends_sale and (case.path_parameters or {}).get("id") in HOUSE["showtime"]:
        case.path_parameters["id"] = HOUSE["spare"][0]
