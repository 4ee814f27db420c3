"""The manual's pictures: each is made by the script and shown by a page, and shows what the program says now."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from manual_blocks import PAGES, ROOT

SCRIPT = ROOT / "docs" / "pictures.py"
ASSETS = ROOT / "docs" / "assets"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pictures", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_picture_is_made_by_the_script_and_shown_by_a_page() -> None:
    made = set(re.findall(r'^ +save\("(\w+)"', SCRIPT.read_text(encoding="utf-8"), re.MULTILINE))
    shown = {name for page in PAGES for name in re.findall(r"assets/(\w+)\.svg", page.read_text(encoding="utf-8"))}
    assert {file.name for file in ASSETS.iterdir()} == {f"{name}.svg" for name in made}
    assert made == shown


def test_the_picture_of_a_refusal_shows_what_the_program_says_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = script()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pictures, "ASSETS", tmp_path)
    (tmp_path / "small.py").write_text(pictures.REFUSED, encoding="utf-8")
    pictures.save("why", *pictures.refused())
    taken, kept = ((place / "why.svg").read_text(encoding="utf-8") for place in (tmp_path, ASSETS))
    assert taken == kept, "执行 make pictures"
