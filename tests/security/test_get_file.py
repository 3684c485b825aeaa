"""Advisories about ``keras.utils.get_file``, which unpacks archives: composer never does.

A config that names it is refused (``test_names_in_configs.py``). What is left is such an archive in
the place of a model, or inside of one.
"""

from __future__ import annotations

import io
import tarfile

import pytest

from tests.security.poison import contents, poisoned, rewritten


def climbing_tar(canary) -> bytes:
    """Return a tar file with a member that climbs out, and a link that a second member follows."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name in ("../canary", str(canary)):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"evil"))
        link = tarfile.TarInfo("out")
        link.type, link.linkname = tarfile.SYMTYPE, str(canary.parent)
        archive.addfile(link)
        member = tarfile.TarInfo("out/canary")
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
    return data.getvalue()


@pytest.mark.parametrize("name", ["a.keras", "a.h5"])
def test_cve_2025_12060_a_tar_file_in_the_place_of_a_model_is_refused(attack, name) -> None:
    """Before Keras 3.12 ``get_file`` unpacked tar files without a filter."""
    (attack.folder / name).write_bytes(climbing_tar(attack.canary))
    attack.refused(name, "CMP502")


def test_cve_2025_12060_a_tar_file_is_no_kind_of_source(attack) -> None:
    (attack.folder / "a.tar").write_bytes(climbing_tar(attack.canary))
    attack.refused("a.tar", "CMP504")


def test_cve_2025_12638_a_tar_file_inside_a_model_stays_packed(attack) -> None:
    """Keras 3.11.3 followed links that a tar file itself had made, past its filter.

    As an asset of a layer such a file is bytes that are copied; where no layer has it, it is
    refused.
    """
    path = poisoned(attack.folder / "a.keras", list)
    rewritten(path, {**contents(path), "assets/layers/x.tar": climbing_tar(attack.canary)})
    attack.refused("a.keras", "CMP502", "assets/layers/x.tar", "belongs to no layer")
