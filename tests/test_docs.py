"""Documents say what the registries say."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", sorted(path.name for path in DOCS.glob("*.md")))
def test_generated_parts_are_current(name, generate):
    text = (DOCS / name).read_text(encoding="utf-8")
    assert generate.renewed(text) == text, "run python docs/generate.py"


def test_every_generated_part_stands_in_a_document(generate):
    text = "".join(path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))
    assert set(re.findall(r"<!-- generated: (\w+) -->", text)) == set(generate.PARTS)


def test_a_stale_part_is_renewed(generate):
    stale = "before\n<!-- generated: methods -->\nold\n<!-- end -->\nafter\n"
    fresh = generate.renewed(stale)
    assert "\nold\n" not in fresh
    assert "`rollout`" in fresh
    assert (fresh.startswith("before\n"), fresh.endswith("<!-- end -->\nafter\n")) == (True, True)


def test_links_between_documents_lead_somewhere():
    for path in [*DOCS.glob("*.md"), DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"
