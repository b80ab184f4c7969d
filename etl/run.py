"""A run's record: what was asked for, on what, with which code, and what came of it."""

from __future__ import annotations

import json
import platform
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version

import pyarrow as pa

import ssl_attn
from etl.store import Store, content_key
from warehouse.contract import TABLES

_PACKAGES = ("torch", "transformers", "numpy", "pillow", "duckdb", "pyarrow")


@dataclass(slots=True)
class Run:
    """One run of the pipeline: recorded in `runs` before it writes its first part, and completed when it ends.

    A run that computed nothing leaves no trace: a store at rest stays as it is.
    """

    command: str
    config: dict[str, object]
    seed: int = 0
    device: str = "none"
    dtype: str = "none"
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    shards_computed: int = 0
    shards_skipped: int = 0
    quarantined: int = 0
    run_id: str = ""

    def __post_init__(self) -> None:
        if not self.run_id:
            self.run_id = f"{self.started:%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"

    def computes(self, store: Store) -> None:
        """Count a part that is about to be written: no number may ever stand without the run that made it."""
        self.shards_computed += 1
        if self.shards_computed == 1:
            self._record(store, finished=None)

    def finish(self, store: Store) -> None:
        """Complete the run's record."""
        if self.shards_computed:
            self._record(store, finished=datetime.now(UTC))

    def _record(self, store: Store, finished: datetime | None) -> None:
        packages = {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}
        row = {
            "run_id": self.run_id,
            "command": self.command,
            "code_version": ssl_attn.__version__,
            "packages": json.dumps(packages),
            "config": json.dumps(self.config, sort_keys=True, default=str),
            "device": self.device,
            "dtype": self.dtype,
            "seed": self.seed,
            "started": self.started,
            "finished": finished,
            "shards_computed": self.shards_computed,
            "shards_skipped": self.shards_skipped,
            "quarantined": self.quarantined,
        }
        rows = pa.Table.from_pylist([row], schema=TABLES["runs"].schema)
        part = store.write("runs", {}, self.run_id, content_key(self.run_id, finished), rows, self.run_id)
        store.replace("runs", {}, self.run_id, [part])
