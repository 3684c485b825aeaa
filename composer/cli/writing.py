"""Files that a verb writes beside what it shows: whole or not at all."""

from __future__ import annotations

from pathlib import Path


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file as a whole, and make the folders above it.

    Raises:
        UsageError: it can't be written.
    """
    import os
    import tempfile

    from composer.errors import UsageError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            try:
                file.write(data)
                file.close()
                umask = os.umask(0)
                os.umask(umask)
                Path(file.name).chmod(0o666 & ~umask)
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise UsageError("CMP712.unwritable", path=path, reason=error.strerror) from error


def page_path(path: str | None) -> Path | None:
    """Return where a page goes, before anything is done for it.

    Raises:
        UsageError: the name is not one of a page, such as that of a spec.
    """
    from composer.errors import UsageError

    if path is None or path.lower().endswith((".html", ".htm")):
        return None if path is None else Path(path)
    raise UsageError("CMP113.html-extension", path=path)
