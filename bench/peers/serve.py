"""Serves the FastAPI application on a listening socket that several processes share: its descriptor is the
first argument.
"""

import socket
import sys

import uvicorn

config = uvicorn.Config(
    "fastapi_app:app", loop="uvloop", http="httptools", access_log=False, log_level="error", lifespan="on"
)
uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
