"""Templates are read as CloudFormation reads them, and packaged as SAM packages them."""

from __future__ import annotations

import io
import json
import shutil
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local import archive, stage
from infra.local.errors import TemplateError
from infra.local.package import package
from infra.local.template import parse, read

SHORT = """
AWSTemplateFormatVersion: 2010-09-09
Conditions: {IsProd: !Equals [!Ref Stage, prod]}
Resources:
  Thing:
    Type: T
    Condition: IsProd
    Properties:
      A: !GetAtt Nested.Outputs.X
      B: !Sub "${Stage}-x"
      C: !If [IsProd, !Ref "AWS::NoValue", !Join ["", [a, !Ref Stage]]]
      D: !Condition IsProd
      E: !GetAtt [One, Two]
"""


def test_short_forms_become_long_forms():
    tree = parse(SHORT, "t")
    assert tree["AWSTemplateFormatVersion"] == "2010-09-09"
    assert tree["Conditions"]["IsProd"] == {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}
    assert tree["Resources"]["Thing"]["Properties"] == {
        "A": {"Fn::GetAtt": ["Nested", "Outputs.X"]},
        "B": {"Fn::Sub": "${Stage}-x"},
        "C": {"Fn::If": ["IsProd", {"Ref": "AWS::NoValue"}, {"Fn::Join": ["", ["a", {"Ref": "Stage"}]]}]},
        "D": {"Condition": "IsProd"},
        "E": {"Fn::GetAtt": ["One", "Two"]},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [1", "t, line 1 is no YAML"), ("- 1", "t holds no mapping"), ("a: !!python/object:os.x {}", "t")],
)  # fmt: skip
def test_what_is_no_template_is_refused_in_one_line(text, message):
    with pytest.raises(TemplateError) as caught:
        parse(text, "t")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_missing_template_is_named(tmp_path):
    with pytest.raises(TemplateError, match=r"cannot read .*nowhere\.yaml"):
        read(tmp_path / "nowhere.yaml")


TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/work}
  Elsewhere:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: "s3://other/code.zip"}
  Layer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: makefile}
    Properties: {ContentUri: layer}
  Inner:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: infra/inner.yaml}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties: {DefinitionUri: machine.asl.yaml}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      DefinitionBody: {"Fn::Transform": {Name: AWS::Include, Parameters: {Location: openapi.yaml}}}
