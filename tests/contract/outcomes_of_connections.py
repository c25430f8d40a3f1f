"""What the sample events of connections and of the audit log lead to."""

from tests.contract.exercises_of_connections import audited, connected
from tests.support.outcomes import outcome
from tests.support.told import ear


@outcome("seal_audit/daily")
def yesterday_is_sealed_once(scene):
    made = audited(scene)
    answer, run = scene.run("seal_audit/daily")
    assert answer == {"days": 1, "entries": 2, "broken": 0, "failed": 0, "done": True}
    assert run.metrics["audit_entries_sealed"] == [2.0]
    assert made.objects("digests/") == ["digests/acme/2026-01-04.json"]
    again, _ = scene.run("seal_audit/daily")
    assert again["days"] == 0


def shown(scene, case):
    made = audited(scene)
    made.seal()
    answer, _ = scene.run(f"manage_audit/{case}")
    return made, answer


@outcome("manage_audit/tip")
def the_last_entry_and_the_last_seal_are_shown(scene):
    _, answer = shown(scene, "tip")
    assert (answer["head"]["number"], answer["seal"]["last"]) == (2, 2)


@outcome("manage_audit/entries")
def entries_are_shown_as_they_lie_there(scene):
    made, answer = shown(scene, "entries")
    assert [each["place"] for each in answer["entries"]] == [1, 2]
    assert answer["entries"][1]["text"] == made.item(2)["entry"]
    assert answer["next"] is None


@outcome("manage_audit/digests")
def digests_are_shown_with_what_became_of_their_files(scene):
    _, answer = shown(scene, "digests")
    [digest] = answer["digests"]
    assert (digest["day"], digest["versions"]) == ("2026-01-04", 1)
    assert digest["file_sha256"] in digest["text"]


@outcome("manage_audit/sealed")
def the_lines_of_a_sealed_file_are_shown(scene):
    made, answer = shown(scene, "sealed")
    assert answer == {"lines": [made.item(n)["entry"] for n in (1, 2)], "next": None}


@outcome("manage_audit/unknown_command")
def a_wrong_command_to_the_log_is_an_answer(scene):
    _, answer = shown(scene, "unknown_command")
    assert answer["error"]["code"] == "BadCommandError"


@outcome("refresh_connections/tick")
def what_is_due_is_refreshed_once(scene):
    with connected(scene) as (made, connection_id):
        answer, run = scene.run("refresh_connections/tick")
        assert answer == {"refreshed": 1}
        assert run.metrics["integration_health"] == [100.0]
        assert made.document(connection_id).generation == 2
        again, _ = scene.run("refresh_connections/tick")
        assert again == {}
        [family] = made.provider.families
        text = str(run.lines)
        assert [each for each in (*family.access, family.refresh) if each in text] == []


@outcome("publish_changes/connection_broken")
def a_broken_connection_is_told(scene):
    with ear(scene) as heard:
        scene.run("publish_changes/connection_broken")
        [event] = heard()
    assert event["detail-type"] == "ConnectionBroken"
    assert event["source"] == "tallycast.partners"
    assert event["detail"]["provider"] == "spotify"
    assert "invalid_grant" in event["detail"]["problem"]
