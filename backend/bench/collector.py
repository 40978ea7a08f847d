"""A collector of traces and of Sentry's reports that takes everything and keeps nothing."""

import argparse
import asyncio

import uvicorn

from helium.kit.asgi import Receive, Scope, Send, read_body, send_json


async def collector(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await read_body(receive, 1 << 26)
        await send_json(send, 200, b"{}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    config = uvicorn.Config(
        collector, port=given.port, access_log=False, log_level="warning", lifespan="off"
    )
    asyncio.run(uvicorn.Server(config).serve())
