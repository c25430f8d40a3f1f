"""The rooms import only from left to right, as pyproject.toml has it."""

import tomllib

from importlinter import cli

from tests.support.template import ROOT


def test_the_import_rules_hold(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    broken = cli.lint_imports(config_filename="pyproject.toml", no_cache=True)
    said = capsys.readouterr().out
    assert broken == cli.EXIT_STATUS_SUCCESS, said
    assert "0 broken" in said


def test_every_room_has_its_place_in_the_order():
    """A room that no rule names could import whatever it likes."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [order] = [each["layers"] for each in contracts["contracts"] if each["type"] == "layers"]
    package = ROOT / "layers/core/tallycast"
    rooms = {f"tallycast.{path.parent.name}" for path in package.glob("*/__init__.py")}
    assert set(order) == rooms
