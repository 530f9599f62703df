"""The PyPI package pysignalr at the seats hub: `python seats_pysignalr.py URL SHOWTIME`."""

import asyncio
import json
import sys
import urllib.request

from pysignalr.client import SignalRClient
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol

URL, SHOWTIME = sys.argv[1:]
PATIENCE = 10


def hold(seat):
    body = json.dumps({"seats": [seat]}).encode()
    path = f"{URL}/v1/showtimes/{SHOWTIME}/holds"
    request = urllib.request.Request(path, data=body, headers={"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


async def everything(protocol, seat):
    opened, told, answers = (asyncio.Queue() for _ in range(3))
    client = SignalRClient(f"{URL}/hubs/seats", protocol=protocol)

    async def is_open():
        await opened.put(True)

    async def soon(awaited):
        return await asyncio.wait_for(awaited.get(), PATIENCE)

    client.on_open(is_open)
    client.on("SeatsChanged", told.put)
    running = asyncio.create_task(client.run())
    await soon(opened)
    await client.send("JoinShowtime", [SHOWTIME], answers.put)
    joined = (await soon(answers)).result
    assert joined["type"] == "snapshot", joined
    await asyncio.to_thread(hold, seat)
    [delta] = await soon(told)
    assert (delta["showtime"], delta["from"]) == (SHOWTIME, joined["revision"]), delta
    assert [(one["seat"], one["status"]) for one in delta["seats"]] == [(seat, "held")], delta
    running.cancel()


async def main():
    protocols = [JSONProtocol(), MessagepackProtocol()]
    for number, protocol in enumerate(protocols):
        await everything(protocol, f"C{number + 1}")
    print(f"{len(protocols)} checks", flush=True)


asyncio.run(main())
