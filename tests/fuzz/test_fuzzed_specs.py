"""No text of a spec gives a traceback or a hang."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.mutations import TOKENS, texts
from tests.fuzz.originals import SPECS


def test_changed_specs_are_built_or_refused(fuzz, folder, compose) -> None:
    @fuzz
    @given(texts(SPECS))
    def holds(text: str) -> None:
        (folder / "spec.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        compose("validate", "spec.yaml")

    holds()


def test_changed_specs_are_planned_or_refused(fuzz, folder, compose) -> None:
    @fuzz
    @given(texts(SPECS[-2:]), st.sampled_from([[], ["--json"]]))
    def holds(text: str, options: list[str]) -> None:
        (folder / "spec.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        compose("plan", "spec.yaml", *options)

    holds()


def test_any_text_at_all_is_refused(fuzz, folder, compose) -> None:
    anything = st.lists(st.one_of(st.sampled_from(TOKENS), st.text(max_size=4))).map("".join)

    @fuzz
    @given(st.one_of(anything.map(lambda text: text.encode("utf-8", "replace")), st.binary()))
    def holds(data: bytes) -> None:
        (folder / "spec.yaml").write_bytes(data)
        assert compose("validate", "spec.yaml") == 1

    holds()


def test_any_override_is_taken_or_refused(fuzz, folder, compose) -> None:
    (folder / "spec.yaml").write_text(SPECS[-2])
    starts = st.sampled_from(["", "+", "~"])
    keys = st.sampled_from(["vars.classes", "sources.left", "sources.right.exclude[0]", "x", "a.b"])

    @fuzz
    @given(starts, keys, texts(["=5", "={a: b}", "=${vars.list}", "", "[0]=x", '["a.b"]=c']))
    def holds(start: str, key: str, text: str) -> None:
        compose("validate", "spec.yaml", f"{start}{key}{text}".replace("\x00", ""))

    holds()
