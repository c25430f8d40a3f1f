"""A start that cannot be says why, and what to do, in one line without a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.local import __main__ as entry
from infra.local import bridge, cli, emulator, lifecycle, ports, process, stage
from infra.local.errors import (
    BadPortError,
    BadRecordError,
    DeploymentFailedError,
    EmulatorDiedError,
    PortTakenError,
    StateFolderError,
)
from infra.local.state import Credentials, Folder, Record

pytestmark = pytest.mark.enable_socket

ROOT = Path(__file__).resolve().parents[3]
NOBODY = 2**22 + 1
"""Above the highest process id of Linux: never anybody's."""


def a_record(**overrides):
    return Record(
        **{
            "endpoint": "http://127.0.0.1:4000",
            "port": 4000,
            "region": "eu-west-1",
            "account": "000000000000",
            "credentials": Credentials(access_key_id="LOCAL", secret_access_key="secret"),
            "stack_name": "tallycast-local",
            **overrides,
        }
    )


@pytest.fixture
def folder(tmp_path):
    found = Folder.at(tmp_path / "state")
    found.prepare()
    return found


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def run(folder, *arguments, **variables):
    """A command's exit code, standard output and standard error."""
    found = CliRunner().invoke(
        cli.cli, ["--state-dir", str(folder.root), *arguments], env=variables
    )
    return found.exit_code, found.stdout, found.stderr


def assert_one_line(code, err, *parts):
    assert code == 1
    lines = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert err.splitlines()[-1] == lines[0]
    assert "Traceback" not in err
    for part in parts:
        assert part in lines[0]


def test_a_python_that_is_too_old_is_told_which_one_to_install():
    assert entry.complaint((3, 9)) == (
        "Python 3.9 is too old, the platform needs 3.11 or newer: install it, "
        "then run `make setup PYTHON=python3.11`"
    )
    assert entry.complaint((3, 11)) is None
    assert entry.complaint((3, 13)) is None


def test_the_entry_can_be_read_by_a_python_that_is_too_old():
    source = Path(entry.__file__).read_text()
    compile(source, "entry", "exec", flags=0, dont_inherit=True, _feature_version=7)


def test_a_missing_package_is_named_with_the_command_that_installs_it():
    program = (
        "import sys; sys.modules['rich'] = None; sys.modules['rich.console'] = None\n"
        "sys.argv = ['infra.local', 'status']\n"
        "from infra.local.__main__ import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the package rich")
    assert done.stderr.endswith("is missing: run `make setup`\n")
    assert done.stderr.count("\n") == 1


def test_a_port_given_that_is_taken_is_named_with_how_to_choose_another(folder, taken_port):
    code, _, err = run(folder, "up", TALLYCAST_PORT=str(taken_port))
    assert_one_line(code, err, f"port {taken_port} is taken", f"TALLYCAST_PORT={taken_port + 1}")


def test_a_port_remembered_that_is_taken_is_named_with_how_to_begin_afresh(folder, taken_port):
    folder.write(a_record(port=taken_port))
    code, _, err = run(folder, "up", TALLYCAST_PORT="")
    assert_one_line(code, err, f"port {taken_port} is taken", "make reset")


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "4 5", "\uff14\uff15"])
def test_a_port_that_is_none_is_refused(text):
    with pytest.raises(BadPortError, match=r"TALLYCAST_PORT=.* is no port"):
        ports.parse(text)


def test_a_kept_state_cannot_move_to_another_port():
    with pytest.raises(PortTakenError, match="bound to port 4000, not 4001"):
        ports.choose(4001, 4000)


def test_a_port_is_chosen_by_name_then_by_memory_then_by_chance():
    free = ports.any_free()
    assert ports.choose(free, None) == free
    assert ports.choose(None, free) == free
    assert ports.choose(free, free) == free
    assert ports.is_free(ports.choose(None, None))


def test_a_start_after_a_crash_says_that_the_last_run_left_its_pid_behind(folder, monkeypatch):
    folder.write(a_record(port=ports.any_free(), pid=NOBODY, born="1"))
    monkeypatch.setattr(emulator, "start", lambda *_, **__: fake_child("import sys; sys.exit(1)"))
    code, _, err = run(folder, "up", TALLYCAST_PORT="")
    assert code == 1
    assert f"the last run (pid {NOBODY}) did not end in good order" in err


def test_down_ends_nothing_that_is_not_ours(folder):
    """A pid in the record may be another program's by now."""
    innocent = fake_child("import time; time.sleep(60)")
    try:
        folder.write(a_record(pid=innocent.pid, born="long ago"))
        code, _, err = run(folder, "down")
        assert (code, err) == (0, "the local cloud is not running\n")
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_reset_forgets_everything_but_the_clouds_of_others(folder):
    folder.write(a_record())
    (folder.state / "sqs.json").write_text("{}")
    (folder.root / "runs" / "run-1").mkdir(parents=True)
    assert run(folder, "reset")[0] == 0
    assert [entry.name for entry in folder.root.iterdir()] == ["runs"]
    assert (folder.root / "runs" / "run-1").is_dir()


def test_reset_forgets_a_damaged_record_too(folder):
    folder.file.write_text("{")
    assert run(folder, "reset")[0] == 0
    assert folder.read() is None


