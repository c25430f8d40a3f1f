"""A layer is unpacked once, and every worker finds it whole."""

from __future__ import annotations

import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest
from ministack.core import lambda_runtime

from infra.local.bridge import shared_layers
from infra.local.bridge.shared_layers import SharingZipFile
from infra.local.errors import EmulatorChangedError


@pytest.fixture
def unpack(tmp_path):
    """Unpack a layer as a worker does; the worker's folder."""

    def _unpack(worker, text="x = 1\n", folder="layer_0"):
        place = tmp_path / worker
        target = place / folder
        target.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(place / f"{folder}.zip", "w") as made:
            made.writestr("python/package/module.py", text)
            made.writestr("python/package/sql/one.sql", "SELECT 1")
        with SharingZipFile(place / f"{folder}.zip") as packed:
            packed.extractall(target)
        return place

    return _unpack


def test_two_workers_find_the_same_files(unpack):
    one, two = unpack("one"), unpack("two")
    module = "layer_0/python/package/module.py"
    assert (one / module).read_text() == "x = 1\n"
    assert (one / module).samefile(two / module)
    assert (two / "layer_0/python/package/sql/one.sql").read_text() == "SELECT 1"


def test_another_version_of_a_layer_is_another_copy(unpack):
    one, two = unpack("one"), unpack("two", text="x = 2\n")
    module = "layer_0/python/package/module.py"
    assert [(place / module).read_text() for place in (one, two)] == ["x = 1\n", "x = 2\n"]


def test_a_worker_that_ends_takes_nothing_from_the_others(unpack):
    one, two = unpack("one"), unpack("two")
    shutil.rmtree(one)
    assert (two / "layer_0/python/package/module.py").read_text() == "x = 1\n"


def test_a_functions_own_code_is_its_own(unpack):
    one, two = unpack("one", folder="code"), unpack("two", folder="code")
    module = "code/python/package/module.py"
    assert not (one / module).samefile(two / module)


def test_workers_that_start_at_once_all_find_it_whole(unpack):
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(unpack, [f"worker-{n}" for n in range(16)]))
    assert {(p / "layer_0/python/package/module.py").read_text() for p in places} == {"x = 1\n"}


def test_a_place_that_changed_is_refused(monkeypatch):
    monkeypatch.setattr(shared_layers, "_UNPACKS", ("no such line",))
    with pytest.raises(EmulatorChangedError, match="unpacking of layers"):
        shared_layers.check()


def test_once_applied_the_emulator_unpacks_so(monkeypatch):
    monkeypatch.setattr(lambda_runtime, "zipfile", zipfile)
    shared_layers.apply()
    assert lambda_runtime.zipfile.ZipFile is SharingZipFile
    assert lambda_runtime.zipfile.BadZipFile is zipfile.BadZipFile
