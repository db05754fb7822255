"""FastAPI + asyncpg: claims, heartbeats and lists, each one prepared statement in one durable transaction."""

import hashlib
import os
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from pydantic import BaseModel, Field
from statements import CLAIM, HEARTBEAT, LIST

CONNECTIONS = 8  # of each process, as many as Omoi has


class Wanted(BaseModel):
    limit: int = Field(1, ge=1, le=200)
    lease_s: int = Field(60, ge=5, le=14400)


class Beat(BaseModel):
    task: int
    fence: int


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = await asyncpg.create_pool(
        os.environ["PEER_DATABASE"], min_size=CONNECTIONS, max_size=CONNECTIONS
    )
    app.state.omoi = await asyncpg.create_pool(
        os.environ["OMOI_DATABASE"], min_size=CONNECTIONS, max_size=CONNECTIONS
    )
    app.state.same = Path(os.environ["OMOI_LIST"]).read_text()
    yield
    await app.state.pool.close()
    await app.state.omoi.close()


app = FastAPI(lifespan=lifespan)


async def key_hash(authorization: str = Header()) -> bytes:
    return hashlib.sha256(authorization.removeprefix("Bearer ").encode()).digest()


def answer(text: str | None) -> Response:
    if text is None:
        raise HTTPException(404)
    return Response(text, media_type="application/json")


@app.post("/claims")
async def claim(wanted: Wanted, key: bytes = Depends(key_hash)) -> Response:
    return answer(await app.state.pool.fetchval(CLAIM, key, wanted.limit, wanted.lease_s))


@app.post("/heartbeat")
async def heartbeat(beat: Beat, key: bytes = Depends(key_hash)) -> Response:
    return answer(await app.state.pool.fetchval(HEARTBEAT, key, beat.task, beat.fence))


@app.get("/tickets")
async def tickets(
    project: str, limit: int = Query(50, ge=1, le=200), key: bytes = Depends(key_hash)
) -> Response:
    return answer(await app.state.pool.fetchval(LIST, key, project, limit))


@app.get("/same-tickets")
async def same_tickets(
    project: str, limit: int = Query(50, ge=1, le=200), authorization: str = Header()
) -> Response:
    """Omoi's tickets, with all that Omoi says about them."""
    _, prefix, secret = authorization.split("_", 2)
    key = hashlib.sha256(secret.encode()).digest()
    return answer(
        f'{{"results":{await app.state.omoi.fetchval(app.state.same, prefix, key, project, limit)}}}'
    )


@app.get("/healthz", status_code=204)
async def healthz() -> None:
    pass
