import json

import pytest
from click.testing import CliRunner

from tallycast.cli.demo import demo


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(demo, ["generate", *map(str, words)])


def test_a_set_is_written_and_its_truth_told(run, tmp_path):
    result = run("--rows", "1e3", "--days", 5, "--shows", 4, "--into", tmp_path / "set")
    assert result.exit_code == 0
    told = json.loads((tmp_path / "set" / "truth.json").read_text())
    assert f"{told['requests']:,} requests" in result.stdout
    assert f"{told['downloads']['visible']['log']:,}" in result.stdout
    assert "scraper" in result.stdout


def test_json_is_the_truth_and_nothing_else(run, tmp_path):
    result = run("--rows", 1000, "--days", 5, "--into", tmp_path / "set", "--json")
    assert json.loads(result.stdout) == json.loads((tmp_path / "set" / "truth.json").read_text())
    assert json.loads(result.stdout)["seed"] == 7


def test_logs_are_written_on_demand(run, tmp_path):
    result = run("--rows", 1000, "--days", 3, "--into", tmp_path, "--format", "cloudfront")
    assert result.exit_code == 0
    names = {path.suffix for path in (tmp_path / "logs").iterdir()}
    assert names == {".tsv", ".csv"}


@pytest.mark.parametrize("rows", ["many", "1.5", "nan", "inf", "-5", "0"])
def test_a_wrong_number_is_refused_without_a_traceback(run, tmp_path, rows):
    result = run("--rows", rows, "--into", tmp_path / "set")
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    assert not (tmp_path / "set").exists()


def test_a_folder_in_use_is_refused(run, tmp_path):
    (tmp_path / "mine").write_text("")
    assert "in use" in str(run("--rows", 1000, "--days", 3, "--into", tmp_path).exception)
