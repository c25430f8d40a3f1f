"""What the sample events of analytics lead to."""

from tests.contract.exercises_of_analytics import EXPORT, ask, counted, exports
from tests.support.measuring import objects
from tests.support.outcomes import outcome
from tests.support.scene import TENANT


def kept(scene):
    """The export of the samples, as it stands."""
    return exports(scene).get(TENANT, EXPORT).document


def files(scene):
    return objects(scene, "ExportsBucket")


@outcome("export_table/wanted")
def an_export_is_made_once_however_often_it_is_asked_for(scene):
    counted(scene)
    ask(scene)
    answer, made = scene.run("export_table/wanted")
    assert answer == {"batchItemFailures": []}
    assert (made.metrics["exports_made"], made.metrics["rows_exported"]) == ([1.0], [3.0])
    assert (kept(scene).state, kept(scene).rows, kept(scene).attempts) == ("done", 3, 1)
    assert files(scene) == [f"exports/acme/{EXPORT}.parquet"]
    answer, made = scene.run("export_table/wanted")
    assert answer == {"batchItemFailures": []}
    assert "exports_made" not in made.metrics
    assert kept(scene).attempts == 1


@outcome("export_table/last_try")
def the_last_try_still_makes_the_file(scene):
    ask(scene)
    answer, _ = scene.run("export_table/last_try")
    assert answer == {"batchItemFailures": []}
    assert (kept(scene).state, kept(scene).rows) == ("done", 0)  # nothing was counted here


@outcome("export_table/unknown_export")
def an_export_that_nobody_asked_for_ends_among_the_dead_letters(scene):
    answer, _ = scene.run("export_table/unknown_export")
    assert len(answer["batchItemFailures"]) == 1
    assert files(scene) == []


@outcome("export_table/poison")
def a_message_that_cannot_be_read_comes_back(scene):
    answer, _ = scene.run("export_table/poison")
    assert len(answer["batchItemFailures"]) == 1
