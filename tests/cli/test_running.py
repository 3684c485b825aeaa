"""How commands end: exit codes, what goes to which stream, and what is said on the way out."""

from __future__ import annotations

import json
import os
import pty
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import composer
from composer.cli import console, running
from composer.errors import BuildError, DriftError

GOOD = """\
version: 1
name: pair
sources:
  a: {from: models/tower.keras, prefix: a_, exclude: [probs]}
  head: {from: models/head.keras, inputs: a}
"""
BAD = GOOD.replace("inputs: a}", "inputs: a:pol}")
WARNED = GOOD + "inputs: {unused: {shape: [3]}}\n"


@pytest.fixture
def specs(workspace):
    (workspace / "good.yaml").write_text(GOOD)
    (workspace / "bad.yaml").write_text(BAD)
    (workspace / "warned.yaml").write_text(WARNED)
    return workspace


# ---------------------------------------------------------------- exit codes


def test_a_sound_spec_ends_with_0_and_one_line_on_stdout(compose, specs):
    result = compose("validate", "good.yaml")
    assert result == (0, "good.yaml: fine (2 sources, 7 operations, weights not read)\n", "")


def test_a_wrong_spec_ends_with_1_and_says_so_on_stderr_only(compose, specs):
    result = compose("validate", "bad.yaml")
    assert (result.code, result.out) == (1, "")
    assert "bad.yaml:5:" in result.err
    assert result.err.endswith("1 error in bad.yaml (1 fixable with compose validate --fix)\n")


@pytest.mark.parametrize("verb", ["plan", "build"])
def test_every_verb_refuses_a_wrong_spec_alike(compose, specs, verb):
    result = compose(verb, "bad.yaml")
    assert (result.code, result.out) == (1, "")
    assert "error[CMP407]" in result.err
    assert not (specs / "build").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["validate"], "no spec given"),
        (["validate", "vars.a=1"], "only overrides: vars.a=1"),
        (["validate", "good.yaml", "--bogus"], "no such option"),
        (["plan", "good.yaml", "bad.yaml"], "a plan is of one spec"),
        (["build", "good.yaml", "bad.yaml", "-o", "x.keras"], "--output is for one spec"),
        (["build", "good.yaml", "--verify", "--dry-run"], "--dry-run writes nothing"),
        (["verify", "models/tower.keras", "vars.a=1"], "overrides change a spec"),
        (["verify", "models/tower.keras", "models/head.keras"], "one artifact is verified"),
        (["explain", "CMP999"], "there is no diagnostic code"),
        (["bild"], "there is no command 'bild'"),
        (["validate", "good.yaml", "--output-format", "xml"], "xml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_wrong_command_line_ends_with_2(compose, specs, arguments, message):
    result = compose(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error[CMP")
    assert message in result.err


def test_no_command_at_all_shows_the_help_on_stderr(compose):
    result = compose()
    assert (result.code, result.out) == (2, "")
    assert "Commands:" in result.err


@pytest.mark.parametrize("verb", ["validate", "plan", "build"])
def test_a_missing_spec_is_named_with_the_nearest_file(compose, specs, verb):
    result = compose(verb, "godo.yaml")
    assert (result.code, result.out) == (2, "")
    assert (
        result.err == "error[CMP114]: there is no file godo.yaml\nhelp: did you mean good.yaml?\n"
    )


def test_a_missing_model_is_named_with_the_nearest_file(compose):
    result = compose("inspect", "models/towre.keras")
    assert result.code == 2
    assert "did you mean models/tower.keras?" in result.err


def test_a_path_through_a_folder_that_is_not_there_says_which(compose):
    result = compose("validate", "spcs/a.yaml")
    assert result.code == 2
    assert "there is no folder spcs either" in result.err


def test_a_folder_stands_for_the_specs_in_it(compose, specs):
    (specs / "deep").mkdir()
    (specs / "deep" / "third.yaml").write_text(
        (specs / "good.yaml").read_text().replace("models/", "../models/")
    )
    (specs / "_base.yaml").write_text("nothing: here\n")
    result = compose("validate", ".")
    assert result.code == 1
    told = [line.partition(":")[0] for line in result.out.splitlines()]
    assert told == ["deep/third.yaml", "good.yaml", "warned.yaml"]
    assert "bad.yaml" in result.err
    assert "_base.yaml" not in result.err


def test_a_folder_without_specs_is_refused(compose, specs):
    result = compose("validate", "models")
    assert result.code == 2
    assert "the folder models holds no spec" in result.err
    assert "models is a folder" in compose("inspect", "models").err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_said_to_be_so(compose, specs):
    (specs / "good.yaml").chmod(0)
    result = compose("validate", "good.yaml")
    assert result.code == 2
    assert "permission denied" in result.err


def test_a_name_that_no_file_can_have_is_refused(compose):
    result = compose("validate", "a\0b.yaml")
    assert result.code == 2
    assert "can't be read" in result.err
    assert "\0" not in result.err


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x89HDF\r\n\x1a\n"])
def test_a_damaged_model_file_ends_with_1_and_no_traceback(compose, workspace, content):
    (workspace / "odd.keras").write_bytes(content)
    result = compose("inspect", "odd.keras")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error[CMP502]: odd.keras ")
    assert "Traceback" not in result.err


def test_a_target_that_is_a_folder_ends_with_3(compose, specs):
    (specs / "taken.keras").mkdir()
    result = compose("build", "good.yaml", "-o", "taken.keras")
    assert (result.code, result.out) == (3, "")
    assert "is a folder" in result.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BuildError("CMP710.graft", path="a", origin="b"), 3),
        (DriftError("CMP614.export-differs", format="onnx", reason="x"), 4),
    ],
)
def test_an_error_of_composer_gives_its_own_exit_code(compose, specs, monkeypatch, error, code):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("composer.workflows.building.build_spec", fail)
    result = compose("build", "good.yaml")
    assert (result.code, result.out, result.err) == (code, "", f"error[{error.code}]: {error}\n")


