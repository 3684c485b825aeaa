"""``compose cache``: what the store holds, and what of it goes."""

from __future__ import annotations

import json
from datetime import timedelta

import click

from composer.cli import console

_UNUSED_FOR = timedelta(days=30)


@click.group(
    name="cache",
    invoke_without_command=True,
    short_help="List the store of imported models and downloads; cache prune cleans it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, *, as_json: bool) -> int:
    """List the store: imported models, downloads, new layers, answers from Keras.

    The store is the folder COMPOSE_HOME, or keras-compose in the user's cache folder. Everything in
    it can be created or fetched again.
    """
    if context.invoked_subcommand is not None:
        return 0
    from composer.store import default_store
    from composer.store.listing import contents

    found = contents(default_store())
    if as_json:
        from composer.cli.cache_screen import contents_document

        console.data(json.dumps(contents_document(found), indent=2) + "\n")
    else:
        from composer.cli.cache_screen import listed

        console.data(listed(found) + "\n")
    return 0


@command.command(name="prune", short_help="Remove unused entries.")
@click.option(
    "--older-than", "age", metavar="AGE",
    help="Remove entries unused for longer than this: 90m, 12h, 7d, 2w. Default: 30d.",
)  # fmt: skip
@click.option(
    "--max-size", metavar="SIZE",
    help="Remove the least recently used entries until this size is reached: 500MB, 2GiB.",
)  # fmt: skip
@click.option(
    "--all", "everything", is_flag=True,
    help="Remove everything that no running command uses.",
)  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Show what would be removed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def prune(
    *, age: str | None, max_size: str | None, everything: bool, dry_run: bool, as_json: bool
) -> int:
    """Remove entries that were not used for a while, and whatever needs them.

    Leftovers of killed commands are always removed. Entries used by a running command are kept,
    and so are those used within the last hour, unless --all is given.
    """
    from composer.cli.cache_screen import pruned_document, removed
    from composer.errors import UsageError
    from composer.store import default_store
    from composer.store.listing import contents

    if everything and (age or max_size):
        raise UsageError("CMP113.cache-all-limits")
    max_age, max_bytes = _age(age), _size(max_size)
    if max_age is None and max_bytes is None and not everything:
        max_age = _UNUSED_FOR
    store = default_store()
    before = contents(store)
    done = store.prune(max_age=max_age, max_bytes=max_bytes, everything=everything, dry_run=dry_run)
    if as_json:
        console.data(json.dumps(pruned_document(done, dry_run=dry_run), indent=2) + "\n")
    else:
        console.data(removed(before, done, dry_run=dry_run) + "\n")
    return 0


def _age(text: str | None) -> timedelta | None:
    from composer.cli.numbers import age_from
    from composer.errors import UsageError

    found = None if text is None else age_from(text)
    if text is not None and found is None:
        raise UsageError("CMP113.age", text=text)
    return found


def _size(text: str | None) -> int | None:
    from composer.cli.numbers import bytes_from
    from composer.errors import UsageError

    found = None if text is None else bytes_from(text)
    if text is not None and found is None:
        raise UsageError("CMP113.size", text=text)
    return found
