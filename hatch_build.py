"""Builds the page before Vitral is installed or packed, so that ``pip install .`` needs Python alone."""

import importlib.util
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Page(BuildHookInterface):  # type: ignore[type-arg]
    """Node is asked for only where the page has to be built: a packed Vitral carries it along."""

    PLUGIN_NAME = "custom"

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        spec = importlib.util.spec_from_file_location("build_page", Path(self.root) / "frontend" / "build.py")
        assert spec is not None
        assert spec.loader is not None
        self.page = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.page)

    def dependencies(self) -> list[str]:
        """Name what the build needs."""
        return [] if self.page.is_built() else [self.page.NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, and take it into what is packed although git ignores it."""
        self.page.build()
        build_data["artifacts"].append("src/vitral/server/static/**")