# ---------------------------------------------------------------- bugs, interruption, pipes


def _broken(*_, **__):
    raise RuntimeError("the cat sat on it")


def test_a_bug_is_one_line_that_says_how_to_see_more(compose, specs, monkeypatch):
    monkeypatch.setattr("composer.workflows.pipeline.prepare", _broken)
    result = compose("validate", "good.yaml")
    assert result.code == 3
    assert "bug in compose" in result.err
    assert "RuntimeError: the cat sat on it" in result.err
    assert "COMPOSE_TRACEBACK=1" in result.err
    assert "Traceback" not in result.err


def test_compose_traceback_shows_where_it_happened(compose, specs, monkeypatch):
    monkeypatch.setattr("composer.workflows.pipeline.prepare", _broken)
    monkeypatch.setenv("COMPOSE_TRACEBACK", "1")
    assert "in _broken" in compose("validate", "good.yaml").err


def test_an_interrupted_command_ends_with_130(compose, specs, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("composer.workflows.pipeline.prepare", interrupt)
    result = compose("validate", "good.yaml")
    assert (result.code, result.out, result.err) == (130, "", "\ninterrupted\n")


def test_a_reader_that_goes_away_is_no_error(workspace):
    command = f"{sys.executable} -m composer schema | (exec <&-; sleep 0.1)"
    done = subprocess.run(
        ["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(composer.__file__).parents[1])},
    )
    assert done.stderr == ""
    assert int(done.stdout) == running.NOBODY_READS


# ---------------------------------------------------------------- streams and forms


def test_forms_for_programs_go_to_stdout_with_all_specs_in_one_document(compose, specs):
    result = compose("validate", "bad.yaml", "good.yaml", "warned.yaml", "--output-format", "json")
    assert result.code == 1
    document = json.loads(result.out)
    assert [(d["file"], d["code"]) for d in document] == [
        ("bad.yaml", "CMP407"),
        ("warned.yaml", "CMP417"),
    ]
    assert result.err.splitlines()[1:] == [
        "good.yaml: fine (2 sources, 7 operations, weights not read)",
        "warned.yaml: 1 warning (2 sources, 8 operations, weights not read)",
    ]


def test_a_document_is_whole_when_there_is_nothing_to_say(compose, specs):
    assert compose("validate", "good.yaml", "--output-format", "json").out == "[]\n"
    sarif = json.loads(compose("validate", "good.yaml", "--output-format", "sarif").out)
    assert sarif["runs"][0]["results"] == []


def test_github_annotations_go_to_stdout(compose, specs):
    result = compose("validate", "bad.yaml", "--output-format", "github")
    assert result.out.startswith("::error file=bad.yaml,line=5,")


def test_concise_is_one_line_a_problem_on_stderr(compose, specs):
    result = compose("validate", "bad.yaml", "--output-format", "concise")
    assert result.out == ""
    assert len(result.err.splitlines()) == 2


def test_a_plan_as_json_leaves_stdout_to_the_plan(compose, specs):
    result = compose("plan", "warned.yaml", "--json", "--output-format", "json")
    assert json.loads(result.out)["name"] == "pair"
    assert json.loads(result.err)[0]["code"] == "CMP417"


def test_a_link_map_makes_room_for_diagnostics_for_programs(compose, specs):
    result = compose("plan", "warned.yaml", "--output-format", "json")
    assert json.loads(result.out)[0]["code"] == "CMP417"
    assert "head = models/head.keras" in result.err


def test_warnings_are_shown_and_do_not_stop_a_build(compose, specs):
    result = compose("build", "warned.yaml", "-o", "out.keras")
    assert result.code == 0
    assert "warning[CMP417]" in result.err
    assert result.out.startswith("out.keras\n  operations  8, from 2 sources\n")


# ---------------------------------------------------------------- several specs, builds


def test_one_wrong_spec_does_not_hide_the_others(compose, specs):
    result = compose("validate", "bad.yaml", "missing.yaml", "good.yaml")
    assert result.code == 2
    assert "error[CMP407]" in result.err
    assert "there is no file missing.yaml" in result.err
    assert result.out == "good.yaml: fine (2 sources, 7 operations, weights not read)\n"


def test_a_build_says_what_it_wrote_and_its_digest(compose, specs):
    import hashlib

    result = compose("build", "good.yaml")
    written = specs / "build" / "pair.keras"
    assert result.code == 0
    assert result.out.splitlines()[0] == "build/pair.keras"
    assert hashlib.sha256(written.read_bytes()).hexdigest() in result.out
    assert f"{574:,} (2.2 KiB)" in result.out


def test_a_dry_run_writes_nothing(compose, specs):
    result = compose("build", "good.yaml", "--dry-run")
    assert result.code == 0
    assert result.out.startswith("build/pair.keras would be written\n")
    assert not (specs / "build").exists()


def test_overrides_apply_to_every_spec(compose, specs):
    result = compose("build", "good.yaml", "name=other", "--dry-run")
    assert "build/other.keras would be written" in result.out
    result = compose("validate", "good.yaml", "sources.a.prefx=b_")
    assert "<command line>:1:" in result.err
    assert "did you mean 'sources.a.prefix'" in result.err


def test_two_specs_may_not_be_written_to_one_place(compose, specs):
    result = compose("build", "good.yaml", "warned.yaml")
    assert result.code == 2
    assert "warned.yaml and good.yaml would both be written to build/pair.keras" in result.err


ORDERED = {
    "a_last.yaml": "sources: {s: {from: middle.yaml, prefix: a_}}",
    "middle.yaml": "sources: {s: {from: z_first.yaml, prefix: m_}}",
    "z_first.yaml": "sources: {s: {from: ../models/tower.keras}}",
}


@pytest.fixture
def ordered(workspace):
    folder = workspace / "ordered"
    folder.mkdir()
    for name, text in ORDERED.items():
        (folder / name).write_text(f"version: 1\nname: {name.partition('.')[0]}\n{text}\n")
    return folder


def test_specs_are_built_after_those_that_they_start_from(compose, ordered):
    result = compose("build", "ordered")
    assert result.code == 0
    built = [line for line in result.out.splitlines() if line.endswith(".keras")]
    assert built == ["build/z_first.keras", "build/middle.keras", "build/a_last.keras"]
    assert "3 of 3 specs done" in result.err


def test_a_failure_ends_the_build_of_several_unless_it_is_to_keep_going(compose, ordered):
    (ordered / "bad.yaml").write_text("version: 1\nname: bad\nsources: {s: {from: no.keras}}\n")
    result = compose("build", "ordered")
    assert result.code == 1
    assert "0 of 4 specs done; failed: ordered/bad.yaml; not tried: " in result.err
    assert result.out == ""
    result = compose("build", "ordered", "--keep-going")
    assert result.code == 1
    assert "3 of 4 specs done; failed: ordered/bad.yaml\n" in result.err
    assert result.out.count("sha256") == 3


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_starts_from_a_failed_spec_is_not_tried(compose, ordered, jobs):
    (ordered / "middle.yaml").write_text(
        "version: 1\nname: middle\nsources: {s: {from: no.keras}}\n"
    )
    result = compose("build", "ordered", "--keep-going", "-j", str(jobs))
    assert result.code == 1
    assert "1 of 3 specs done; failed: ordered/middle.yaml; not tried: ordered/a_last.yaml " in (
        result.err
    )
    assert "there is no file no.keras" in result.err
    assert not Path("build/a_last.keras").exists()


def test_a_spec_is_built_after_the_one_that_builds_its_source(compose, ordered):
    (ordered / "a_last.yaml").write_text(
        "version: 1\nname: a_last\nsources: {s: {from: ../build/middle.keras, prefix: a_}}\n"
    )
    result = compose("build", "ordered")
    assert result.code == 0
    built = [line for line in result.out.splitlines() if line.endswith(".keras")]
    assert built == ["build/z_first.keras", "build/middle.keras", "build/a_last.keras"]


def test_builds_side_by_side_give_the_same_files(compose, ordered):
    for number in range(3):
        (ordered / f"other{number}.yaml").write_text(
            f"version: 1\nname: other{number}\nsources: {{s: {{from: ../models/tower_b.keras}}}}\n"
        )
    assert compose("build", "ordered").code == 0
    alone = {path.name: path.read_bytes() for path in Path("build").iterdir()}
    for path in Path("build").iterdir():
        path.unlink()
    result = compose("build", "ordered", "-j", "3")
    assert result.code == 0
    assert "6 of 6 specs done" in result.err
    assert result.out.count("sha256") == 6
    assert {path.name: path.read_bytes() for path in Path("build").iterdir()} == alone


def test_a_failure_side_by_side_shows_its_diagnostics_in_the_one_document(compose, ordered):
    (ordered / "bad.yaml").write_text("version: 1\nname: bad\nsources: {s: {from: no.keras}}\n")
    result = compose("build", "ordered", "-k", "-j", "2", "--output-format", "json")
    assert result.code == 1
    assert [found["code"] for found in json.loads(result.out)] == ["CMP501"]


def test_specs_in_a_circle_are_each_told_so(compose, ordered):
    (ordered / "z_first.yaml").write_text(
        "version: 1\nname: z\nsources: {s: {from: a_last.yaml}}\n"
    )
    result = compose("validate", "ordered")
    assert result.code == 1
    assert "a_last.yaml -> middle.yaml -> z_first.yaml -> a_last.yaml" in result.err
    assert compose("build", "ordered").code == 1


# ---------------------------------------------------------------- colours


def test_colours_follow_the_stream_and_the_two_variables(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    assert not console.terminal("stdout").color
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert console.terminal("stdout").color
    monkeypatch.setenv("NO_COLOR", "1")
    assert not console.terminal("stdout").color
    monkeypatch.setenv("NO_COLOR", "")
    assert console.terminal("stdout").color


def test_forced_colours_reach_screens_and_diagnostics(compose, specs, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in compose("plan", "good.yaml").out
    assert "\x1b[" in compose("validate", "bad.yaml").err
    assert "\x1b[" not in compose("validate", "bad.yaml", "--output-format", "github").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in compose("plan", "good.yaml").out


def _on_a_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    """Run compose on a pseudo terminal and return what it shows."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "composer", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(Path(composer.__file__).parents[1]), **environment},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    process.wait(timeout=60)
    return shown.decode()


def test_a_terminal_gets_colours_unless_no_color_is_set(specs):
    colourful = _on_a_terminal(["plan", "good.yaml"], {"TERM": "xterm"})
    assert "\x1b[1m" in colourful
    plain = _on_a_terminal(["plan", "good.yaml"], {"TERM": "xterm", "NO_COLOR": "1"})
    # A spinner, which moves the cursor, may be seen where the machine is slow.
    assert not re.search(r"\x1b\[[0-9;]*m", plain)


def test_a_page_is_laid_out_on_a_terminal_and_plain_in_a_pipe(specs, compose):
    laid_out = _on_a_terminal(["explain", "cmp301"], {"TERM": "xterm", "NO_COLOR": "1"})
    assert "```" not in laid_out
    assert "two_towers" in laid_out
    assert compose("explain", "cmp301").out.startswith("# CMP301: ")


# ---------------------------------------------------------------- hostile text


def test_escape_sequences_of_a_strange_file_do_not_reach_the_terminal(
    compose, changed_model, workspace
):
    evil = "\x1b]0;owned\x07[red]"

    def rename(config: dict) -> None:
        config["config"]["name"] = evil
        config |= json.loads(json.dumps(config).replace('"drop"', json.dumps(evil)))

    changed_model("tower", "odd.keras", rename)
    result = compose("inspect", "odd.keras")
    assert result.code == 0
    assert "\x1b" not in result.out
    assert "\\x1b]0;owned\\x07[red]" in result.out.replace("\n", "")
    (workspace / "spec.yaml").write_text(
        "version: 1\nname: model\nsources:\n  a: {from: odd.keras}\n"
    )
    assert "\x1b" not in compose("plan", "spec.yaml").out


def test_what_a_terminal_can_not_encode_does_not_end_the_output(compose_process, workspace):
    result = compose_process("explain", "CMP401", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert result.code == 0
    assert "\\u2026" in result.out


# ---------------------------------------------------------------- small verbs


def test_schema_prints_a_document_with_an_id(compose):
    assert (
        json.loads(compose("schema").out)["$id"] == json.loads(compose("schema", "spec").out)["$id"]
    )
    assert "plan" in json.loads(compose("schema", "plan").out)["$id"]
    assert "lock" in json.loads(compose("schema", "lock").out)["$id"]


def test_explain_lists_every_code_with_its_title(compose):
    from composer.diagnostics.codes import codes

    lines = compose("explain").out.splitlines()
    assert [line.split("  ")[0] for line in lines] == list(codes())
    assert all(len(line) > len("CMP000  ") for line in lines)


@pytest.mark.parametrize("topic", ["Dense", "dense"])
def test_explain_shows_the_arguments_of_a_layer(compose, topic):
    lines = compose("explain", topic).out.splitlines()
    assert lines[0] == "# Dense"
    assert "- `units` (required): a whole number above 0" in lines
    assert "- `use_bias` (default true): true or false" in lines
    assert not any("input_shape" in line for line in lines)


def test_explain_lists_the_names_of_a_kind(compose):
    assert {"relu,", "softmax,"} <= set(compose("explain", "activation").out.split())


def test_explain_suggests_the_layer_that_was_meant(compose):
    result = compose("explain", "Dnese")
    assert result.code == 2
    assert "did you mean 'Dense'?" in result.err


def test_the_version_is_that_of_the_project(compose):
    import tomllib

    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    version = tomllib.loads(text)["project"]["version"]
    assert composer.__version__ == version
    assert compose("--version").out == f"compose {version}\n"


def test_mode_bits_of_an_artifact_follow_the_umask(compose, specs):
    before = os.umask(0o027)
    try:
        compose("build", "good.yaml", "-o", "out.keras")
    finally:
        os.umask(before)
    assert stat.S_IMODE((specs / "out.keras").stat().st_mode) & 0o007 == 0


@pytest.mark.parametrize("flag", ["--dry-run", "--output-format=full"])
def test_a_build_refuses_to_overwrite_its_own_source(compose, specs, flag):
    import shutil

    shutil.copyfile("models/head.keras", "mine.keras")
    before = Path("mine.keras").read_bytes()
    Path("own.yaml").write_text("version: 1\nname: own\nsources:\n  head: {from: mine.keras}\n")
    result = compose("build", "own.yaml", "-o", "./mine.keras", flag)
    assert (result.code, result.out) == (3, "")
    assert "mine.keras is a source of this model" in result.err
    assert Path("mine.keras").read_bytes() == before


@pytest.mark.parametrize("stream", [">&-", "2>&-", ">&- 2>&-"])
def test_a_stream_that_the_caller_closed_is_no_bug(compose_process, specs, stream):
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m composer inspect models/head.keras {stream}', sys.executable],
        env={**os.environ, "PYTHONPATH": str(Path(composer.__file__).parents[1])},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_full_disk_is_called_that_and_not_a_bug(specs):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "composer", "inspect", "models/head.keras"],
            env={**os.environ, "PYTHONPATH": str(Path(composer.__file__).parents[1])},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (3, "error[CMP713]: no space left on device\n")


@pytest.mark.parametrize("verb", [["inspect"], ["verify"], ["build", "pipe.yaml", "--dry-run"]])
def test_a_pipe_in_place_of_a_model_is_refused_and_not_waited_for(compose_process, specs, verb):
    os.mkfifo("pipe.keras")
    Path("pipe.yaml").write_text("version: 1\nname: p\nsources:\n  p: {from: pipe.keras}\n")
    result = compose_process(*verb, *([] if "pipe.yaml" in verb else ["pipe.keras"]))
    assert (result.code, result.out) == (1, "")
    assert "pipe.keras is not a regular file" in result.err


def test_a_source_that_is_a_dead_link_is_said_to_be_one(compose, specs):
    Path("lost.keras").symlink_to("gone/model.keras")
    Path("lost.yaml").write_text("version: 1\nname: p\nsources:\n  p: {from: lost.keras}\n")
    result = compose("validate", "lost.yaml")
    assert result.code == 1
    assert "error[CMP501]" in result.err
    assert "gone/model.keras" in result.err


def test_a_file_name_as_long_as_the_system_takes_is_fine_and_one_longer_is_no_bug(compose, specs):
    Path("one.yaml").write_text("version: 1\nname: p\nsources:\n  p: {from: models/head.keras}\n")
    longest = "n" * 249 + ".keras"
    assert compose("build", "one.yaml", "-o", longest).code == 0
    assert Path(longest).is_file()
    result = compose("build", "one.yaml", "-o", f"n{longest}")
    assert result.code == 3
    assert result.err.endswith(": file name too long\n")


def test_the_place_of_an_artifact_is_shown_without_the_detour_over_its_spec(compose, specs):
    Path("recipes").mkdir()
    Path("recipes/one.yaml").write_text(
        "version: 1\nname: one\nsources:\n  head: {from: ../models/head.keras}\n"
        "output: {path: ../made/one.keras}\n"
    )
    assert compose("build", "recipes/one.yaml", "--dry-run").out.startswith("made/one.keras would")
    assert compose("build", "recipes/one.yaml").out.startswith("made/one.keras\n")
    assert Path("made/one.keras").is_file()


def test_a_model_for_a_spec_and_a_spec_for_a_model_name_the_other_verb(compose, workspace):
    Path("pair.yaml").write_text("version: 1\n")
    for verb in ("build", "validate", "plan", "status"):
        result = compose(verb, "models/tower.keras")
        assert (result.code, result.out) == (2, "")
        assert "models/tower.keras is a model; expected a spec" in result.err
        assert "compose inspect models/tower.keras" in result.err
    result = compose("inspect", "pair.yaml")
    assert (result.code, result.out) == (2, "")
    assert "compose plan pair.yaml shows what it makes" in result.err


def test_nothing_is_built_where_one_of_the_files_is_not_there(compose, specs):
    Path("one.yaml").write_text("version: 1\nname: p\nsources:\n  p: {from: models/head.keras}\n")
    result = compose("build", "one.yaml", "vars.n")
    assert (result.code, result.out) == (2, "")
    assert "there is no file vars.n" in result.err
    assert not Path("build").exists()
