"""``compose validate --fix``: what needs no decision is put right, and nothing else is touched."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from composer.diagnostics.diagnostic import Edit
from composer.workflows import fixing
from composer.workflows.pipeline import prepare

MANY = """\
# why
name: two # keep
vars: {classes: 3}
sources:
  a: {from: models/towr.keras, exclude: [prob]}  # A
  b:
    from: models/tower_b.keras # B
    exclude: [probs]
layers:
  m: {class: Averge, inputs: [a, b.pool]}
  d: {clas: Dense, args: {units: ${vars.clases}}, inputs: m}
"""
FIXED = """\
# why
version: 1
name: two # keep
vars: {classes: 3}
sources:
  a: {from: models/tower.keras, exclude: [probs]}  # A
  b:
    from: models/tower_b.keras # B
    prefix: b_
    exclude: [probs]
layers:
  m: {class: Average, inputs: [a, b:pool]}
  d: {class: Dense, args: {units: "${vars.classes}"}, inputs: m}
"""
HEAD = "version: 1\nname: m\n"


def test_many_mistakes_at_once_are_put_right_and_comments_stay(compose, workspace):
    spec = workspace / "spec.yaml"
    spec.write_text(MANY)
    spec.chmod(0o640)
    result = compose("validate", "--fix", "spec.yaml")
    assert spec.read_text() == FIXED
    assert result.code == 0, result.err
    assert "spec.yaml: 9 fixed, 0 remain\n" in result.err
    assert spec.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in workspace.iterdir()) == ["models", "spec.yaml"]


ARGUMENTS = """\
version: 1
name: m
inputs: {x: {shape: [16]}, i: {shape: [8, 8, 3]}}
layers:
  a: {class: Dense, args: {units: "5", activaton: sofmax, use_bias: no}, inputs: x}  # why
  b:
    class: Rescaling
    args:
      scale: 1/255   # to 1
    inputs: i
  c: {class: MaxPooling2D, args: {pool_size: "(2, 2)", padding: Same}, inputs: b}
outputs: [a, c]
"""
ARGUMENTS_FIXED = """\
version: 1
name: m
inputs: {x: {shape: [16]}, i: {shape: [8, 8, 3]}}
layers:
  a: {class: Dense, args: {units: 5, activation: softmax, use_bias: false}, inputs: x}  # why
  b:
    class: Rescaling
    args:
      scale: 0.00392156862745098   # to 1
    inputs: i
  c: {class: MaxPooling2D, args: {pool_size: [2, 2], padding: same}, inputs: b}
