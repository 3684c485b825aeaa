"""Archives whose headers lie."""

from __future__ import annotations

import os
import struct
import zipfile

import pytest

from composer.container import zip_directory
from composer.container.zip_directory import read_members
from composer.errors import FormatError


def members_of(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return read_members(descriptor, str(path))
    finally:
        os.close(descriptor)


@pytest.fixture
def sound(tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", b"first")
        archive.writestr("b", b"second one")
    return path


def changed(path, change):
    data = bytearray(path.read_bytes())
    path.write_bytes(change(data) or data)
    return path


def case_of(path):
    with pytest.raises(FormatError) as caught:
        members_of(path)
    return caught.value.case


def local(data, number=0):
    position = -1
    for _ in range(number + 1):
        position = data.index(b"PK\x03\x04", position + 1)
    return position


def entry(data):
    return data.index(b"PK\x01\x02")


def end(data):
    return data.rindex(b"PK\x05\x06")


def put(data, position, form, value):
    struct.pack_into(form, data, position, value)


def test_members_are_located_where_zipfile_finds_them(sound):
    data = sound.read_bytes()
    with zipfile.ZipFile(sound) as archive:
        for member in members_of(sound):
            info = archive.getinfo(member.name)
            assert (member.size, member.crc, member.header_offset) == (
                info.file_size, info.CRC, info.header_offset,
            )  # fmt: skip
            found = data[member.data_offset : member.data_offset + member.size]
            assert found == archive.read(info)


@pytest.mark.parametrize(
    ("change", "case"),
    [
        (lambda d: put(d, local(d) + 22, "<L", 4), "lying-header"),
        (lambda d: put(d, local(d) + 18, "<L", 4), "lying-header"),
        (lambda d: put(d, local(d) + 14, "<L", 4), "lying-header"),
        (lambda d: put(d, local(d) + 30, "<c", b"z"), "lying-header"),
        (lambda d: put(d, entry(d) + 24, "<L", 2**31), "lying-header"),
        (lambda d: (put(d, entry(d) + 24, "<L", 9**9), put(d, entry(d) + 20, "<L", 9**9),
                    put(d, local(d) + 18, "<L", 9**9), put(d, local(d) + 22, "<L", 9**9))[:0],
         "member-beyond"),
        (lambda d: put(d, entry(d) + 8, "<H", 1), "encrypted"),
        (lambda d: put(d, entry(d) + 10, "<H", 12), "compression"),
        (lambda d: put(d, entry(d) + 42, "<L", 7), "damaged"),
        (lambda d: put(d, entry(d) + 42, "<L", 0xFFFFFFFF), "damaged"),
        (lambda d: put(d, end(d) + 8, "<H", 3), "damaged"),
        (lambda d: put(d, end(d) + 10, "<H", 9), "damaged"),
        (lambda d: put(d, end(d) + 12, "<L", 9), "directory-place"),
        (lambda d: put(d, end(d) + 16, "<L", 9), "directory-place"),
        (lambda d: put(d, end(d) + 4, "<H", 1), "damaged"),
        (lambda d: d + b"more", "trailing-data"),
        (lambda d: b"#!/bin/sh\n" + d, "not-a-zip"),
    ],
)  # fmt: skip
def test_a_header_that_lies_is_refused(sound, change, case):
    assert case_of(changed(sound, change)) == case


def test_members_that_share_bytes_are_refused(sound):
    def overlap(data):
        second = entry(data) + 46 + 1
        # The second entry points at the first header, under the first name.
        put(data, second + 42, "<L", 0)
        data[second + 46 : second + 47] = b"a"
        for field in (16, 20, 24):
            data[second + field : second + field + 4] = data[
                entry(data) + field : entry(data) + field + 4
            ]

    assert case_of(changed(sound, overlap)) == "duplicate-member"


def test_a_member_inside_another_is_refused(tmp_path):
    inner = tmp_path / "inner"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("hidden", b"payload")
    cut = inner.read_bytes().index(b"PK\x01\x02")
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("outer", inner.read_bytes()[:cut])
        archive.writestr("hidden", b"payload")
    data = bytearray(path.read_bytes())
    second = data.rindex(b"PK\x01\x02")
    put(data, second + 42, "<L", 30 + len("outer"))
    path.write_bytes(data)
    assert case_of(path) == "overlapping-members"


def test_more_members_than_any_model_has_are_refused_unread(sound, monkeypatch):
    monkeypatch.setattr(zip_directory, "MAX_MEMBERS", 1)
    assert case_of(sound) == "member-count"


def test_a_streamed_member_is_read_by_its_directory_entry(tmp_path):
    path = tmp_path / "m.keras"

    class Pipe:
        def __init__(self, file):
            self.file = file

        def write(self, data):
            return self.file.write(data)

        def flush(self):
            self.file.flush()

    with path.open("wb") as file, zipfile.ZipFile(Pipe(file), "w") as archive:
        archive.writestr("a", b"first")
        archive.writestr("b", b"second")
    assert [member.size for member in members_of(path)] == [5, 6]


def test_a_comment_is_allowed_and_one_that_hides_a_directory_is_not(sound):
    with zipfile.ZipFile(sound, "a") as archive:
        archive.comment = b"hello"
    assert len(members_of(sound)) == 2
    with zipfile.ZipFile(sound, "a") as archive:
        archive.comment = b"x" * 30 + b"PK\x05\x06" + bytes(40)
    assert case_of(sound) == "trailing-data"


def test_a_name_that_is_not_ascii_needs_the_utf8_mark(tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("assets/größe", b"")
    assert members_of(path)[0].name == "assets/größe"
    changed(path, lambda d: (put(d, 6, "<H", 0), put(d, entry(d) + 8, "<H", 0))[:0])
    assert case_of(path) == "member-name"
