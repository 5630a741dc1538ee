"""Whatever comes, the server stays and never says that it failed."""

from pathlib import Path

import fuzz
import house
import pytest


def hold(tmp_path: Path, count: int) -> None:
    with house.open_server(tmp_path / "workspace") as server:
        found = fuzz.run(server, count)
        assert found.faults == []
        with server.client() as client:
            assert client.get("/api/runs").status_code == 200
        assert "Traceback" not in server.said(), server.said()[-3000:]
        print(found.statuses)
        assert any(key.startswith("json 200") for key in found.statuses), "some of them went through"


def test_two_thousand_wild_requests(tmp_path: Path) -> None:
    hold(tmp_path, 2_000)


@pytest.mark.long
def test_twenty_thousand_wild_requests(tmp_path: Path) -> None:
    hold(tmp_path, 20_000)
