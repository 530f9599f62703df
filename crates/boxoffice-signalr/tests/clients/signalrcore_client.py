"""The PyPI package signalrcore against the chat: `python signalrcore_client.py URL`."""

import logging
import os
import queue
import sys

from signalrcore.hub_connection_builder import HubConnectionBuilder
from signalrcore.types import HttpTransportType, HubProtocolEncoding

URL = sys.argv[1]
PATIENCE = 10


def everything(options, encoding):
    opened, welcome, said, answers, items, errors = (queue.Queue() for _ in range(6))
    builder = HubConnectionBuilder().with_url(f"{URL}?name=ann", options=options)
    builder.configure_logging(logging.CRITICAL)
    if encoding is not None:
        builder.with_hub_protocol(encoding)
    connection = builder.build()
    connection.on_open(lambda: opened.put(True))
    connection.on_error(errors.put)
    connection.on("Welcome", welcome.put)
    connection.on("Said", said.put)
    connection.start()
    opened.get(timeout=PATIENCE)
    assert welcome.get(timeout=PATIENCE) == ["ann"]

    value = {"text": "grüße", "list": [1, -1, 1.5, None, True]}
    connection.invoke("Echo", [value], answers.put)
    assert answers.get(timeout=PATIENCE).result == value
    connection.invoke("Enter", ["room"], answers.put)
    assert answers.get(timeout=PATIENCE).result is None
    connection.invoke("Say", ["room", "hello"])
    assert said.get(timeout=PATIENCE) == [{"room": "room", "name": "ann", "text": "hello"}]

    # Items that come before `subscribe` are lost on this client, so the first takes its time.
    nothing = lambda _: None
    connection.stream("Tick", [100]).subscribe({"next": items.put, "complete": nothing, "error": errors.put})
    assert [items.get(timeout=PATIENCE) for _ in range(3)] == [0, 1, 2]

    connection.invoke("Nope", [])
    assert errors.get(timeout=PATIENCE).error == "Unknown hub method 'Nope'"
    connection.stop()


def main():
    checks = [
        ("WebSockets json", HttpTransportType.web_sockets, HubProtocolEncoding.text),
        ("WebSockets messagepack", HttpTransportType.web_sockets, HubProtocolEncoding.binary),
        ("ServerSentEvents json", HttpTransportType.server_sent_events, HubProtocolEncoding.text),
        ("LongPolling json", HttpTransportType.long_polling, HubProtocolEncoding.text),
    ]
    for name, transport, encoding in checks:
        print(f"signalrcore: {name}", file=sys.stderr, flush=True)
        everything({"transport": transport, "verify_ssl": False}, encoding)
    print(f"signalrcore: {len(checks)} checks", flush=True)


try:
    main()
except BaseException:
    import traceback

    traceback.print_exc()
    sys.stderr.flush()
    os._exit(1)
# Its threads may outlive it.
os._exit(0)
