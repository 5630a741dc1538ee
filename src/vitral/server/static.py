"""The page's own files: built from ``frontend``, never in the repository."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

FOLDER = Path(__file__).parent / "static"
MISSING = "The page of this laboratory has not been built: in the repository's folder, `python3 frontend/build.py` builds it; then load this again."
TYPES = {
    ".js": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml", ".woff2": "font/woff2",
    ".json": "application/json", ".png": "image/png", ".ico": "image/x-icon", ".webmanifest": "application/manifest+json", ".wasm": "application/wasm",
    ".txt": "text/plain; charset=utf-8", ".map": "application/json",
}  # fmt: skip
"""Said here, because a machine's own table can be wrong (Windows) and the browser is told not to guess."""


class Static:
    """Gives the page and its assets; an asset's name carries its content's hash, so a browser keeps it for good."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    async def page(self, request: Request) -> Response:
        """Give the page, or say how it is built."""
        path = self._folder / "index.html"
        if not path.is_file():
            return Response(MISSING, 404, media_type="text/plain; charset=utf-8")
        return FileResponse(path, media_type=TYPES[".html"], headers={"cache-control": "no-cache"})

    async def asset(self, request: Request) -> Response:
        """Give one file of the folder ``assets``; nothing of any other."""
        path = self._find(request.path_params["path"])
        if path is None:
            raise HTTPException(404, "there is nothing at this address")
        kind = TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return FileResponse(path, media_type=kind, headers={"cache-control": "public, max-age=31536000, immutable"})

    def _find(self, name: str) -> Path | None:
        """Give the file of this name inside the folder, if there is one."""
        root = (self._folder / "assets").resolve()
        if "\x00" in name or "\\" in name:
            return None
        try:
            path = (root / name).resolve()
            return path if path.is_relative_to(root) and path.is_file() else None
        except OSError:  # a name that no file can have, such as one that is too long
            return None
