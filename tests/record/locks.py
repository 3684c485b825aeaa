"""A lock with every field in it."""

from __future__ import annotations

from composer.record.build_record import (
    ArtifactRecord,
    BuildRecord,
    LayerRecord,
    SourceRecord,
    SpecRecord,
)
from composer.record.lock_file import resolved_sha256

RESOLVED = {
    "version": 1,
    "name": "net",
    "sources": {"tower": {"from": "tower.keras"}, "base": {"from": "app:ResNet50"}},
}
LOCK = BuildRecord(
    spec=SpecRecord(
        name="net",
        files={"net.yaml": "a" * 64, "../base.yaml": "b" * 64},
        overrides=("vars.classes=5",),
        sha256=resolved_sha256(RESOLVED),
        resolved=RESOLVED,
        directories={"sources.tower": ".."},
    ),
    sources={
        "tower": SourceRecord(
            location="tower.keras",
            content="c" * 64,
            size=10,
            sha256="d" * 64,
            revision="v1",
            weights="7" * 64,
            license="MIT",
        ),
        "base": SourceRecord(location="app:ResNet50", content="e" * 64, seed=5),
    },
    layers={"probs": LayerRecord(class_name="Dense", seed=7, content="f" * 64)},
    names={"t_conv1": "tower:conv1", "probs": "probs"},
    toolchain={
        "composer": "0.1.0",
        "h5py": "3.14.0",
        "hdf5": "1.14.6",
        "keras": "3.15.1",
        "tensorflow": "2.21.0",
    },
    artifacts={"keras": ArtifactRecord(size=20, sha256="1" * 64, content="2" * 64)},
)
