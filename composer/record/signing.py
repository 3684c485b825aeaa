"""Signatures of results, made and checked by OpenSSF model-signing with keys of the user's own.

They are what ``model_signing sign key`` writes, and each side reads the other's.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any, Final

from composer.diagnostics.diagnostic import Diagnostic
from composer.errors import BuildError, UsageError
from composer.files.regular import read_regular
from composer.record.checks import CheckResult, VerificationReport

PASSWORD: Final = "COMPOSE_SIGN_PASSWORD"  # noqa: S105 - the name of a variable of the environment
"""Where the password of a private key is taken from: others can read the arguments of a command."""
_EXTRA = "pip install 'keras-compose[sign]'"


def check_key(key: Path) -> None:
    """Refuse a private key that can't sign, before anything is built for it.

    Raises:
        UsageError: the key can't be read, is of another kind, or has another password; or the
            extra ``sign`` is not installed.
    """
    _signer(key)


def sign(path: Path, name: str, key: Path) -> bytes:
    """Return the signature of a file, or of a folder with all that it holds.

    Args:
        path: where it is now.
        name: that it will have, which the signature says.
        key: the private key, PEM: an elliptic curve of 256, 384 or 521 bits.

    Raises:
        UsageError: as for :func:`check_key`.
        BuildError: it can't be signed.
    """
    import tempfile

    config = _signer(key).set_hashing_config(_named(name))
    try:
        with tempfile.TemporaryDirectory() as folder:
            signature = Path(folder) / "signature"
            config.sign(path, signature)
            return signature.read_bytes()
    except (ValueError, OSError) as error:
        raise BuildError("CMP710.unsigned", path=name, reason=_reason(error)) from error


def check_signature(artifact: Path, signature: Path, key: Path) -> VerificationReport:
    """Return whether a key signed a file or folder as it is.

    Args:
        artifact: of any format.
        signature: as :func:`sign` or ``model_signing sign key`` wrote it.
        key: the public key, PEM.

    Raises:
        UsageError: the key, the signature or the artifact can't be read; or the extra ``sign``
            is not installed.
    """
    if not signature.is_file():
        raise UsageError("CMP114.no-signature", path=signature)
    try:
        problem = _problem(artifact, signature, key)
    except OSError as error:
        raise UsageError(
            "CMP114.unreadable", path=error.filename or artifact, reason=_reason(error)
        ) from error
    if problem is None:
        check = CheckResult(
            name="signature", state="ok", detail=f"{signature} was made for it by {key}"
        )
        return VerificationReport(artifact=artifact, checks=(check,))
    return VerificationReport(
        artifact=artifact,
        checks=(CheckResult(name="signature", state="failed", detail=problem),),
        diagnostics=(
            Diagnostic(
                code="CMP615",
                message=f"{artifact} is not what was signed: {problem}",
                help="take the artifact from where it was signed, or build it again and sign that",
            ),
        ),
    )


def signs(signature: Path, sha256: str) -> bool | None:
    """Return whether a signature names the digest of a file; None where it can't be told.

    That needs no key, and shows only that it was not made for other bytes.
    """
    try:
        document = json.loads(read_regular(signature))
        payload = base64.b64decode(document["dsseEnvelope"]["payload"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return sha256.encode() in payload


def _problem(artifact: Path, signature: Path, key: Path) -> str | None:
    """Return what is wrong with a signature, None where nothing is."""
    from cryptography.exceptions import InvalidSignature

    config = _verifier(key)
    try:
        # It prints what it thinks of old signatures, and stdout is for data.
        with contextlib.redirect_stdout(io.StringIO()):
            config.verify(artifact, signature)
    except InvalidSignature:
        return f"{signature} was not made with the private key of {key}"
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        text = str(error) if isinstance(error, ValueError) else ""
        if "Signature mismatch" in text:
            return f"its bytes differ from those that {signature} was made for"
        if "Key mismatch" in text:
            return f"{signature} was made with another key than that of {key}"
        return f"{signature} is not a valid signature"
    return None


def _signer(key: Path) -> Any:
    config = _loaded("signing")
    password = os.environ.get(PASSWORD)
    try:
        return config.use_elliptic_key_signer(
            private_key=key, password=password.encode() if password else None
        )
    except TypeError as error:  # it has a password and none is given, or the other way round
        raise UsageError("CMP113.signing-password", path=key, reason=_reason(error)) from error
    except (ValueError, AttributeError, OSError) as error:
        raise UsageError("CMP113.signing-key", path=key, reason=_reason(error)) from error


def _verifier(key: Path) -> Any:
    config = _loaded("verifying")
    try:
        return config.use_elliptic_key_verifier(public_key=key)
    except (ValueError, AttributeError, OSError) as error:
        raise UsageError("CMP113.public-key", path=key, reason=_reason(error)) from error


def _named(name: str) -> Any:
    """Return how a file is hashed that has another name until it takes its place."""
    from model_signing import hashing, manifest

    class Named(hashing.Config):
        def hash(self, *args: Any, **kwargs: Any) -> Any:
            found = super().hash(*args, **kwargs)
            kind = manifest.SerializationType.from_args(found.serialization_type)
            items = [
                kind.new_item(item.identifier, item.digest) for item in found.resource_descriptors()
            ]
            return manifest.Manifest(name, items, kind)

    named: Any = Named
    return named()


def _loaded(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"model_signing.{module}").Config()
    except ModuleNotFoundError as error:
        raise UsageError("CMP113.no-sigstore", package=error.name) from error


def _reason(error: Exception) -> str:
    if isinstance(error, AttributeError):  # of an RSA key, which has no curve
        return "it is no key of an elliptic curve"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(error).split("\n", maxsplit=1)[0].strip().rstrip(".")
    text = text.partition(". ")[0]
    return text[:1].lower() + text[1:] if text else type(error).__name__
