"""Which specs of one command wait for which."""

from __future__ import annotations

from pathlib import Path

from composer.cli.spec_order import starts_from


def test_a_spec_waits_for_the_one_that_builds_its_file_of_weights(tmp_path: Path) -> None:
    trained, user = tmp_path / "b_trained.yaml", tmp_path / "a_user.yaml"
    trained.write_text(
        "version: 1\nname: trained\nsources: {it: {from: tower.keras}}\n"
        "output: {path: out/trained.keras}\n"
    )
    user.write_text(
        "version: 1\nname: user\n"
        "sources: {it: {from: tower.keras, weights: {file: out/trained.keras}}}\n"
        "output: {path: out/user.keras}\n"
    )
    found = starts_from([str(user), str(trained)], [])
    assert found == {str(user): (str(trained),), str(trained): ()}
