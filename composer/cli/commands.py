"""The group of verbs; each is imported only when it is called or listed."""

from __future__ import annotations

import importlib
import sys

import click

from composer import __version__
from composer.cli import console

_VERBS = (
    "init", "build", "validate", "plan", "graph", "inspect", "lock", "status", "verify", "diff",
    "cache", "schema", "explain", "completion",
)  # fmt: skip


class NobodyReadsError(Exception):
    """The other end of a pipe was closed. As an OSError, click would end the process itself."""


class _Verbs(click.Group):
    """Finds a verb as ``composer.cli.VERB:command``."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the verb, and write out what it wrote while a closed pipe can still be noticed."""
        try:
            code: object = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError as error:
            raise NobodyReadsError from error
        return code

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order in which one meets them."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import and return one verb, or None when there is none of that name."""
        if cmd_name not in _VERBS:
            return None
        module = importlib.import_module(f"composer.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the nearest verb for one that is not there."""
        if args and args[0] not in _VERBS and not args[0].startswith("-"):
            from composer.diagnostics.suggest import did_you_mean
            from composer.errors import UsageError

            raise UsageError(
                "CMP113.command",
                name=args[0],
                help=did_you_mean(args[0], _VERBS) or f"the commands are {', '.join(_VERBS)}",
            )
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Verbs,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 success, 1 the spec or a source is wrong, 2 usage or unreadable file, "
    "3 the build failed for another reason, or a comparison is incomplete, 4 something differs: a "
    "model, a lock, an artifact.",
)
@click.version_option(__version__, "-V", "--version", message="compose %(version)s")
@click.pass_context
def compose(context: click.Context) -> None:
    """Link Keras models: assemble towers, heads and layers from a YAML spec."""
    if context.invoked_subcommand is None:
        console.talk_lines(context.get_help())
        context.exit(2)
