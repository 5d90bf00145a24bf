"""A reader that takes three minutes keeps everybody who watches connected (§2.8, [S7], [W23])."""

from __future__ import annotations

import asyncio

import aiohttp

from listener import listen
from photos import FERRY, ID, drawn, said, scan, seen, status

__all__ = ["listen"]


async def test_three_minutes_of_reading_lose_no_listener(start, clock, listen):
    api = await start(GEMINI_API_KEY="k", AI_PROVIDER="gemini", clock=clock)
    api.upstream.gemini.otherwise = said(seen(**FERRY))
    api.upstream.delay("gemini", 5)  # of this world; three minutes of the server's pass in it
    answer = await scan(api, drawn(), job_id=ID)
    stream = await listen(api.url, f"/api/v2/scans/{ID}/stream")
    while not api.upstream.count("gemini"):
        await clock.advance(0.2)  # events are logged at their pace
        await asyncio.sleep(0.02)
    await clock.advance(0.2)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(api.url + answer.json["websocketUrl"]) as socket,
    ):
        await socket.send_json({"type": "ready"})
        for _ in range(36):
            await clock.advance(5)
            await asyncio.sleep(0.02)
        assert clock.time() >= 1_760_000_180
        assert (await status(api, ID))["status"] == "processing"
        api.upstream.heal("gemini")

        async def to_the_end() -> list[dict]:
            found = []
            async for message in socket:
                found.append(message.json())
                if found[-1]["type"] in ("job_complete", "error"):
                    break
            return found

        async with asyncio.timeout(20):
            ending = asyncio.ensure_future(to_the_end())
            while not ending.done():  # what waits for the clock goes on
                await clock.advance(0.2)
                await asyncio.sleep(0.02)
        messages = ending.result()
        await socket.close()
    frames = await stream.frames()
    assert stream.chunks.count(b": heartbeat\n\n") >= 5
    assert frames[-1].name == "completed"
    assert "timeout" not in [frame.name for frame in frames]
    kinds = [message["type"] for message in messages]
    assert kinds[-1] == "job_complete"
    assert kinds.count("ping") >= 5
    alive = [m for m in messages if m.get("payload", {}).get("keepAlive")]
    assert len(alive) >= 2
    assert {m["payload"]["status"] for m in alive} == {"Processing with Gemini AI..."}
