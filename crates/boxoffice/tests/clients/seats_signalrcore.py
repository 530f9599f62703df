"""The PyPI package signalrcore at the seats hub: `python seats_signalrcore.py URL SHOWTIME`."""

import json
import logging
import queue
import sys
import urllib.request

from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.types import HttpTransportType

URL, SHOWTIME = sys.argv[1:]
PATIENCE = 10


def hold(seat):
    body = json.dumps({"seats": [seat]}).encode()
    path = f"{URL}/v1/showtimes/{SHOWTIME}/holds"
    request = urllib.request.Request(path, data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


def everything(transport, seat):
    opened, told, answers = (queue.Queue() for _ in range(3))
    builder = HubConnectionBuilder().with_url(f"{URL}/hubs/seats", options={"transport": transport})
    builder.configure_logging(logging.CRITICAL)
    connection = builder.build()
    connection.on_open(lambda: opened.put(True))
    connection.on("SeatsChanged", told.put)
    connection.start()
    opened.get(timeout=PATIENCE)
    connection.invoke("JoinShowtime", [SHOWTIME], answers.put)
    joined = answers.get(timeout=PATIENCE).result
    assert joined["type"] == "snapshot", joined
    hold(seat)
    [delta] = told.get(timeout=PATIENCE)
    assert (delta["showtime"], delta["from"]) == (SHOWTIME, joined["revision"]), delta
    assert [(one["seat"], one["status"]) for one in delta["seats"]] == [(seat, "held")], delta
    connection.stop()


TRANSPORTS = [HttpTransportType.web_sockets, HttpTransportType.server_sent_events, HttpTransportType.long_polling]
for number, transport in enumerate(TRANSPORTS):
    everything(transport, f"B{number + 1}")
print(f"{len(TRANSPORTS)} checks", flush=True)
