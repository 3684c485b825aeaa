"""``s3://``, ``gs://`` and what else fsspec opens: the same promises as for web addresses."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from composer.errors import SourceError
from composer.sources.remote import filesystems
from composer.sources.remote.fetching import Fetcher
from composer.spec.locations import identity
from composer.store import Store
from tests.container.minimal import dense_model
from tests.sources.remote.file_server import FileServer, Served

DATA = random.Random(2).randbytes(20_000_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
ROOT = Path(__file__).parents[3]
Run = Callable[..., Fetcher]


def refusal(run: Run, url: str, sha256: str | None = None) -> SourceError:
    with pytest.raises(SourceError) as caught:
        run().fetch(url, sha256)
    return caught.value


# ---------------------------------------------------------------- any URL


@pytest.fixture
def memory() -> Iterator[Any]:
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    system.pipe_file("/models/tower.keras", DATA)
    yield system
    system.rm("/models", recursive=True)


@pytest.mark.usefixtures("memory")
def test_what_fsspec_opens_is_fetched(fetcher: Run, store: Store) -> None:
    fetched = fetcher().fetch("memory://models/tower.keras")
    assert fetched.path == store.object_path(SHA256)
    assert fetched.path.read_bytes() == DATA
    # It tells nothing that would change with the bytes.
    assert fetched.download.validator is None


@pytest.mark.usefixtures("memory")
def test_a_pinned_one_is_read_once(fetcher: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fetcher().fetch("memory://models/tower.keras", SHA256)
    monkeypatch.setattr(filesystems, "_file_system", None)
    assert fetcher().fetch("memory://models/tower.keras", SHA256).download.sha256 == SHA256


def test_a_file_inside_an_archive_at_a_url(memory: Any, fetcher: Run, tmp_path: Any) -> None:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("inner.keras", b"model")
    memory.pipe_file("/models/all.zip", buffer.getvalue())
    fetched = fetcher().fetch("zip://inner.keras::memory://models/all.zip")
    assert fetched.path.read_bytes() == b"model"


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize(
    ("url", "case"),
    [
        ("memory://models/towre.keras", "no-file"),
        ("memory://models", "folder"),
    ],
)
def test_what_is_not_there(url: str, case: str, fetcher: Run) -> None:
    error = refusal(fetcher, url)
    assert error.key == f"CMP510.{case}"
    assert error.fields["location"] == url


def test_a_scheme_that_nobody_knows(fetcher: Run) -> None:
    error = refusal(fetcher, "stfp://host/tower.keras")
    assert (error.code, error.nearest[0]) == ("CMP504", "sftp://")


@pytest.mark.parametrize(
    ("url", "missing", "extra"),
    [
        ("s3://models/tower.keras", "s3fs", "s3"),
        ("gs://models/tower.keras", "gcsfs", "gs"),
        ("gcs://models/tower.keras", "gcsfs", "gs"),
        ("memory://models/tower.keras", "fsspec.core", "remote"),
        ("s3://models/tower.keras", "fsspec.core", "s3"),
        ("hf://owner/repository/tower.keras", "huggingface_hub", "hf"),
        ("oss://models/tower.keras", "ossfs", "remote"),
    ],
)
def test_a_missing_library_says_what_to_install(
    url: str, missing: str, extra: str, fetcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSE_ALLOW_SCHEMES", "oss")
    # What fsspec imported before counts as not imported.
    known = importlib.import_module("fsspec.registry")._registry
    for name in ("s3", "gs", "gcs", "oss"):
        monkeypatch.delitem(known, name, raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    error = refusal(fetcher, url)
    assert error.code == "CMP511"
    assert f"pip install 'keras-compose[{extra}]'" in (error.help or "")
    assert url in error.message


# ---------------------------------------------------------------- s3


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a client of a bucket ``models`` with a file in it."""
    boto3 = pytest.importorskip("boto3")
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="models")
    client.put_object(Bucket="models", Key="dir/tower.keras", Body=DATA)
    yield client
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    for version in client.list_object_versions(Bucket="models").get("Versions", []):
        client.delete_object(Bucket="models", Key=version["Key"], VersionId=version["VersionId"])
    client.delete_bucket(Bucket="models")
    client.close()