"""


@pytest.fixture
def app(tmp_path):
    """A template and everything it points at."""
    files = {
        "template.yaml": TEMPLATE,
        "functions/work/app.py": "x = 1\n",
        "functions/work/__pycache__/app.cpython-39.pyc": "stale",
        "layer/Makefile": "build:",
        "layer/requirements.txt": "boto3",
        "layer/lib/__init__.py": "",
        "layer/lib/deep/rules.py": "y = 2\n",
        "layer/lib/schema.json": "{}",
        "infra/inner.yaml": "Resources: {Q: {Type: AWS::SQS::Queue}}",
        "machine.asl.yaml": "StartAt: A\nStates: {A: {Type: Succeed}}",
        "openapi.yaml": "openapi: 3.0.1",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def packaged(app):
    bundle = package(app / "template.yaml", bucket="b", endpoint="http://e")
    return bundle, json.loads(bundle.objects[bundle.template]())["Resources"]


def key_of(url):
    return url.removeprefix("s3://b/").removeprefix("http://e/b/")


def names_in(data):
    return set(zipfile.ZipFile(io.BytesIO(data)).namelist())


def test_every_local_path_becomes_an_object_of_the_bundle(app):
    bundle, resources = packaged(app)
    urls = [
        resources["Work"]["Properties"]["CodeUri"],
        resources["Layer"]["Properties"]["ContentUri"],
        resources["Inner"]["Properties"]["TemplateURL"],
        resources["Machine"]["Properties"]["DefinitionUri"],
        resources["Api"]["Properties"]["DefinitionBody"]["Fn::Transform"]["Parameters"]["Location"],
    ]
    assert {key_of(url) for url in urls} | {bundle.template} == set(bundle.objects)
    assert resources["Elsewhere"]["Properties"]["CodeUri"] == "s3://other/code.zip"


def test_a_makefile_layer_holds_its_packages_under_python_and_no_third_party(app):
    bundle, resources = packaged(app)
    names = names_in(bundle.objects[key_of(resources["Layer"]["Properties"]["ContentUri"])]())
    assert {name for name in names if "__pycache__" not in name} == {
        "python/lib/__init__.py",
        "python/lib/deep/rules.py",
        "python/lib/schema.json",
    }


def test_a_definition_in_yaml_is_uploaded_as_json(app):
    bundle, resources = packaged(app)
    key = key_of(resources["Machine"]["Properties"]["DefinitionUri"])
    assert json.loads(bundle.objects[key]())["StartAt"] == "A"


def test_packaging_twice_gives_the_same_names_and_a_change_gives_others(app):
    before, resources = packaged(app)
    assert packaged(app)[0].objects.keys() == before.objects.keys()
    (app / "functions/work/app.py").write_text("x = 2\n")
    after, changed = packaged(app)
    assert after.template != before.template
    assert changed["Work"] != resources["Work"]
    assert changed["Layer"] == resources["Layer"]


def test_a_path_that_leads_nowhere_is_named_with_its_resource(app):
    shutil.rmtree(app / "functions")
    with pytest.raises(TemplateError, match=r"^Work points at .*work, which is no folder$"):
        packaged(app)


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}\.(py|txt)", fullmatch=True), st.binary(max_size=60), min_size=1))  # fmt: skip
def test_archives_are_deterministic_and_hold_their_files(contents):
    data = archive.zipped(contents)
    assert data == archive.zipped(dict(reversed(contents.items())))
    opened = zipfile.ZipFile(io.BytesIO(data))
    assert {name: opened.read(name) for name in contents} == contents


def test_modules_come_with_bytecode_that_is_never_checked_against_them(tmp_path):
    contents = {"lib/__init__.py": b"", "lib/rules.py": b"answer = 42\n", "lib/bad.py": b"def ("}
    with zipfile.ZipFile(io.BytesIO(archive.zipped(contents))) as opened:
        compiled = [name for name in opened.namelist() if name.endswith(".pyc")]
        assert sorted(name.split("/")[-1].split(".")[0] for name in compiled) == [
            "__init__",
            "rules",
        ]
        for name in compiled:
            assert opened.read(name)[4:8] == b"\x01\0\0\0"


def test_fingerprints_differ_when_bytes_move_between_files():
    assert archive.fingerprint({"a": b"xy", "b": b""}) != archive.fingerprint(
        {"a": b"x", "b": b"y"}
    )


@pytest.mark.parametrize(
    "value", ['Stage=local Allow="a b" Empty=', ["Stage=local", "Allow=a b", "Empty="]]
)
def test_parameters_are_read_in_both_of_sams_spellings(value):
    assert stage.pairs(value) == {"Stage": "local", "Allow": "a b", "Empty": ""}


@pytest.mark.parametrize("value", [["Stage"], "Stage", 3])
def test_parameters_that_are_no_pairs_are_refused(value):
    with pytest.raises(TemplateError, match="parameter_overrides"):
        stage.pairs(value)


def test_the_local_stage_is_read_from_samconfig(tmp_path):
    (tmp_path / "samconfig.toml").write_text(
        '[local.global.parameters]\nstack_name = "mine"\n'
        '[local.deploy.parameters]\nparameter_overrides = "Stage=local"\ntags = ["a=b"]\n'
    )
    found = stage.read(tmp_path)
    assert (found.stack_name, found.parameters, found.tags) == (
        "mine",
        {"Stage": "local"},
        {"a": "b"},
    )


def test_a_repository_without_samconfig_has_a_local_stage_too(tmp_path):
    assert stage.read(tmp_path).stack_name == "tallycast-local"


def test_a_broken_samconfig_is_named(tmp_path):
    (tmp_path / "samconfig.toml").write_text("[local")
    with pytest.raises(TemplateError, match=r"samconfig\.toml is no TOML"):
        stage.read(tmp_path)
