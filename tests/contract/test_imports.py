"""The rooms import only from left to right, as pyproject.toml has it."""

from importlinter import cli

from tests.support.template import ROOT


def test_the_import_rules_hold(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    broken = cli.lint_imports(config_filename="pyproject.toml", no_cache=True)
    said = capsys.readouterr().out
    assert broken == cli.EXIT_STATUS_SUCCESS, said
    assert "0 broken" in said
