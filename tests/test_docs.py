"""The reference of the experiment file says what the program does, in both languages."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

HOUSE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", HOUSE / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_sentence_is_there_in_spanish(reference: ModuleType) -> None:
    from vitral.spec import schema

    found = schema()
    english = set(reference.sentences({"Experiment": found, **found["$defs"]}))
    spanish = tomllib.loads((HOUSE / "docs" / "spanish.toml").read_text(encoding="utf-8"))["sentences"]
    assert sorted(english - set(spanish)) == [], "sentences without Spanish in docs/spanish.toml"
    assert sorted(set(spanish) - english) == [], "sentences of docs/spanish.toml that nothing says any more"


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_page_is_what_the_models_say(reference: ModuleType, language: str) -> None:
    written = reference.PAGES[language].read_text(encoding="utf-8")
    assert written == reference.page(language), "stale: run python docs/reference.py"


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_page_names_every_field_and_every_kind(reference: ModuleType, language: str) -> None:
    from vitral.spec import schema

    found = schema()
    written = reference.PAGES[language].read_text(encoding="utf-8")
    for name, model in {"Experiment": found, **found["$defs"]}.items():
        for key, field in model.get("properties", {}).items():
            assert f"`{key}`" in written or f"`{key} = " in written, f"{name}.{key}"
            for kind in [field["const"]] if "const" in field else field.get("enum", []):
                assert f'"{kind}"' in written, f"{name}.{key} = {kind}"


@pytest.mark.parametrize(
    "page",
    ["README.md", "README.es.md", "SECURITY.md"]
    + [f"docs/{page}.md" for page in ("experiments", "es/experiments", "text", "es/texto", "watch", "es/observar")],
)
def test_links_lead_somewhere(page: str) -> None:
    path = HOUSE / page
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (path.parent / target).exists(), f"{page}: {target}"
