"""A bare websockets server: it sends each message of a burst to all open sockets with `broadcast`.

python bare_websockets.py FD. A client's text says how many messages to send, each of 100 bytes.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from http import HTTPStatus

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.http11 import Request, Response

LENGTH = 100


def message(number: int) -> str:
    return json.dumps({"topic": f"ticket:B0-{number}", "cursor": ""}).ljust(LENGTH)


async def main(listener: socket.socket) -> None:
    followers: set[ServerConnection] = set()

    async def follow(connection: ServerConnection) -> None:
        followers.add(connection)
        try:
            async for text in connection:
                if text == "{}":
                    await connection.send(text)
                else:
                    for number in range(int(text)):
                        broadcast(followers - {connection}, message(number))
        finally:
            followers.discard(connection)

    def health(connection: ServerConnection, request: Request) -> Response | None:
        return None if request.path == "/ws/live/" else connection.respond(HTTPStatus.OK, "ok\n")

    async with serve(follow, sock=listener, compression=None, process_request=health):
        await asyncio.Future()


uvloop.run(main(socket.socket(fileno=int(sys.argv[1]))))