@pytest.fixture
def s3_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """Return the list of calls that are made: the operation, and the range that is asked for."""
    core = pytest.importorskip("s3fs.core")
    calls: list[tuple[str, str | None]] = []
    call = core.S3FileSystem._call_s3

    async def counted(self: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        calls.append((method, kwargs.get("Range")))
        return await call(self, method, *args, **kwargs)

    monkeypatch.setattr(core.S3FileSystem, "_call_s3", counted)
    return calls


URL = "s3://models/dir/tower.keras"


def test_s3_fetches_once_and_asks_for_the_tag_afterwards(
    s3: Any, s3_calls: list[tuple[str, str | None]], fetcher: Run
) -> None:
    fetched = fetcher().fetch(URL)
    assert fetched.path.read_bytes() == DATA
    tag = s3.head_object(Bucket="models", Key="dir/tower.keras")["ETag"]
    assert fetched.download.validator == f"ETag {tag}"
    s3_calls.clear()
    assert fetcher().fetch(URL) == fetched
    assert s3_calls == [("head_object", None)]
    s3_calls.clear()
    fetcher().fetch(URL, SHA256)
    fetcher(offline=True).fetch(URL)
    assert s3_calls == []


def test_s3_gives_other_bytes_under_the_same_key(s3: Any, fetcher: Run) -> None:
    fetcher().fetch(URL)
    s3.put_object(Bucket="models", Key="dir/tower.keras", Body=b"other")
    assert fetcher().fetch(URL).path.read_bytes() == b"other"


def test_s3_goes_on_where_an_earlier_run_ended(
    s3: Any, s3_calls: list[tuple[str, str | None]], fetcher: Run, store: Store
) -> None:
    tag = s3.head_object(Bucket="models", Key="dir/tower.keras")["ETag"]
    with store.unfinished(f"fetch {identity(URL)}") as part:
        part.begin(validator=f"ETag {tag}", offset=0, size=len(DATA))
        part.append(DATA[:15_000_000])
    assert fetcher().fetch(URL).path.read_bytes() == DATA
    ranges = [asked for method, asked in s3_calls if method == "get_object"]
    assert [asked.partition("-")[0] for asked in ranges if asked] == ["bytes=15000000"]


def test_s3_tells_the_version_and_gives_an_old_one_by_its_id(s3: Any, fetcher: Run) -> None:
    s3.put_bucket_versioning(Bucket="models", VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket="models", Key="dir/tower.keras", Body=b"old")["VersionId"]
    new = s3.put_object(Bucket="models", Key="dir/tower.keras", Body=b"new")["VersionId"]
    fetched = fetcher().fetch(URL)
    assert (fetched.path.read_bytes(), fetched.download.revision) == (b"new", new)
    fetched = fetcher().fetch(f"{URL}?versionId={old}")
    assert (fetched.path.read_bytes(), fetched.download.revision) == (b"old", old)


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("url", ["s3://models/dir/towre.keras", "s3://nobodys/tower.keras"])
def test_s3_has_no_such_file(url: str, fetcher: Run) -> None:
    assert refusal(fetcher, url).key == "CMP510.no-file"


@pytest.mark.usefixtures("s3")
def test_s3_without_credentials_says_which_are_read(
    fetcher: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    error = refusal(fetcher, URL)
    assert "AWS_ACCESS_KEY_ID" in (error.help or "")
    assert "AWS_PROFILE" in (error.help or "")


def test_s3_that_can_not_be_reached(s3: Any, fetcher: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(s3fs.S3FileSystem, "retries", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert refusal(fetcher, URL).key == "CMP510.failed"
    s3fs.S3FileSystem.clear_instance_cache()


# ---------------------------------------------------------------- gs


class Objects(FileServer):
    """As much of Google's JSON API as gcsfs asks for to read one object."""

    def _answer(self, handler: Any) -> None:
        address = urlsplit(handler.path)
        if address.path.startswith("/storage/v1/b/models/o/dir%2Ftower.keras"):
            served = self.files["/tower"]
            about = {
                "kind": "storage#object",
                "bucket": "models",
                "name": "dir/tower.keras",
                "size": str(len(served.data)),
                "generation": served.headers["generation"],
                "etag": served.etag,
                "updated": "2026-11-22T10:00:00.000Z",
                "timeCreated": "2026-11-22T10:00:00.000Z",
                "mediaLink": f"{self.url}/download{address.path}?alt=media",
            }
            self._json(handler, about)
        elif address.path.startswith("/download/") and parse_qs(address.query)["alt"] == ["media"]:
            handler.path = "/tower"
            super()._answer(handler)
        elif address.path == "/storage/v1/b/models/o":
            self._json(handler, {"kind": "storage#objects", "items": []})
        else:
            handler.path = "/nothing"
            super()._answer(handler)

    def _json(self, handler: Any, document: Any) -> None:
        body = json.dumps(document).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[Objects]:
    # Read when gcsfs is imported: no question about the kind of bucket, which goes by gRPC.
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    import gcsfs

    server = Objects()
    server.files["/tower"] = Served(DATA, etag="CJ1", headers={"generation": "17"})
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    gcsfs.GCSFileSystem.clear_instance_cache()
    yield server
    gcsfs.GCSFileSystem.clear_instance_cache()
    server.close()


GOOGLE = "gs://models/dir/tower.keras"


def test_gs_fetches_once_and_asks_for_the_tag_afterwards(google: Objects, fetcher: Run) -> None:
    fetched = fetcher().fetch(GOOGLE)
    assert fetched.path.read_bytes() == DATA
    assert (fetched.download.revision, fetched.download.validator) == ("17", "etag CJ1")
    google.requests.clear()
    assert fetcher().fetch(GOOGLE) == fetched
    fetcher(offline=True).fetch(GOOGLE)
    assert google.requests == []  # what is asked about an object is no request for its bytes


def test_gs_gives_other_bytes_under_the_same_name(google: Objects, fetcher: Run) -> None:
    fetcher().fetch(GOOGLE)
    google.files["/tower"] = Served(b"other", etag="CJ2", headers={"generation": "18"})
    fetched = fetcher().fetch(GOOGLE)
    assert (fetched.path.read_bytes(), fetched.download.revision) == (b"other", "18")


def test_gs_that_changes_while_it_is_read_is_read_again(
    google: Objects, fetcher: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Objects._answer

    def changing(self: Objects, handler: Any) -> None:
        answer(self, handler)
        if self.requests and self.files["/tower"].etag == "CJ1":
            self.files["/tower"] = Served(DATA[::-1], etag="CJ2", headers={"generation": "18"})

    monkeypatch.setattr(Objects, "_answer", changing)
    fetched = fetcher().fetch(GOOGLE)
    assert fetched.path.read_bytes() == DATA[::-1]
    assert fetched.download.revision == "18"


def test_gs_goes_on_where_an_earlier_run_ended(google: Objects, fetcher: Run, store: Store) -> None:
    with store.unfinished(f"fetch {identity(GOOGLE)}") as part:
        part.begin(validator="etag CJ1", offset=0, size=len(DATA))
        part.append(DATA[:15_000_000])
    assert fetcher().fetch(GOOGLE).path.read_bytes() == DATA
    starts = [r.headers["Range"].removeprefix("bytes=").split("-")[0] for r in google.requests]
    assert min(map(int, starts)) == 15_000_000


@pytest.mark.usefixtures("google")
def test_gs_has_no_such_file(fetcher: Run) -> None:
    url = "gs://models/dir/towre.keras"
    assert refusal(fetcher, url).key == "CMP510.no-file"


# ---------------------------------------------------------------- as a user runs it


def validate(folder: Any, url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``compose validate`` on a spec with one source, with no credentials around."""
    (folder / "spec.yaml").write_text(
        f'version: 1\nname: model\nsources:\n  tower: {{from: "{url}"}}\n'
    )
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "GOOGLE_"))}
    return subprocess.run(
        [sys.executable, "-m", "composer", "validate", "spec.yaml"],
        cwd=folder,
        env={
            **kept,
            "PYTHONPATH": str(ROOT),
            "COMPOSE_HOME": str(folder / "store"),
            "HOME": str(folder),
            "AWS_EC2_METADATA_DISABLED": "true",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_public_bucket_needs_no_credentials(s3: Any, s3_server: str, tmp_path: Any) -> None:
    model = dense_model(tmp_path / "tower.keras", (64, 1000, 1000, 4)).read_bytes()
    s3.put_object(Bucket="models", Key="dir/tower.keras", Body=model, ACL="public-read")
    refused = validate(tmp_path, URL, AWS_ENDPOINT_URL=s3_server)
    assert refused.returncode == 1
    assert "FSSPEC_S3_ANON=true" in refused.stderr
    done = validate(tmp_path, URL, AWS_ENDPOINT_URL=s3_server, FSSPEC_S3_ANON="true")
    assert done.returncode == 0, done.stderr
    assert f"fetched {URL} (" in done.stderr


def test_nothing_but_what_composer_says_reaches_the_screen(google: Objects, tmp_path: Any) -> None:
    model = dense_model(tmp_path / "tower.keras", (64, 1000, 1000, 4)).read_bytes()
    google.files["/tower"] = Served(model, etag="CJ1", headers={"generation": "17"})
    done = validate(
        tmp_path,
        GOOGLE,
        STORAGE_EMULATOR_HOST=google.url,
        FSSPEC_GS_TOKEN="anon",
        # Else gcsfs asks for the kind of bucket by gRPC, which this server does not speak.
        GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT="false",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    line = done.stderr
    assert line.startswith(f"fetched {GOOGLE} (")
