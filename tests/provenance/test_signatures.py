"""Signatures of results: made with a key, checked with its other half, and by model-signing too."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import composer
from composer.record.signing import sign
from tests.provenance.conftest import PAIR, Compose, repacked

BOTH = f"{PAIR}output: {{path: pair, format: [keras, weights]}}\n"


def write_key(name: str, curve: ec.EllipticCurve | None = None, password: bytes | None = None):
    """Write ``NAME.pem`` and ``NAME.pub``; without a curve a key of another kind."""
    key = rsa.generate_private_key(65537, 2048) if curve is None else ec.generate_private_key(curve)
    cipher = (
        serialization.BestAvailableEncryption(password)
        if password is not None
        else serialization.NoEncryption()
    )
    Path(f"{name}.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, cipher)
    )
    Path(f"{name}.pub").write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


@pytest.fixture
def signed(folder: Path, compose: Compose) -> Path:
    """Return a folder in which a spec was built and signed by ``mine.pem``."""
    write_key("mine", ec.SECP256R1())
    write_key("other", ec.SECP256R1())
    (folder / "pair.yaml").write_text(BOTH)
    code, out, err = compose("build", "pair.yaml", "--sign", "mine.pem")
    assert (code, err) == (0, "")
    assert "  signature   pair.keras.sig\n  signature   pair.weights.h5.sig\n" in out
    return folder


def model_signing(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "model_signing", *arguments], capture_output=True, text=True
    )


def test_what_was_signed_passes_and_what_was_changed_does_not(
    signed: Path, compose: Compose
) -> None:
    code, out, err = compose("verify", "pair.keras", "--public-key", "mine.pub")
    assert (code, err) == (0, "")
    assert out == (
        "ok       signature  pair.keras.sig was made for it by mine.pub\npair.keras: verified\n"
    )
    repacked("pair.keras", "again.keras")  # the same content in other bytes
    shutil.copy("pair.keras.sig", "again.keras.sig")
    code, out, err = compose("verify", "again.keras", "--public-key", "mine.pub")
    assert code == 4
    assert "failed   signature  its bytes differ from those that again.keras.sig was made" in out
    assert "error[CMP615]: again.keras is not what was signed" in err


def test_a_spec_stands_for_all_that_it_builds(signed: Path, compose: Compose) -> None:
    code, out, _ = compose("verify", "pair.yaml", "--public-key", "mine.pub")
    assert code == 0
    assert out.count("ok       signature") == 2
    with (signed / "pair.weights.h5").open("ab") as file:
        file.write(b"x")
    code, out, _ = compose("verify", "pair.yaml", "--public-key", "mine.pub")
    assert code == 4
    assert (out.count("ok "), out.count("failed ")) == (1, 1)


def test_model_signing_itself_reads_what_was_written(signed: Path) -> None:
    check = ("verify", "key", "pair.keras", "--signature", "pair.keras.sig", "--public_key")
    assert model_signing(*check, "mine.pub").returncode == 0
    assert model_signing(*check, "other.pub").returncode != 0
    with (signed / "pair.keras").open("ab") as file:
        file.write(b"x")
    assert model_signing(*check, "mine.pub").returncode != 0


def test_what_model_signing_itself_writes_is_read(signed: Path, compose: Compose) -> None:
    arguments = ("--signature", "own.sig", "--private_key", "mine.pem")
    assert model_signing("sign", "key", "pair.keras", *arguments).returncode == 0
    arguments = ("--signature", "own.sig", "--public-key")
    assert compose("verify", "pair.keras", *arguments, "mine.pub")[0] == 0
    assert compose("verify", "pair.keras", *arguments, "other.pub")[0] == 4


def test_a_signature_says_the_name_that_its_file_has_and_no_other(signed: Path) -> None:
    from composer.container.digests import digest_file
    from composer.record.signing import signs

    assert signs(signed / "pair.keras.sig", digest_file("pair.keras"))
    assert signs(signed / "pair.keras.sig", "0" * 64) is False
    assert signs(signed / "pair.yaml", "0" * 64) is None
    import base64
    import json

    envelope = json.loads((signed / "pair.keras.sig").read_text())["dsseEnvelope"]
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert statement["subject"][0]["name"] == "pair.keras"


def test_a_folder_is_signed_as_a_whole(folder: Path, compose: Compose) -> None:
    """As that of a SavedModel is."""
    write_key("mine", ec.SECP384R1())
    for name in ("saved_model.pb", "variables/variables.index"):
        (folder / "net.saved_model" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "net.saved_model" / name).write_text(name)
    text = sign(folder / "net.saved_model", "net.saved_model", folder / "mine.pem")
    Path("net.saved_model.sig").write_bytes(text)
    verify = ("verify", "net.saved_model", "--public-key", "mine.pub")
    assert compose(*verify)[0] == 0
    (folder / "net.saved_model" / "more").write_text("")
    assert compose(*verify)[0] == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "odd.sig is not a valid signature"),
        ("no JSON", "odd.sig is not a valid signature"),
        ("[1]", "odd.sig is not a valid signature"),
        ("", "odd.sig is not a valid signature"),
    ],
)
def test_what_is_no_signature_is_refused(
    signed: Path, compose: Compose, text: str, words: str
) -> None:
    Path("odd.sig").write_text(text)
    code, out, _ = compose(
        "verify", "pair.keras", "--public-key", "mine.pub", "--signature", "odd.sig"
    )
    assert code == 4
    assert words in out


def test_a_signature_of_a_changed_statement_is_refused(signed: Path, compose: Compose) -> None:
    import base64
    import json

    document = json.loads((signed / "pair.keras.sig").read_text())
    payload = base64.b64decode(document["dsseEnvelope"]["payload"])
    document["dsseEnvelope"]["payload"] = base64.b64encode(payload + b" ").decode()
    (signed / "pair.keras.sig").write_text(json.dumps(document))
    code, out, _ = compose("verify", "pair.keras", "--public-key", "mine.pub")
    assert code == 4
    assert "pair.keras.sig was not made with the private key of mine.pub" in out


def test_another_key_and_no_signature_are_told(signed: Path, compose: Compose) -> None:
    code, out, _ = compose("verify", "pair.keras", "--public-key", "other.pub")
    assert code == 4
    assert "pair.keras.sig was made with another key than that of other.pub" in out
    (signed / "pair.keras.sig").unlink()
    code, _, err = compose("verify", "pair.keras", "--public-key", "mine.pub")
    assert code == 2
    assert "there is no signature pair.keras.sig" in err
    code, _, err = compose("verify", "pair.keras", "--signature", "pair.weights.h5.sig")
    assert code == 2
    assert "CMP113" in err


def test_what_is_said_of_a_result_is_signed_too(signed: Path, compose: Compose) -> None:
    assert compose("build", "pair.yaml", "--provenance", "--sbom", "--sign", "mine.pem")[0] == 0
    for name in ("pair.intoto.json", "pair.cdx.json"):
        verify = ("verify", name, "--public-key", "mine.pub")
        assert compose(*verify)[0] == 0
        (signed / name).write_text((signed / name).read_text().replace("MIT", "ISC"))
        assert compose(*verify)[0] == 4
    (signed / "pair.yaml").write_text(BOTH.replace("MIT", "ISC"))
    err = compose("build", "pair.yaml", "--sbom")[2]
    assert "pair.cdx.json.sig is of an earlier build; --sign KEY writes it anew\n" in err
    assert "pair.keras.sig is of an earlier build" in err
    assert "pair.intoto.json.sig" not in err  # it fits the statement, and that is told itself


def test_a_signature_and_a_lock_are_looked_at_together(signed: Path, compose: Compose) -> None:
    compose("lock", "pair.yaml")
    arguments = ("verify", "pair.keras", "--lock", "pair.lock.json", "--public-key")
    code, out, _ = compose(*arguments, "mine.pub")
    assert code == 0
    assert [line.split()[:2] for line in out.splitlines()[:2]] == [
        ["ok", "signature"], ["ok", "lock"]
    ]  # fmt: skip
    assert compose(*arguments, "other.pub")[0] == 4


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rsa.pem", "it is no key of an elliptic curve"),
        ("koblitz.pem", "unsupported key for curve 'secp256k1'"),
        ("locked.pem", ""),
        ("nobody.pem", "no such file or directory"),
        ("locked.pub", ""),
        ("pair.yaml", ""),
        (".", "is a directory"),
    ],
)
def test_a_key_that_can_not_sign_ends_the_build_before_it_writes(
    folder: Path, compose: Compose, name: str, words: str
) -> None:
    write_key("rsa")
    write_key("koblitz", ec.SECP256K1())
    write_key("locked", ec.SECP521R1(), b"secret")
    code, _, err = compose("build", "pair.yaml", "--sign", name)
    assert code == 2
    assert f"error[CMP113]: {name} can't be used to sign: {words}" in err
    assert "COMPOSE_SIGN_PASSWORD" in err
    assert not (folder / "build").exists()


def test_the_password_of_a_key_comes_from_the_environment(
    folder: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_key("locked", ec.SECP521R1(), b"secret")
    monkeypatch.setenv("COMPOSE_SIGN_PASSWORD", "guessed")
    code, _, err = compose("build", "pair.yaml", "--sign", "locked.pem")
    assert code == 2
    assert "locked.pem can't be used to sign" in err
    assert "guessed" not in err
    monkeypatch.setenv("COMPOSE_SIGN_PASSWORD", "secret")
    assert compose("build", "pair.yaml", "--sign", "locked.pem")[0] == 0
    assert compose("verify", "build/pair.keras", "--public-key", "locked.pub")[0] == 0


@pytest.mark.parametrize("key", ["mine.pem", "rsa.pub", "nobody.pub", "pair.yaml"])
def test_what_is_no_public_key_is_told(signed: Path, compose: Compose, key: str) -> None:
    write_key("rsa")
    code, _, err = compose("verify", "pair.keras", "--public-key", key)
    assert code == 2
    assert f"{key} can't be used to check a signature" in err


def test_signatures_come_with_the_artifact_and_stale_ones_are_told(
    signed: Path, compose: Compose
) -> None:
    assert compose("build", "pair.yaml")[2] == ""
    err = compose("build", "pair.yaml", "sources.a.prefix=z_", "-o", "pair.keras")[2]
    assert err == "pair.keras.sig is of an earlier build; --sign KEY writes it anew\n"
    assert compose("verify", "pair.keras", "--public-key", "mine.pub")[0] == 4
    made = composer.build("pair.yaml", ["sources.a.prefix=z_"], sign="mine.pem", provenance=True)
    assert [place.format for place in made.companions] == ["provenance", *3 * ["signature"]]
    assert compose("verify", "pair.yaml", "--public-key", "mine.pub")[0] == 0
    code, _, err = compose("build", "pair.yaml", "--dry-run", "--sign", "mine.pem")
    assert code == 2
    assert "--sign is about what was written" in err


@pytest.mark.parametrize("module", ["signing", "verifying"])
def test_a_missing_extra_is_told_with_what_installs_it(
    signed: Path, compose: Compose, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, f"model_signing.{module}", None)
    asked = {
        "signing": ("build", "pair.yaml", "--sign", "mine.pem", "-o", "new.keras"),
        "verifying": ("verify", "pair.keras", "--public-key", "mine.pub"),
    }
    code, _, err = compose(*asked[module])
    assert code == 2
    assert "signatures take a package that is not installed: model_signing" in err
    assert "help: pip install 'keras-compose[sign]'" in err
    assert not (signed / "new.keras").exists()
