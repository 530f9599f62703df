"""The PyPI package pysignalr against the chat: `python pysignalr_client.py URL`."""

import asyncio
import sys

from pysignalr.client import SignalRClient
from pysignalr.protocol.json import JSONProtocol
from pysignalr.protocol.messagepack import MessagepackProtocol

URL = sys.argv[1]
PATIENCE = 10


async def everything(protocol, kicked):
    opened, welcome, said, answers, items, complete, errors = (asyncio.Queue() for _ in range(7))
    client = SignalRClient(f"{URL}?name=ann", protocol=protocol, retry_sleep=0.1)

    async def is_open():
        await opened.put(True)

    async def soon(awaited):
        return await asyncio.wait_for(awaited.get(), PATIENCE)

    client.on_open(is_open)
    client.on_error(errors.put)
    client.on("Welcome", welcome.put)
    client.on("Said", said.put)
    running = asyncio.create_task(client.run())
    await soon(opened)
    assert await soon(welcome) == ["ann"]

    value = {"text": "grüße", "list": [1, -1, 1.5, None, True]}
    await client.send("Echo", [value], answers.put)
    assert (await soon(answers)).result == value
    await client.send("Enter", ["room"], answers.put)
    assert (await soon(answers)).error is None
    await client.send("Say", ["room", "hello"])
    assert await soon(said) == [{"room": "room", "name": "ann", "text": "hello"}]

    await client.stream("Count", [5], items.put, complete.put, errors.put)
    await soon(complete)
    assert [await soon(items) for _ in range(5)] == [1, 2, 3, 4, 5]

    await client.send("Nope", [], answers.put)
    assert (await soon(errors)).error == "Unknown hub method 'Nope'"
    if kicked:
        await client.send("Kick", [True])
        await soon(opened)
        await client.send("Echo", [7], answers.put)
        while (answer := await soon(answers)).result != 7:
            assert answer.error is not None
    assert not running.done(), "it still runs"
    running.cancel()


async def main():
    checks = [
        ("json", JSONProtocol(), False),
        ("messagepack", MessagepackProtocol(), False),
        ("closed and back again", JSONProtocol(), True),
    ]
    for name, protocol, kicked in checks:
        print(f"pysignalr: {name}", file=sys.stderr, flush=True)
        await everything(protocol, kicked)
    print(f"pysignalr: {len(checks)} checks")


asyncio.run(main())