@pytest.mark.parametrize("command", ["status", "logs"])
def test_what_needs_a_running_cloud_says_how_to_start_one(folder, command):
    arguments = [command, "PollFeed"] if command == "logs" else [command]
    code, out, err = run(folder, *arguments)
    assert_one_line(code, err, "not running", "make up")
    assert out == ""


def test_a_damaged_record_is_named(folder):
    folder.file.write_text('{"port": "x"}')
    with pytest.raises(BadRecordError, match=r"local\.json is damaged.*make reset"):
        folder.read()
    code, _, err = run(folder, "up")
    assert_one_line(code, err, "local.json", "make reset")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StateFolderError, match=r"cannot write to .*file/state: .*"):
        Folder.at(tmp_path / "file" / "state").prepare()
    with pytest.raises(StateFolderError), lifecycle.local_cloud(tmp_path / "file"):
        pass


def test_a_full_disk_is_named(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StateFolderError, match="No space left on device; free some space"):
        folder.prepare()


def test_another_emulator_than_the_pinned_one_is_refused(folder, monkeypatch):
    monkeypatch.setattr(bridge, "installed", lambda: "2.0.0")
    code, _, err = run(folder, "up")
    assert_one_line(code, err, "MiniStack 2.0.0", "make setup")


def fake_child(program):
    return subprocess.Popen([sys.executable, "-c", program], start_new_session=True)


def test_an_emulator_that_ends_while_starting_is_shown_with_its_last_words(folder):
    folder.log.write_text("one\ntwo\nthree\nfour: out of memory\n")
    child = fake_child("import sys; sys.exit(3)")
    with pytest.raises(EmulatorDiedError) as caught:
        emulator.wait_until_ready(child, "http://127.0.0.1:9", folder)
    assert str(caught.value) == (
        "the local cloud ended with exit code 3 while starting "
        f"(two | three | four: out of memory); see {folder.log}"
    )


def test_a_start_that_fails_leaves_no_process_and_no_pid(folder, monkeypatch):
    children = []

    def start(*_, **__):
        children.append(fake_child("import sys; sys.exit(3)"))
        return children[0]

    monkeypatch.setattr(emulator, "start", start)
    code, _, err = run(folder, "up", TALLYCAST_PORT="")
    assert_one_line(code, err, "exit code 3", str(folder.log))
    assert children[0].poll() == 3
    record = folder.read()
    assert record is not None
    assert record.pid is None


def test_a_failed_deployment_is_one_line_with_resource_reason_and_log():
    error = DeploymentFailedError(
        "tallycast-local", "Storage.Core", "no\n such  key", Path("x.log")
    )
    assert str(error) == (
        "deployment of tallycast-local failed: Storage.Core: no such key; see x.log"
    )


def test_the_record_is_readable_by_its_owner_alone(folder):
    folder.write(a_record())
    folder.write(a_record(port=4001))
    assert folder.file.stat().st_mode & 0o777 == 0o600
    assert folder.root.stat().st_mode & 0o777 == 0o700
    assert folder.read() == a_record(port=4001)


def test_workers_inherit_nothing_of_a_persons_own_cloud_or_python(folder):
    inherited = {
        "PATH": "/bin",
        "AWS_PROFILE": "prod",
        "AWS_ENDPOINT_URL": "https://example.com",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": "/elsewhere",
        "NO_PROXY": "example.com",
        "LAMBDA_EXECUTOR": "docker",
    }
    found = emulator.environment(
        folder=folder,
        port=4000,
        region="eu-west-1",
        credentials=a_record().credentials,
        keep_state=False,
        inherited=inherited,
    )
    assert not {"AWS_PROFILE", "AWS_ENDPOINT_URL", "LAMBDA_EXECUTOR"} & found.keys()
    assert not {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PERSIST_STATE"} & found.keys()
    assert found["PATH"] == "/bin"
    assert found["NO_PROXY"] == "example.com,127.0.0.1,localhost"
    assert found["AWS_CONFIG_FILE"] == os.devnull
    assert found["TMPDIR"].startswith(str(folder.root))


def test_another_template_is_deployed_under_the_local_stage(tmp_path):
    assert stage.Stage(template=tmp_path / "t.yaml").stack_name == "tallycast-local"


def test_what_a_killed_run_left_is_forgotten_and_a_living_one_is_left_alone(tmp_path):
    mine = process.find(os.getpid())
    for name, born in (("run-dead", "long ago"), ("run-starting", None)):
        run = Folder.at(tmp_path / "runs" / name)
        run.prepare()
        if born:
            run.write(a_record(pid=mine.pid, born=born))
    lifecycle.forget_dead_runs(tmp_path)
    assert [run.name for run in (tmp_path / "runs").iterdir()] == ["run-starting"]


def test_only_the_newest_logs_of_failed_runs_are_kept(tmp_path):
    for age in range(8):
        log = tmp_path / "logs" / f"run-{age}"
        log.mkdir(parents=True)
        os.utime(log, (1_000 - age, 1_000 - age))
    (tmp_path / "runs" / "run-7").mkdir(parents=True)
    lifecycle.forget_dead_runs(tmp_path)
    kept = {log.name for log in (tmp_path / "logs").iterdir()}
    assert kept == {"run-0", "run-1", "run-2", "run-3", "run-4", "run-7"}
