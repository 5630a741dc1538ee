"""Pages on a real server: all events in order, the newest picture, nobody waits for anybody, and everything comes back after a cut."""

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import house
import httpx
import pytest
import websockets


def play(scene: Any) -> Any:
    return asyncio.run(scene)


def test_every_event_arrives_once_and_in_order(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        async with server.page() as page:
            await page.until(lambda page: page.position > 300)
            assert (await page.ask("burst", steps=2000))["ok"]
            await page.until(lambda page: page.position > 2500)
            assert page.events[0]["event"] == "run_started"
            assert house.steps_of(page.events) == list(range(1, len(page.events)))
            assert page.position == len(page.events)

    play(scene())


def test_a_page_goes_on_from_its_position(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        async with server.page() as page:
            await page.until(lambda page: len(page.events) > 50)
        kept, life = page.position, page.hello["life"]
        await asyncio.sleep(0.3)
        async with server.page(query=f"?from={kept}&life={life}") as again:
            assert (await again.take())["position"] == kept
            frame = await again.take()
            assert frame["from"] == kept, "no event twice"
            assert frame["events"][0]["step"] == kept, "and none is missing"
        async with server.page(query=f"?from={kept}&life=another") as other:
            assert (await other.take())["position"] == 0
        async with server.page(query=f"?from=99999999&life={life}") as future:
            assert (await future.take())["position"] == 0
        for wrong in ("-1", "x", "1e3", "9" * 40, "%00"):
            async with server.page(query=f"?from={wrong}&life={life}") as odd:
                assert (await odd.take())["position"] == 0

    play(scene())


def test_a_long_curve_is_thinned_and_stays_whole(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        async with server.page() as page:
            await page.ask("pause")
            step = (await page.ask("burst", steps=30_000))["step"]
            await page.until(lambda page: bool(page.events) and page.events[-1]["step"] == step)
        async with server.page() as late:
            await late.until(lambda late: late.position == page.position)
            assert len(late.events) < 13_000
            counts = [event.get("thinned", 1) for event in late.events if event["event"] == "batch_done"]
            assert sum(counts) == step, "every step is in one point"
            assert counts[-4000:] == [1] * 4000, "the last thousands as they were"
            steps = house.steps_of(late.events)
            assert steps == sorted(set(steps))
            assert sum(event["num_examples"] for event in late.events if event["event"] == "batch_done") == 10 * step
            await late.ask("run")

    play(scene())


def test_pause_batch_and_questions(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        async with server.page() as page, server.page() as other:
            assert (await page.ask("pause"))["ok"]
            await other.until(lambda other: other.state == "paused")
            there = (await page.ask("echo", a=[1, {"b": None}]))["values"]
            assert there == {"a": [1, {"b": None}]}
            refused = await page.ask("nonsense")
            assert (refused["ok"], refused["error"]) == (False, "there is no command nonsense")
            assert (await page.ask("ping"))["ok"]
            assert (await page.ask("run"))["ok"]
            await other.until(lambda other: other.state == "learning")

    play(scene())


def test_what_is_no_command_is_answered_in_a_line(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        async with server.page() as page:
            await page.take()
            for text in ["", "{", "[]", "7", '{"kind":"pause"}', '{"kind":7,"id":1}', '{"id":true,"kind":"pause"}', '{"id":[1],"kind":"run"}',
                         '{"id":1,"kind":"look","rate":"fast"}', '{"id":1,"kind":"look","example":-1}', '{"id":1,"kind":"look","layers":[1]}',
                         '{"id":1,"kind":"at","step":"x"}', '{"id":1,"kind":"look","rate":1e999}', '{"id":1,"kind":"predict","image":"../x"}',
                         "[" * 100_000, '{"id":1,"kind":"restart","seed":"x"}', "x" * 200_000]:  # fmt: skip
                await page.line.send(text)
                while (header := await page.take())["kind"] != "answer":
                    pass
                assert header["ok"] is False, text[:50]
                assert "\n" not in header["error"]
            await page.line.send(b"\x00\x01")
            while (header := await page.take())["kind"] != "answer":
                pass
            assert (await page.ask("echo", still="there"))["values"] == {"still": "there"}

    play(scene())


def test_pictures_are_made_for_who_looks_and_once_for_all(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        async with server.page() as page, server.page() as other, server.page() as blind:
            before = (await page.ask("made"))["made"]
            await asyncio.sleep(0.5)
            assert (await page.ask("made"))["made"] == before, "nobody looks, nothing is made"
            await page.ask("look", rate=20, example=3)
            await other.ask("look", rate=20, example=3)
            await page.until(lambda page: page.num_pictures > 10)
            await other.until(lambda other: other.num_pictures > 5)
            made = (await page.ask("made"))["made"] - before
            assert made < page.num_pictures + 10, "the same picture goes to both"
            await blind.ask("ping")
            assert blind.num_pictures == 0

    play(scene())


def test_the_newest_picture_wins_and_a_paused_run_shows_it_to_who_comes_late(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        async with server.page() as page:
            await page.ask("look", example=3)
            await page.until(lambda page: page.num_pictures > 2)
            await page.ask("pause")
            async with server.page() as late:
                await late.ask("look", example=3)
                await late.until(lambda late: late.num_pictures > 0, 5)
            await page.ask("run")

    play(scene())


async def stuck(server: house.Server, query: str = "") -> socket.socket:
    """A page that asks for pictures and then takes nothing from its line any more."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.connect(("127.0.0.1", server.port))
    line.sendall(
        f"GET /ws/runs/current{query} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nCookie: {server.cookie}\r\nOrigin: {server.address}\r\n\r\n".encode()
    )
    assert b"101" in line.recv(100)
    text = json.dumps({"kind": "look", "id": 1, "rate": 30}).encode()
    line.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    return line


def test_a_stuck_page_holds_up_neither_the_others_nor_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUPPET_PICTURE", "500000")

    async def scene(server: house.Server) -> None:
        async with server.page() as page:
            await page.until(lambda page: page.position > 10)
            lines = [await stuck(server) for _ in range(5)]
            await page.ask("look", rate=30)
            begun, before, pictures = time.monotonic(), page.position, page.num_pictures
            while time.monotonic() - begun < 3:
                await page.take()
            assert page.num_pictures - pictures > 20
            assert page.position - before > 100, "the run goes on"
            for line in lines:
                line.close()

    with house.open_server(tmp_path / "workspace") as server:
        play(scene(server))


def test_for_a_stuck_page_alone_no_pictures_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUPPET_PICTURE", "2000000")

    async def scene(server: house.Server) -> None:
        async with server.page() as page:
            line = await stuck(server)
            await asyncio.sleep(2)
            first = (await page.ask("made"))["made"]
            await asyncio.sleep(2)
            assert (await page.ask("made"))["made"] <= first + 1
            line.close()

    with house.open_server(tmp_path / "workspace") as server:
        play(scene(server))


def test_a_page_that_asks_and_never_takes_is_sent_away(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        line = await stuck(server)
        text = json.dumps({"kind": "ping", "id": "x" * 60}).encode()
        frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
        line.settimeout(5)
        with line, pytest.raises(OSError):
            for _ in range(1200):  # it is told to go at once; its line is cut when it does not go by itself
                for _ in range(500):
                    line.sendall(frame)
                await asyncio.sleep(0.05)
        async with server.page() as page:
            assert (await page.ask("ping"))["ok"]

    play(scene())


def test_a_killed_process_is_a_stated_state_and_the_run_can_go_on(server: house.Server) -> None:
    async def scene() -> None:
        async with server.page() as page:
            await page.until(lambda page: page.position > 10)
            answer = await page.ask("die")
            assert (answer["ok"], answer["error"]) == (False, "the run's process ended before it answered")
            await page.until(lambda page: page.state == "lost")
            late = await page.ask("pause")
            assert late["ok"] is False
            assert "SIGKILL" in late["error"]
            async with server.page(page.hello["run"]) as again:
                header = await again.take()
                assert (header["state"], header["resume"]) == ("lost", True)

    play(scene())


def test_a_process_that_loses_its_words_is_ended(server: house.Server) -> None:
    async def scene() -> None:
        async with server.page() as page:
            await page.until(lambda page: page.position > 10)
            await page.line.send(json.dumps({"kind": "shout", "id": 1}))
            await page.until(lambda page: page.state == "lost")
        assert house.children(server.process.pid) == []

    play(scene())


def test_commands_in_flight_when_a_page_leaves_are_nobodys(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        async with server.page() as page:
            await page.line.send(json.dumps({"kind": "slow", "seconds": 0.5, "id": 1}))
        async with server.page() as other:
            assert (await other.ask("echo", mine=1))["values"] == {"mine": 1}

    play(scene())


def test_more_commands_than_can_wait_are_refused(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        async with server.page() as page:
            await page.line.send(json.dumps({"kind": "slow", "seconds": 1, "id": 1000}))
            for number in range(50):
                await page.line.send(json.dumps({"kind": "echo", "id": 2000 + number}))
            await page.until(lambda page: len(page._answers) == 51)
            refused = [answer for answer in page._answers.values() if not answer["ok"]]
            assert len(refused) == 19
            assert "32 commands wait" in refused[0]["error"]

    play(scene())


def test_two_pages_at_once_end_and_resume_the_same_run(server: house.Server) -> None:
    async def scene() -> None:
        async with server.page() as page, server.page() as other:
            await page.until(lambda page: page.position > 10)
            await asyncio.gather(page.ask("stop"), other.ask("stop"))
            await page.until(lambda page: page.state == "interrupted")
            answers = await asyncio.gather(page.ask("resume"), other.ask("resume"))
            assert sorted(answer["ok"] for answer in answers) == [False, True], "one of them was first"
            await page.until(lambda page: page.state == "learning")
            await other.until(lambda other: other.state == "learning")
        assert len(house.children(server.process.pid)) == 1

    play(scene())


def test_restart_ends_the_run_and_leads_to_a_new_one(server: house.Server) -> None:
    async def scene() -> None:
        async with server.page() as page:
            await page.until(lambda page: page.position > 10)
            name = (await page.ask("restart", seed=9))["run"]
            async with server.page(name) as fresh:
                await fresh.until(lambda fresh: fresh.position > 3)
                assert fresh.hello["run"] != page.hello["run"]
                assert fresh.hello["experiment"]["seed"] == 9
        assert len(house.children(server.process.pid)) == 1

    play(scene())


def test_a_run_that_cannot_begin_says_why(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        with server.client() as client:
            text = client.get("/api/zoo").json()["experiments"]
            toml = next(entry["toml"] for entry in text if entry["name"] == "edges").replace('name = "edges"', 'name = "refused"')
            name = client.post("/api/runs", json={"toml": toml}).json()["run"]
        async with server.page(name) as page:
            await page.until(lambda page: page.state == "failed")
            assert page.hello["run"] is None
            answer = await page.ask("pause")
            assert "the data cannot be had; connect to the network" in answer["error"]

    play(scene())


def test_the_server_comes_back_where_it_was(tmp_path: Path) -> None:
    """The page's cookie still holds after a kill, at the same port."""
    with house.open_server(tmp_path / "workspace") as server:
        port, cookie = server.port, server.cookie
        server.kill()
    with house.open_server(tmp_path / "workspace", port=port) as server:
        assert server.cookie != cookie
        assert httpx.get(f"{server.address}/api/runs", headers={"Cookie": cookie}, trust_env=False).status_code == 200


def test_ctrl_c_lets_every_run_save_itself(server: house.Server) -> None:
    (worker,) = house.children(server.process.pid)
    server.process.send_signal(signal.SIGINT)
    server.process.wait(20)
    assert not house.alive(worker)


def test_a_closing_server_tells_its_pages_to_come_back(server: house.Server) -> None:
    async def scene() -> None:
        async with server.page() as page:
            await page.take()
            server.process.terminate()
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await page.until(lambda page: False)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012

    play(scene())


def test_a_run_that_is_not_there(shared: house.Server) -> None:
    server = shared

    async def scene() -> None:
        async with server.page("nothing-like-this") as page:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await page.take()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 4404

    play(scene())


def test_the_laboratory_speaks_to_nobody_in_the_terminal(shared: house.Server) -> None:
    server = shared
    """Nothing but the link and its own words: no traceback, no log of requests."""
    with server.client() as client:
        client.get("/api/runs")
        client.get("/nothing")
    assert "Traceback" not in server.said()
    assert os.linesep.join(line for line in server.said().splitlines() if "http" not in line).strip() == ""


def test_a_painter_beside_the_run_makes_its_pictures_and_nobody_is_left_behind(tmp_path: Path) -> None:
    """Of a real run that is watched the painter is killed, and pictures go on; of another one the server."""
    endless = ("edges", "--set", "training.epochs=1000000")
    with house.open_server(tmp_path / "workspace", real=True, arguments=endless) as server:

        def painters() -> list[int]:
            return [painter for worker in house.children(server.process.pid) for painter in house.children(worker)]

        async def scene() -> None:
            async with server.page() as page:
                await page.ask("look")
                await page.until(lambda page: page.num_pictures > 0)
                await page.until(lambda _: len(painters()) == 1, 60)
                (painter,) = painters()
                before = seconds_of(painter)
                await page.until(lambda _: seconds_of(painter) > before + 2, 60)  # it has loaded, and works
                os.kill(painter, signal.SIGKILL)
                seen = page.num_pictures
                await page.until(lambda page: page.num_pictures > seen + 4)
                assert page.state == "learning"
                assert painters() == [], "what was lost once may be lost again"

        play(scene())

    with house.open_server(tmp_path / "workspace", real=True, arguments=endless) as server:

        async def another() -> None:
            async with server.page() as page:
                await page.ask("look")
                await page.until(lambda _: len(painters()) == 1, 60)

        play(another())
        left = [*house.children(server.process.pid), *painters()]
        assert len(left) == 2
        server.kill()
        killed = time.monotonic()
        while any(house.alive(one) for one in left):
            assert time.monotonic() - killed < 5, "somebody is left behind"
            time.sleep(0.02)


def seconds_of(process: int) -> float:
    """Give the processor time that a process has used (Linux)."""
    return time.clock_gettime((~process << 3) | 2)
