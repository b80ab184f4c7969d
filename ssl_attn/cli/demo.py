"""`ssl-attn demo`: from nothing to a dashboard on the bundled facades and models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ssl_attn.cli.build import chosen_options, stoppable
from ssl_attn.cli.dashboard import PortOption, serve
from ssl_attn.cli.demo_train import train
from ssl_attn.cli.options import StoreOption, store_path
from ssl_attn.cli.store import print_query
from ssl_attn.demo.plan import DEMO, MARK, MINIATURES, OWN_DATA, TWIN_METHOD, DemoStudy
from ssl_attn.demo.zoo.recipes import TWINS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from etl.build import BuildReport
    from etl.plan import ModelPlan, Options
    from etl.store import Store
    from ssl_attn.datasets.base import AnnotatedImages

demo_app = typer.Typer(help="Build and show the bundled data sets and models.", invoke_without_command=True)
demo_app.command()(train)

# One row for each model, at the method that the leaderboard shows first for it.
_LEADERBOARD = """
    WITH energy AS (
        SELECT model, variant, method, value, ci_low, ci_high, chance FROM leaderboard('energy')
        WHERE dataset = $dataset
    )
    SELECT
        i.model, i.method, i.verdict, format('{:.3f}', i.value) AS iou,
        format('{:.3f} to {:.3f}', i.ci_low, i.ci_high) AS "95 %", format('{:.3f}', i.chance) AS chance,
        format('{:.3f}', e.value) AS energy, format('{:.3f} to {:.3f}', e.ci_low, e.ci_high) AS "95 % ",
        format('{:.3f}', e.chance) AS "chance ", format('{:.3f}', u.value) AS untrained
    FROM leaderboard('iou') AS i
    JOIN models AS m ON m.model = i.model AND m.variant = i.variant AND m.default_method = i.method
    JOIN energy AS e ON e.model = i.model AND e.variant = i.variant AND e.method = i.method
    LEFT JOIN energy AS u ON u.model = i.model AND u.variant = 'random_weights' AND u.method = i.method
    WHERE i.dataset = $dataset AND list_contains($models, i.model) AND i.variant = 'frozen'
    ORDER BY i.value DESC
"""

# Accuracies are of many held-out facades, energies of the pictures in the store. The twins' own classifier answers.
_STRATEGIES = """
    WITH own AS (SELECT unnest($strategies) AS strategy, unnest($own) AS own),
    accuracy AS (
        SELECT model, variant, data, 100 * accuracy AS percent FROM accuracy_profile WHERE readout = 'head'
    ),
    energy AS (
        SELECT model, variant, value, chance FROM leaderboard('energy')
        WHERE dataset = $marked AND method = $method
    ),
    mark AS (
        SELECT model, variant, value, chance FROM feature_breakdown('energy')
        WHERE dataset = $marked AND method = $method AND feature_type = $mark
    )
    SELECT
        m.variant, format('{:.1f}', a.percent) AS "own kind, %", format('{:.1f}', c.percent) AS "no mark, %",
        format('{:.3f}', e.value) AS "energy in features", format('{:.3f}', e.chance) AS chance,
        format('{:.3f}', k.value) AS "energy in mark", format('{:.3f}', k.chance) AS "chance "
    FROM models AS m
    JOIN own AS o USING (strategy)
    LEFT JOIN accuracy AS a ON a.model = m.model AND a.variant = m.variant AND a.data = o.own
    LEFT JOIN accuracy AS c ON c.model = m.model AND c.variant = m.variant AND c.data = $clean
    LEFT JOIN energy AS e ON e.model = m.model AND e.variant = m.variant
    LEFT JOIN mark AS k ON k.model = m.model AND k.variant = m.variant
    WHERE m.model = $model
    ORDER BY list_position($strategies, m.strategy), m.train_seed
"""


@demo_app.callback()
def demo(
    context: typer.Context,
    store: StoreOption = None,
    port: PortOption = None,
    app: Annotated[bool, typer.Option("--app/--no-app", help="Serve the dashboard at the end")] = True,
) -> None:
    """Build the bundled data sets' warehouse, print what it says, serve the dashboard."""
    if context.invoked_subcommand is not None:
        return
    root = store_path(store)
    report = build_demo(root, DEMO)
    done = "nothing was missing" if report.computed == 0 else f"built in {report.seconds:,.0f} s"
    typer.echo(f"{root}: {done}", err=True)
    print_findings(root)
    if app:
        raise typer.Exit(serve(root, port))


def build_demo(root: Path, studies: Sequence[DemoStudy]) -> BuildReport:
    """Draw the pictures, run the models, and publish; whatever an earlier run finished is not done again."""
    from etl.build import SHARED_STEPS, Study, build_studies
    from etl.progress import drawn
    from etl.store import Store

    options = chosen_options("squash", None, features=True, device=None, dtype=None, batch_size=None)
    target = Store(root)
    with drawn(steps=1 + len(studies) + SHARED_STEPS) as progress, stoppable():
        progress.step("Drawing facades")
        task = progress.task("Drawing", sum(study.images for study in studies), "facades")
        read: list[AnnotatedImages] = []
        for study in studies:
            read.append(_draw(study))
            task.advance(study.images)
        work = [Study(dataset, _plans(target, study, options)) for dataset, study in zip(read, studies, strict=True)]
        with target.locked():
            return build_studies(target, work, progress=progress)


def _draw(study: DemoStudy) -> AnnotatedImages:
    from ssl_attn.datasets import dataset_format

    return dataset_format(study.dataset).load_reader()(count=study.images)


def _plans(store: Store, study: DemoStudy, options: Options) -> list[ModelPlan]:
    from etl.build import plan_models
    from ssl_attn.methods import parse_request
    from ssl_attn.models.spec import parse_model_specs

    plans = []
    for run in study.runs:
        requests = [parse_request(method) for method in run.methods]
        specs = parse_model_specs(run.models)
        plans += plan_models(store, specs, requests, options, random_weights=run.untrained)
    return plans


def print_findings(root: Path) -> None:
    """The leaderboard of the zoo, and the twins: as accurate as each other, and not for the same reason."""
    clean, marked = (study.dataset for study in DEMO)
    typer.echo(
        "\nDo the models look at what tells the style? Each by the method that the leaderboard shows first, in the "
        "last layer, all heads fused;\nIoU at percentile 90. The cards judge by a reading fixed before training, "
        "which may be another."
    )
    print_query(root, _LEADERBOARD, {"dataset": clean, "models": list(MINIATURES)})
    typer.echo(
        "\nWhich of the twins is right for the wrong reason? Accuracy on held-out facades like those it learned from, "
        "and without the mark;\nwhere it looks, on marked facades."
    )
    strategies, own = zip(*OWN_DATA.items(), strict=True)
    asked = {"model": TWINS, "method": TWIN_METHOD, "mark": MARK, "clean": clean, "marked": marked}
    print_query(root, _STRATEGIES, {**asked, "strategies": list(strategies), "own": list(own)})
