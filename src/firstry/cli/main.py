"""The `firstry` command: its groups, its errors and its exit codes.

`--json` may stand anywhere. Commands import what they need when they run, so
`firstry version` does not wait for a web server to load.
"""

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from firstry import __version__
from firstry.cli import (
    bulk_job,
    completion,
    config,
    db,
    demo,
    doctor,
    erase,
    evidence,
    failures,
    flags,
    generate,
    health,
    import_,
    keys,
    ledger,
    reports,
    serve,
    tenants,
    tokens,
    verify,
    work,
)
from firstry.cli.output import Exit, Output, exit_of
from firstry.domain.errors import FirstryError


class Group(TyperGroup):
    """A group of commands that, called without any, shows its help to people only."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse no words with one object where `--json` asks for one."""
        if not args and isinstance(ctx.obj, Output) and ctx.obj.is_json:
            ctx.fail("a command is missing")
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="firstry",
    cls=Group,
    help="Trust reports for Jira sites, each made exactly once, from evidence really read.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(tenants.app, name="tenants", cls=Group)
app.add_typer(reports.app, name="reports", cls=Group)
app.add_typer(db.app, name="db", cls=Group)
app.add_typer(keys.app, name="keys", cls=Group)
app.add_typer(evidence.app, name="evidence", cls=Group)
app.add_typer(config.app, name="config", cls=Group)
app.add_typer(tokens.app, name="tokens", cls=Group)
app.add_typer(flags.app, name="flags", cls=Group)
app.add_typer(failures.app, name="failures", cls=Group)
app.add_typer(ledger.app, name="ledger", cls=Group)
app.add_typer(bulk_job.app, name="bulk", cls=Group)
reports.app.command("generate")(generate.generate)
tenants.app.command("erase")(erase.erase)
tenants.app.command("erasures")(erase.erasures)
app.command("serve")(serve.serve)
app.command("worker")(work.worker)
app.command("tick")(work.tick)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("health")(health.health)
app.command("verify")(verify.verify)
app.command("completion")(completion.completion)
app.command("import")(import_.import_file)


@app.callback()
def root(
    _: Annotated[
        bool, typer.Option("--json", help="Print one JSON object. May stand anywhere.")
    ] = False,
) -> None:
    """Trust reports for Jira sites, each made exactly once, from evidence really read."""


@app.command()
def version(context: typer.Context) -> None:
    """Print the version."""
    output: Output = context.obj
    output.show({"version": __version__}, f"firstry {__version__}")


def main() -> None:
    """Run the command line and exit with one of `Exit`."""
    completion.register()
    words = sys.argv[1:]
    output = Output(is_json="--json" in words)
    sys.exit(run([word for word in words if word != "--json"], output))


def run(words: list[str], output: Output) -> int:
    """Run one command and return its exit code; every error is told through `output`."""
    try:
        code = app(words, prog_name="firstry", obj=output, standalone_mode=False)
    except typer.TyperException as error:  # every error of usage is one
        context = getattr(error, "ctx", None)
        remedy = f"see `{context.command_path} --help`" if context else ""
        output.fail("USAGE", error.format_message() or "a command is missing", remedy)
        return Exit.USAGE
    except typer.Exit as ended:
        return ended.exit_code
    except (typer.Abort, KeyboardInterrupt):
        output.fail("INTERRUPTED", "interrupted", "")
        return Exit.INTERRUPTED
    except FirstryError as error:
        output.fail(error.code, error.message, error.remedy)
        return exit_of(error)
    except Exception as unexpected:  # the process's own door: exit 70, no stack text
        kind = type(unexpected).__name__
        output.fail("DEFECT", f"firstry met an error of its own ({kind})", "please report it")
        return Exit.DEFECT
    return code if isinstance(code, int) else Exit.OK
