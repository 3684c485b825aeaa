"""A model as a SavedModel folder, the same bytes each time."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
from tensorflow.core.protobuf import fingerprint_pb2

from composer.keras_process.tasks.served import Served

FINGERPRINT = "fingerprint.pb"


def export(served: Served, target: Path) -> None:
    """Write the folder ``target`` with the signature ``serving_default`` by final names."""
    archive = keras.export.ExportArchive()
    archive.track(served.model)  # for the tables of lookups; the variables follow below
    archive.add_endpoint("serve", served.__call__, input_signature=served.signature())
    _keep_each_variable_once(archive, served.model.variables)
    archive.write_out(target, verbose=False)
    _settle_fingerprint(target)


def _keep_each_variable_once(archive: Any, variables: Sequence[Any]) -> None:
    """Let the archive hold the variables that are used, in the order of the model.

    By itself it holds them twice: those of Keras, with seeds that nothing at inference reads and
    that are new each time, and those of TensorFlow, from a set whose order is that of addresses in
    memory. Both go into the file.
    """
    inside = {id(variable.value): variable for variable in variables}
    places = {key: number for number, key in enumerate(inside)}
    track = archive._filter_and_track_resources

    def track_once() -> None:
        track()
        kept = archive._tf_trackable
        used = sorted(kept._all_variables, key=lambda v: places.get(id(v), len(places)))
        trainable = [v for v in used if id(v) in inside and inside[id(v)].trainable]
        kept._all_variables = kept.variables = used
        kept.trainable_variables = trainable
        kept.non_trainable_variables = [v for v in used if not any(v is t for t in trainable)]

    archive._filter_and_track_resources = track_once


def _settle_fingerprint(folder: Path) -> None:
    """Derive the number that tells exports apart from what was exported."""
    file = folder / FINGERPRINT
    if not file.exists():
        return
    fingerprint = fingerprint_pb2.FingerprintDef.FromString(file.read_bytes())
    held = sorted(p for p in folder.rglob("*") if p.is_file() and p != file)
    digest = hashlib.sha256(b"".join(hashlib.sha256(p.read_bytes()).digest() for p in held))
    fingerprint.uuid = str(int.from_bytes(digest.digest()[:16], "little"))
    file.write_bytes(fingerprint.SerializeToString(deterministic=True))
