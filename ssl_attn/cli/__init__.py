"""The command line: `ssl-attn`. The only place of this package that reaches down to the pipeline and the warehouse.

Commands import what they need when they run, so that `--help`, `sql` and `app` start without torch.
"""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.markup import escape

from ssl_attn.cli import bench, build, dashboard, demo, models, registries, stages, store
from ssl_attn.cli.dataset import dataset_app
from ssl_attn.errors import SslAttnError, UsageError

app = typer.Typer(
    name="ssl-attn",
    help="Do vision models look where experts look? Extract once, query for ever.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_START = "Start here"
_PIPELINE = "Pipeline"
_QUERIES = "Ask and look"
_REGISTRIES = "What there is"
_CARE = "Care of a store"

app.add_typer(demo.demo_app, name="demo", rich_help_panel=_START)
app.command(rich_help_panel=_START)(models.doctor)
app.add_typer(dataset_app, name="dataset", rich_help_panel=_START)
app.command(rich_help_panel=_PIPELINE)(build.build)
app.command(rich_help_panel=_PIPELINE)(stages.extract)
app.command(rich_help_panel=_PIPELINE)(stages.score)
app.command(rich_help_panel=_PIPELINE)(stages.aggregate)
app.command(rich_help_panel=_PIPELINE)(stages.publish)
app.command(rich_help_panel=_QUERIES)(store.sql)
app.command("app", rich_help_panel=_QUERIES)(dashboard.app)
app.command(rich_help_panel=_REGISTRIES)(models.models)
app.command(rich_help_panel=_REGISTRIES)(registries.methods)
app.command(rich_help_panel=_REGISTRIES)(registries.metrics)
app.command(rich_help_panel=_REGISTRIES)(registries.baselines)
app.command(rich_help_panel=_REGISTRIES)(registries.datasets)
app.command(rich_help_panel=_CARE)(store.status)
app.command(rich_help_panel=_CARE)(store.check)
app.command(rich_help_panel=_CARE)(store.verify)
app.command(rich_help_panel=_CARE)(store.prune)
app.command(rich_help_panel=_CARE)(store.discard)
app.add_typer(bench.bench_app, name="bench", rich_help_panel=_CARE)


def main() -> None:
    """Run the command line: errors meant for people in one line, exit code 2 for wrong use and 1 for a failure."""
    try:
        app()
    except SslAttnError as error:
        Console(stderr=True).print("[bold red]ssl-attn:[/]", escape(str(error)), highlight=False, soft_wrap=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
