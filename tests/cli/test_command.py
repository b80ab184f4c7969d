"""The installed command as a user runs it: from a COCO file and a checkpoint to a row of the leaderboard."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("ssl-attn")


def run(*arguments, cwd=None, **environment):

    return subprocess.run(
        [COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory, coco_file, tiny_folders):
    root = tmp_path_factory.mktemp("command") / "store"
    done = run(*build_arguments(root, coco_file, tiny_folders))
    assert done.returncode == 0, done.stderr
    return root


def build_arguments(root, coco_file, tiny_folders):
    models = f"mine={tiny_folders['dinov2']}"
    methods = "cls,rollout,received"
    return [
        "build",
        "--dataset",
        "coco",
        "--data",
        coco_file,
        "--models",
        models,
        "--methods",
        methods,
        "--store",
        root,
    ]


def test_the_leaderboard_prints_the_row(store):
    done = run("sql", "--store", store, "FROM leaderboard('iou', 90)")
    assert done.returncode == 0
    assert done.stdout.count("mine") == 3
    assert "3 rows" in done.stdout


def test_a_second_build_says_that_nothing_was_missing(store, coco_file, tiny_folders):
    done = run(*build_arguments(store, coco_file, tiny_folders))
    assert done.returncode == 0
    assert "nothing was missing" in done.stderr


def test_json_is_for_scripts(store, coco_file, tiny_folders):
    done = run(*build_arguments(store, coco_file, tiny_folders), "--json")
    report = json.loads(done.stdout)
    assert (report["computed"], report["generation"], report["quarantine"]) == (0, 1, [])


def test_a_dry_run_says_time_and_bytes_and_writes_nothing(tmp_path, coco_file, tiny_folders):
    root = tmp_path / "store"
    done = run(*build_arguments(root, coco_file, tiny_folders), "--dry-run")
    assert done.returncode == 0
    assert "11 images" in done.stdout
    assert " s of forward passes and " in done.stdout
    assert "MB" in done.stdout
    assert not root.exists()


@pytest.mark.parametrize("output_format", ["csv", "json"])
def test_results_go_to_the_standard_output_in_other_formats(store, output_format):
    done = run(
        "sql", "--store", store, "SELECT method FROM leaderboard('iou') ORDER BY method", "--format", output_format
    )
    assert done.returncode == 0
    expected = ["cls", "received", "rollout"]
    found = [row["method"] for row in json.loads(done.stdout)] if output_format == "json" else done.stdout.split()[1:]
    assert found == expected


def test_parquet_goes_to_a_file(store, tmp_path):
    import pyarrow.parquet

    file = tmp_path / "board.parquet"
    assert run("sql", "--store", store, "FROM leaderboard('iou')", "--format", "parquet", "-o", file).returncode == 0
    assert pyarrow.parquet.read_table(file).num_rows == 3
    assert run("sql", "--store", store, "FROM leaderboard('iou')", "--format", "parquet").returncode == 2


@pytest.mark.parametrize("command", ["status", "check", "verify"])
def test_a_store_can_be_looked_after(store, command):
    done = run(command, "--store", store)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_stages_one_by_one_give_what_build_gives(store, tmp_path, coco_file, tiny_folders):
    root = tmp_path / "store"
    arguments = build_arguments(root, coco_file, tiny_folders)
    assert run("extract", *arguments[1:]).returncode == 0
    assert run("sql", "--store", root, "SELECT count(*) AS n FROM maps", "--format", "csv").stdout.split() == ["n", "0"]
    assert "A draft waits" in run("status", "--store", root).stdout
    for stage in ("score", "aggregate", "publish"):
        done = run(stage, "--store", root)
        assert done.returncode == 0, done.stderr
    question = "SELECT method, value, ci_low, chance FROM leaderboard('energy') ORDER BY method"
    boards = [run("sql", "--store", place, question, "--format", "csv").stdout for place in (root, store)]
    assert boards[0] == boards[1]
    assert run("prune", "--store", root).returncode == 0


def test_left_out_inputs_are_listed_and_the_exit_code_says_so(tmp_path, coco_file, tiny_folders):
    document = json.loads(coco_file.read_text())
    document["annotations"][0]["bbox"][2] = 0
    document["annotations"][1]["category_id"] = 99
    file = coco_file.with_name("faulty.json")
    file.write_text(json.dumps(document))
    done = run(*build_arguments(tmp_path / "store", file, tiny_folders))
    assert done.returncode == 3, done.stderr
    assert "Left out: 2 inputs" in done.stderr
    left_out = run("sql", "--store", tmp_path / "store", "SELECT count(*) AS n FROM quarantine", "--format", "csv")
    assert left_out.stdout.split() == ["n", "2"]


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["build", "--models", "nosuchmodel"], 2, "expected a registry name"),
        (["build", "--models", "facade_vit", "--methods", "cheese"], 2, "expected a method out of"),
        (["build", "--models", "facade_vit", "--view", "fisheye"], 2, "expected --view to be one of squash"),
        (["build", "--dataset", "coco", "--models", "facade_vit"], 2, "expected the data path"),
        (["build", "--dataset", "tarot", "--models", "facade_vit"], 2, "expected a data set format"),
        (["sql", "FROM leaderboard('iou')", "--store", "nowhere"], 1, "expected a store at nowhere, found none"),
        (["nosuchcommand"], 2, "No such command"),
    ],
)
def test_wrong_use_is_told_in_one_line(tmp_path, arguments, code, expected):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_query_that_fails_says_why(store):
    done = run("sql", "--store", store, "FROM leaderboard('beauty')")
    assert done.returncode == 1
    assert "expected a metric out of auroc, average_precision, cc" in done.stderr
    assert "got beauty" in done.stderr


@pytest.mark.parametrize("registry", ["models", "methods", "metrics", "baselines", "datasets"])
def test_registries_are_tables_and_json(registry):
    assert run(registry).stdout
    rows = json.loads(run(registry, "--json").stdout)
    assert rows
    assert len({json.dumps(row) for row in rows}) == len(rows)


def test_settings_come_from_flags_then_environment_then_file(store, tmp_path):
    (tmp_path / "ssl_attn.toml").write_text(f'store = "{tmp_path / "from-file"}"\n')
    question = ["sql", "SELECT count(*) AS n FROM models", "--format", "csv"]
    assert "from-file" in run(*question, cwd=tmp_path).stderr
    assert run(*question, cwd=tmp_path, SSL_ATTN_STORE=str(store)).stdout.split() == ["n", "1"]
    flagged = run(*question, "--store", tmp_path / "from-flag", cwd=tmp_path, SSL_ATTN_STORE=str(store))
    assert "from-flag" in flagged.stderr


def test_asking_and_looking_start_without_torch():
    code = (
        "import sys, ssl_attn.cli, ssl_attn.cli.store, warehouse.catalog; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'transformers', 'streamlit')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_narrow_terminal_gets_a_line_a_value(store):
    """What a person sees in 80 columns, through a real terminal."""
    import pty

    leader, follower = pty.openpty()
    arguments = [COMMAND, "sql", "--store", store, "FROM leaderboard('iou', 90)"]
    subprocess.run(arguments, stdout=follower, check=True, env={**os.environ, "COLUMNS": "80", "TERM": "dumb"})
    os.close(follower)
    shown = b""
    try:
        while chunk := os.read(leader, 65536):
            shown += chunk
    except OSError:  # the terminal's end of file
        pass
    lines = shown.decode().splitlines()
    assert any(line.startswith("value ") and "0." in line for line in lines)
    assert any(line.startswith("verdict ") for line in lines)
    assert "…" not in shown.decode()


def test_output_is_added_to_a_file_that_is_redirected_to(store, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("precious\n")
    with log.open("a") as stream:
        arguments = [COMMAND, "sql", "--store", store, "SELECT 1 AS a", "--format", "csv"]
        subprocess.run(arguments, stdout=stream, check=True)
    assert log.read_text().split() == ["precious", "a", "1"]


def test_one_name_for_two_models_is_refused_before_any_work(tmp_path, coco_file, tiny_folders):
    models = f"m={tiny_folders['vit']},m={tiny_folders['resnet']}"
    done = run("build", "--dataset", "coco", "--data", coco_file, "--models", models, "--store", tmp_path / "store")
    assert done.returncode == 2
    assert "expected every model once, got m again" in done.stderr
    assert not (tmp_path / "store").exists()


def test_an_empty_query_is_refused(store):
    done = run("sql", "--store", store, " ;")
    assert (done.returncode, "expected a query, got nothing" in done.stderr) == (2, True)


def test_a_draft_can_be_forgotten(tmp_path, coco_file, tiny_folders):
    root = tmp_path / "store"
    run("extract", *build_arguments(root, coco_file, tiny_folders)[1:])
    assert run("publish", "--store", root).returncode == 1
    assert run("discard", "--store", root).returncode == 0
    done = run(*build_arguments(root, coco_file, tiny_folders))
    assert done.returncode == 0, done.stderr
    assert run("check", "--store", root).returncode == 0