outputs: [a, c]
"""


def test_arguments_of_layers_are_put_right(compose, workspace):
    spec = workspace / "spec.yaml"
    spec.write_text(ARGUMENTS)
    result = compose("validate", "--fix", "spec.yaml")
    assert spec.read_text() == ARGUMENTS_FIXED
    assert result.code == 0, result.err


def test_an_argument_that_leaves_doubt_is_left_alone(compose, workspace):
    spec = workspace / "spec.yaml"
    text = (
        HEAD
        + "inputs: {x: {shape: [4]}}\nlayers: {a: {class: Dense, args: {units: -5}, inputs: x}}\n"
    )
    spec.write_text(text)
    assert compose("validate", "--fix", "spec.yaml").code == 1
    assert spec.read_text() == text


def test_line_ends_and_a_byte_order_mark_stay(compose, workspace):
    spec = workspace / "spec.yaml"
    spec.write_bytes(b"\xef\xbb\xbf" + MANY.replace("\n", "\r\n").encode())
    assert compose("validate", "--fix", "spec.yaml").code == 0
    assert spec.read_bytes() == b"\xef\xbb\xbf" + FIXED.replace("\n", "\r\n").encode()


def test_the_diff_is_one_that_patch_applies_and_nothing_is_written(compose, workspace):
    spec = workspace / "spec.yaml"
    spec.write_text(MANY)
    result = compose("validate", "--diff", "spec.yaml")
    assert result.code == 1
    assert spec.read_text() == MANY
    assert "9 would be fixed, 0 remain" in result.err
    subprocess.run(["git", "apply", "-p0", "-"], input=result.out, text=True, check=True)
    assert spec.read_text() == FIXED
    again = compose("validate", "--diff", "spec.yaml")
    assert (again.code, again.out) == (0, "")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("sources:\n\ta: {from: models/tower.keras}\n", "sources:\n  a: {from: models/tower.keras}\n"),
        ("sources:\n  a: {from: models/tower.keras, trainable: no}\n",
         "sources:\n  a: {from: models/tower.keras, trainable: false}\n"),
        ("sources:\n  a: {from: models/tower.keras, exclude: probs}\n",
         "sources:\n  a: {from: models/tower.keras, exclude: [probs]}\n"),
        ("sources:\n  a:\n    from: models/tower.keras\n    exclude: *obs\n", None),
        ("sources:\n  a: {from: models/tower.keras, exclude: [{class: Dens}]}\n",
         "sources:\n  a: {from: models/tower.keras, exclude: [{class: Dense}]}\n"),
        ("sources:\n  a: {from: models/tower.keras, exclude: [{after: 'pol'}]}\n",
         "sources:\n  a: {from: models/tower.keras, exclude: [{after: 'pool'}]}\n"),
        ("sources:\n  a: {from: models/tower.keras, rename: {prob: p}}\n",
         "sources:\n  a: {from: models/tower.keras, rename: {probs: p}}\n"),
        ("sources:\n  a: {from: models/tower.keras, prefix: a/}\n",
         "sources:\n  a: {from: models/tower.keras, prefix: a_}\n"),
        ("sources:\n  a: {from: models/tower.keras}\noutputs: a:porbs\n",
         "sources:\n  a: {from: models/tower.keras}\noutputs: a:probs\n"),
        ("sources:\n  a: {from: models/tower.keras, prefix: a_}\noutputs: a:a_probs\n",
         "sources:\n  a: {from: models/tower.keras, prefix: a_}\noutputs: a:probs\n"),
        (("inputs: {i: {shape: [16, 16, 3], dtype: flaot32}}\n"
         "sources:\n  a: {from: models/tower.keras, inputs: {imag: i}}\n"),
         ("inputs: {i: {shape: [16, 16, 3], dtype: float32}}\n"
         "sources:\n  a: {from: models/tower.keras, inputs: {image: i}}\n")),
        (("sources:\n  a: {from: models/tower.keras, prefix: x_}\n"
         "  b: {from: models/tower_b.keras, prefix: x_}\n"),
         ("sources:\n  a: {from: models/tower.keras, prefix: x_}\n"
         "  b: {from: models/tower_b.keras, prefix: b_}\n")),
        (("sources:\n  a: {from: models/tower.keras}\n  b: {from: models/tower_b.keras}\n"
         "  c: {from: models/tower.keras}\n"),
         ("sources:\n  a: {from: models/tower.keras}\n  b: {from: models/tower_b.keras, prefix: b_}\n"
         "  c: {from: models/tower.keras, prefix: c_}\n")),
    ],
)  # fmt: skip
def test_a_mistake_is_put_right(compose, workspace, wrong, right):
    spec = workspace / "spec.yaml"
    spec.write_text(HEAD + wrong)
    assert compose("validate", "spec.yaml").code == 1
    result = compose("validate", "--fix", "spec.yaml")
    if right is None:  # quoted it is text, and still no list: both are put right, one after another
        right = wrong.replace("*obs", '["*obs"]')
    assert spec.read_text() == HEAD + right, result.err
    assert result.code == 0, result.err


@pytest.mark.parametrize(
    "text",
    [
        # conv3 may be any of them.
        "sources: {a: {from: models/tower.keras, exclude: [conv3]}}\n",
        # Others may rely on what a variable says.
        "vars: {x: porbs}\nsources: {a: {from: models/tower.keras, exclude: ['${vars.x}']}}\n",
        # An id is used in other places as well.
        "sources: {1a: {from: models/tower.keras}}\n",
    ],
)
def test_what_needs_a_decision_is_left_alone(compose, workspace, text):
    spec = workspace / "spec.yaml"
    spec.write_text(HEAD + text)
    result = compose("validate", "--fix", "spec.yaml")
    assert result.code == 1
    assert "0 fixed, 1 remains" in result.err
    assert spec.read_text() == HEAD + text


def test_the_file_that_wrote_a_mistake_is_the_one_that_changes(compose, workspace):
    (workspace / "shared").mkdir()
    base = workspace / "shared/base.yaml"
    base.write_text("# base\nsources:\n  a: {from: ../models/tower.keras, exclud: [probs]}\n")
    spec = workspace / "spec.yaml"
    spec.write_text(HEAD + "extends: shared/bse.yaml\n")
    result = compose("validate", "--fix", "spec.yaml")
    assert result.code == 0, result.err
    assert spec.read_text() == HEAD + "extends: shared/base.yaml\n"
    assert "exclude: [probs]" in base.read_text()
    assert "fixed shared/base.yaml:3: CMP201" in result.err


def test_a_source_of_a_base_gets_no_prefix_for_the_sake_of_one_spec(compose, workspace):
    base = "sources:\n  b: {from: models/tower_b.keras}\n  c: {from: models/tower.keras}\n"
    (workspace / "base.yaml").write_text(base)
    (workspace / "spec.yaml").write_text(HEAD + "extends: base.yaml\n")
    assert compose("validate", "--fix", "spec.yaml").code == 1
    assert (workspace / "base.yaml").read_text() == base


def test_the_command_line_is_never_changed(compose, workspace):
    spec = workspace / "spec.yaml"
    spec.write_text(HEAD + "sources: {a: {from: models/tower.keras}}\n")
    result = compose("validate", "--fix", "spec.yaml", "+sources.b.from=models/tower_b.keras")
    assert result.code == 1
    assert "CMP301" in result.err
    assert spec.read_text() == HEAD + "sources: {a: {from: models/tower.keras}}\n"


def test_a_link_stays_a_link(compose, workspace):
    (workspace / "real.yaml").write_text(MANY)
    (workspace / "spec.yaml").symlink_to("real.yaml")
    assert compose("validate", "--fix", "spec.yaml").code == 0
    assert (workspace / "spec.yaml").is_symlink()
    assert (workspace / "real.yaml").read_text() == FIXED


def test_a_fix_that_makes_new_errors_is_taken_back(workspace, monkeypatch):
    spec = workspace / "spec.yaml"
    text = HEAD + "sources: {a: {from: models/tower.keras, exclude: [prob]}}\n"
    spec.write_text(text)
    right = prepare("spec.yaml").errors[0].fix[0]

    def mean(self, *_: object) -> tuple[Edit, ...]:
        return (Edit(span=right.span, replacement="conv2"),)

    monkeypatch.setattr("composer.resolver.problems.Problems.corrected", mean)
    # conv2 is there, and cutting it out leaves an edge without an end: an error of a later stage,
    # which the dead selector hid.
    assert [d.code for d in fixing.fix_spec("spec.yaml").prepared.errors] == ["CMP404"]

    def meaner(self, *_: object) -> tuple[Edit, ...]:
        return (Edit(span=right.span, replacement="x: {"),)

    monkeypatch.setattr("composer.resolver.problems.Problems.corrected", meaner)
    found = fixing.fix_spec("spec.yaml")
    assert (found.files, found.done) == ((), ())


def test_a_file_that_changed_in_the_meantime_is_left_alone(workspace):
    spec = workspace / "spec.yaml"
    spec.write_text(MANY)
    found = fixing.fix_spec("spec.yaml")
    spec.write_text("mine")
    with pytest.raises(
        fixing.UsageError, check=lambda error: error.key == "CMP113.changed-meanwhile"
    ):
        fixing.write_fixed(found.files)
    assert spec.read_text() == "mine"
    assert {p.name for p in Path().iterdir()} == {"models", "spec.yaml"}


@pytest.mark.parametrize("changed", ["spec.yaml", "base.yaml"])
def test_of_several_files_all_are_written_or_none(workspace, changed, monkeypatch):
    texts = {
        "base.yaml": "sources:\n  a: {from: models/tower.keras, exclud: [probs]}\n",
        "spec.yaml": HEAD + "extend: base.yaml\n",
    }
    for name, text in texts.items():
        Path(name).write_text(text)
    found = fixing.fix_spec("spec.yaml")
    assert len(found.files) == 2
    Path(changed).write_text("mine")
    with pytest.raises(
        fixing.UsageError, check=lambda error: error.key == "CMP113.changed-meanwhile"
    ):
        fixing.write_fixed(found.files)
    assert {name: Path(name).read_text() for name in texts} == {**texts, changed: "mine"}
    Path(changed).write_text(texts[changed])
    replace = Path.replace

    def full(self, target):
        if Path(target).name == changed:
            raise OSError(28, "full")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(fixing.UsageError, match="no space left"):
        fixing.write_fixed(found.files)
    assert {name: Path(name).read_text() for name in texts} == texts
    assert {p.name for p in Path().iterdir()} == {"models", *texts}


def test_the_screen_says_what_can_be_fixed(compose, workspace):
    (workspace / "spec.yaml").write_text(HEAD + "source: {}\nsources: {a: {frm: a.keras}}\n")
    result = compose("validate", "spec.yaml")
    assert "fix: compose validate --fix does this" in result.err
    assert "fixable with compose validate --fix)" in result.err


SOURCE = "sources:\n  a:\n    from: models/tower.keras\n    prefix: a_\n"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("x: {shape: (8, 8)}", "x: {shape: [8, 8]}"),
        ("x: {batch_size: 2, shape: ( 8, 8, ), dtype: float32}",
         "x: {batch_size: 2, shape: [8, 8], dtype: float32}"),
    ],
)  # fmt: skip
def test_what_python_writes_in_parentheses_is_a_list(compose, workspace, wrong, right):
    spec = workspace / "spec.yaml"
    head = HEAD + "layers: {d: {class: Flatten, inputs: x}}\ninputs:\n  "
    spec.write_text(f"{head}{wrong}\n")
    assert compose("validate", "spec.yaml").err.count("error[") == 1
    assert compose("validate", "--fix", "spec.yaml").code == 0
    assert spec.read_text() == f"{head}{right}\n"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("class: Conv2D, args: {filters: 5, kernel_size: (3, 3)}, inputs: a:conv1",
         "class: Conv2D, args: {filters: 5, kernel_size: [3, 3]}, inputs: a:conv1"),
        ("class: Dense, args: {units=5, activation = relu}, inputs: a",
         "class: Dense, args: {units: 5, activation: relu}, inputs: a"),
        ("class: Add, inputs: {a, 'a:probs'}", "class: Add, inputs: [a, 'a:probs']"),
        ("class: Dense, args: {units, activation}, inputs: a", None),
        ("class: Add, inputs: {a}", None),
        ("class: Add, inputs: {a, a:probs}", "class: Add, inputs: [a, a:probs]"),
        ("class: Add, inputs: (a, a:probs)", "class: Add, inputs: [a, a:probs]"),
        ("class: Dense, args: {units}, inputs: a", None),
        ("class: Conv2D, args: {kernel_size=(3, 3)}, inputs: a", None),
        ("class: Dense, args, inputs: a", None),
    ],
)  # fmt: skip
def test_what_python_writes_in_braces_is_never_made_text(compose, workspace, wrong, right):
    spec = workspace / "spec.yaml"
    spec.write_text(f"{HEAD}{SOURCE}layers:\n  d: {{{wrong}}}\n")
    assert compose("validate", "spec.yaml").code == 1
    assert compose("validate", "--fix", "spec.yaml").code == (1 if right is None else 0)
    assert spec.read_text() == f"{HEAD}{SOURCE}layers:\n  d: {{{right or wrong}}}\n"


def test_no_fix_lists_an_output_twice(compose, workspace):
    spec = workspace / "spec.yaml"
    text = HEAD + SOURCE + "outputs: [a:probs, a:conv1, b]\nlayers: {}\n"
    text = text.replace("layers: {}", "layers: {head: {class: Flatten, inputs: a:pool}}")
    text = text.replace("a:conv1, b", "head, haed")
    spec.write_text(text)
    result = compose("validate", "--fix", "spec.yaml")
    assert "did you mean 'head'? The list has it already" in result.err
    assert (result.code, spec.read_text()) == (1, text)


def test_fixes_that_lead_to_more_errors_in_the_end_are_taken_back(compose, workspace):
    """Each edit alone is a step: two lines go where a parser takes them, and no key belongs."""
    spec = workspace / "spec.yaml"
    text = HEAD + "sources:\n  a: x y\n    from: models/tower.keras\n    prefix: a_\n"
    spec.write_text(text)
    assert "1 error in spec.yaml" in compose("validate", "spec.yaml").err
    result = compose("validate", "--fix", "spec.yaml")
    assert spec.read_text() == text
    assert "0 fixed, 1 remains" in result.err


def test_a_tab_goes_whatever_it_hid(compose, workspace):
    spec = workspace / "spec.yaml"
    spec.write_text(HEAD + "sources:\n\ta: {from: no.keras}\n\tb: {from: nor.keras}\n")
    result = compose("validate", "--fix", "spec.yaml")
    assert "1 fixed" in result.err or "2 fixed" in result.err
    assert "\t" not in spec.read_text()
    assert result.err.count("CMP501") == 2


def test_what_was_not_fixed_is_not_called_fixable(compose, workspace, monkeypatch):
    spec = workspace / "spec.yaml"
    text = HEAD + "sources: {a: {from: models/tower.keras, exclude: [prob]}}\n"
    spec.write_text(text)
    monkeypatch.setattr("composer.workflows.fixing._is_better", lambda *_: False)
    assert "fixable" in compose("validate", "spec.yaml").err
    result = compose("validate", "--fix", "spec.yaml")
    assert spec.read_text() == text
    assert "0 fixed, 1 remains" in result.err
    assert "fixable" not in result.err
    assert "--fix does this" not in result.err


B = "  b:\n    from: models/tower_b.keras\n    prefix: b_\n"
ADD = "layers:\n  d:\n    class: Add\n    inputs:\n"


@pytest.mark.parametrize(
    ("part", "wrong"),
    [
        ("  a:\n    from", "  a\n    from"),
        ("    prefix: a_", "    prefix:a_"),
        ("    prefix: a_", "    prefix a_"),
        ("    prefix: a_", "    prefix = a_  # why"),
        ("    from: models/tower.k", "    from models/tower.k"),
        ("    prefix: b_", "    prefix\uff1a b_"),
        ("    from: models/tower_b", "    from\uff1amodels/tower_b"),
        ("    class: Add", "    class Add"),
        ("sources:", "sources"),
        ("      - b\n", "      -b\n"),
        ("      - b\n", "     - b\n"),
        ("    class: Add", "class: Add"),
        ("    trainable: false\n", "  trainable: false\n"),
        ("    exclude:\n      - probs\n", "  exclude:\n    - probs\n"),
        ("  b:\n    from", "    b:\n    from"),
        ("    from: models/tower.k", "from: models/tower.k"),
        ("    prefix: a_", "\u00a0   prefix: a_"),
        ("    prefix: a_", "   \u3000prefix: a_"),
        ("    prefix: b_", "    prefix:\u00a0b_"),
        ("    from: models/tower_b", "    from:\u00a0models/tower_b"),
        ("    from: models/tower_b", "\u00a0\u00a0\u00a0 from: models/tower_b"),
    ],
)
def test_a_line_that_lacks_one_character_is_told_of_and_gets_it(compose, workspace, part, wrong):
    text = HEAD + SOURCE + "    trainable: false\n    exclude:\n      - probs\n"
    text += "    unfreeze: [conv1]\n" + B.replace(
        "prefix: b_\n", "prefix: b_\n    exclude: [probs]\n"
    )
    text += ADD + "      - a\n      - b\n"
    assert text.count(part) == 1
    spec = workspace / "spec.yaml"
    spec.write_text(text)
    assert compose("validate", "spec.yaml").code == 0
    spec.write_text(text.replace(part, wrong))
    result = compose("validate", "spec.yaml")
    assert "1 error in spec.yaml (1 fixable with compose validate --fix" in result.err
    result = compose("validate", "--fix", "spec.yaml")
    assert "1 fixed, 0 remain" in result.err
    assert spec.read_text() in {text, text.replace("prefix: a_", "prefix: a_  # why")}


def test_no_break_spaces_in_text_stay(compose, workspace):
    spec = workspace / "spec.yaml"
    text = HEAD + "description: |\n  \u00a0a: b\n  c:\u00a0d\n" + SOURCE
    spec.write_text(text)
    assert compose("validate", "--fix", "spec.yaml").code == 0
    assert spec.read_text() == text


@pytest.mark.parametrize(
    ("wrong", "errors"),
    [
        ("layers:\n  d:\nclass: Add\ninputs: [a, b]\n", 2),
        ("  layers:\n    # why\n\n    d:\n      class: Add\n      inputs: [a, b]\n", 1),
        ("    layers:\n      d:\n        class: Add\n        inputs: [a, b]\n", 1),
        ("inputs: {i: {shape: [4]}}\nlayers:\n  d:\n    class: Add\ninputs: [a, b]\n", 1),
    ],
)
def test_what_stands_in_another_column_goes_where_it_belongs(compose, workspace, wrong, errors):
    spec = workspace / "spec.yaml"
    spec.write_text(HEAD + SOURCE + B + wrong)
    before = compose("validate", "spec.yaml").err
    assert f"{errors} fixable with" in before
    assert before.count("error[CMP210]") == before.count("error[") == errors
    assert compose("validate", "--fix", "spec.yaml").code == 0
    right = spec.read_text()
    assert right.split() == (HEAD + SOURCE + B + wrong).split()
    assert "\n  d:\n    class: Add\n    inputs: [a, b]\n" in right


def test_a_source_may_be_called_as_a_key_of_the_spec_is(compose, workspace):
    spec = workspace / "spec.yaml"
    spec.write_text(HEAD + "sources:\n  layers: {from: models/tower.keras}\n")
    assert compose("validate", "spec.yaml").code == 0


def test_a_key_that_stands_twice_is_still_one_too_many(compose, workspace):
    spec = workspace / "spec.yaml"
    spec.write_text(HEAD + SOURCE + "    args:\n    prefix: b_\nname: n\n")
    assert compose("validate", "spec.yaml").err.count("CMP105") == 2


@pytest.mark.parametrize("wrong", ["  - from: models/tower.keras\n", "  a: {from: [x]}\n"])
def test_a_model_without_its_broken_sources_is_no_second_error(compose, workspace, wrong):
    Path("spec.yaml").write_text(HEAD + "inputs: {x: {shape: [4]}}\nsources:\n" + wrong)
    for flags in ([], ["--fix"]):
        result = compose("validate", *flags, "spec.yaml")
        assert result.err.count("error[") == 1
        assert "CMP416" not in result.err


def test_a_first_spec_that_can_not_be_made_has_nothing_to_fix(compose, workspace):
    result = compose("init", "app:ResNt50", "-o", "-")
    assert result.code == 1
    assert "ResNet50" in result.err
    assert "--fix" not in result.err


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("layers.head.units=7", "layers.head.args.units=7"),
        ("layers.head.activation=relu", "+layers.head.args.activation=relu"),
        ("n=6", "vars.n=6"),
    ],
)
def test_an_override_that_lacks_a_step_is_told_the_one_that_works(
    compose, workspace, override, meant
):
    layers = "layers: {head: {class: Dense, args: {units: 5}, inputs: a}}\nvars: {n: 5}\n"
    Path("spec.yaml").write_text(HEAD + SOURCE + layers)
    result = compose("validate", "spec.yaml", override)
    assert result.code == 1
    assert f"help: write {meant}\n" in result.err
    assert compose("validate", "spec.yaml", meant).code == 0


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        ("class: Add, inputs: '(a, b)'", "several references are a list: [a, b]"),
        ("class: Add, inputs: 'a, b'", "several references are a list: [a, b]"),
        ("class: Add, inputs: '-a -b'", "has a space behind its '-'"),
        ("class: Add, inputs: 'a - b'", "must be in the same column"),
        ("class: Dense(5), inputs: a", "write Dense, and what it takes into args"),
        ("class: keras.layers.Dense, inputs: a", "help: write Dense\nfix:"),
        ("class: Dense, units: 5, inputs: a", "args: {units: …}"),
    ],
)
def test_the_help_says_how_it_is_written(compose, workspace, layer, said):
    Path("spec.yaml").write_text(f"{HEAD}{SOURCE}{B}layers: {{d: {{{layer}}}}}\n")
    assert said in compose("validate", "spec.yaml").err


@pytest.mark.parametrize("path", ["~/a.keras", "$MODELS/a.keras"])
def test_a_path_that_a_shell_would_fill_in_is_told_of(compose, workspace, path):
    Path("spec.yaml").write_text(f"{HEAD}sources: {{a: {{from: {path}}}}}\n")
    said = compose("validate", "spec.yaml").err
    assert "CMP501" in said
    assert "environment variable" in said


OWN_INPUT = HEAD + "inputs:\n  image: {shape: [16, 16, 3]}\nsources:\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            OWN_INPUT + "  a: {from: models/tower.keras}\n",
            OWN_INPUT + "  a: {from: models/tower.keras, inputs: image}\n",
        ),
        (
            OWN_INPUT + "  a:\n    from: models/tower.keras # why\n    trainable: false\n",
            OWN_INPUT
            + "  a:\n    from: models/tower.keras # why\n    inputs: image\n    trainable: false\n",
        ),
        (
            HEAD + "inputs: {features: {shape: [4]}, context: {shape: [4]}}\n"
            "sources: {a: {from: models/two_heads.keras}}\n",
            HEAD + "inputs: {features: {shape: [4]}, context: {shape: [4]}}\n"
            "sources: {a: {from: models/two_heads.keras, inputs: {context: context, features: "
            "features}}}\n",
        ),
        (
            HEAD + "inputs: {features: {shape: [4]}, x: {shape: [4]}}\n"
            "sources: {a: {from: models/two_heads.keras, inputs: {context: x}}}\n",
            HEAD + "inputs: {features: {shape: [4]}, x: {shape: [4]}}\n"
            "sources: {a: {from: models/two_heads.keras, inputs: {context: x, features: "
            "features}}}\n",
        ),
    ],
)
def test_a_declared_input_is_wired_to_the_sources_own_of_that_name(
    compose, workspace, before, after
):
    (workspace / "spec.yaml").write_text(before)
    result = compose("validate", "--fix", "spec.yaml")
    assert (workspace / "spec.yaml").read_text() == after
    assert result.code == 0, result.err
    assert prepare("spec.yaml").diagnostics == ()


def test_a_declared_input_is_wired_to_all_sources_that_have_one_of_its_name(compose, workspace):
    rest = "  b: {from: models/tower_b.keras%s, rename: [{regex: '(?!image).*', to: 'b_\\g<0>'}]}\n"
    (workspace / "spec.yaml").write_text(
        OWN_INPUT + "  a: {from: models/tower.keras}\n" + rest % ""
    )
    assert compose("validate", "--fix", "spec.yaml").code == 0
    assert (workspace / "spec.yaml").read_text() == (
        OWN_INPUT + "  a: {from: models/tower.keras, inputs: image}\n" + rest % ", inputs: image"
    )


@pytest.mark.parametrize(
    "text",
    [
        # It is taken already, so that a second input may be meant.
        OWN_INPUT + "  a: {from: models/tower.keras, prefix: a_, inputs: image}\n"
        "  b: {from: models/tower_b.keras}\n",
        # They can't be one.
        HEAD + "inputs: {image: {shape: [9]}}\nsources: {a: {from: models/tower.keras}}\n",
        HEAD + "inputs: {image: {shape: [16, 16, 3], dtype: uint8}}\n"
        "sources: {a: {from: models/tower.keras}}\n",
    ],
)
def test_what_may_be_two_inputs_is_left_to_the_user(compose, workspace, text):
    (workspace / "spec.yaml").write_text(text)
    result = compose("validate", "--fix", "spec.yaml")
    assert (workspace / "spec.yaml").read_text() == text
    assert result.code == 1
    (problem,) = prepare("spec.yaml").errors
    assert (problem.code, problem.fix) == ("CMP301", ())
    assert "inputs: image" in problem.help
