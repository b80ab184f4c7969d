"""Derived rows in pieces: each is computed on all cores, written whole, and skipped when it is there already."""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pyarrow as pa
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from types import TracebackType

    from etl.progress import Progress
    from etl.run import Run
    from etl.store import Store
    from warehouse.manifest import Part

# Jobs that wait beyond one for each core, so that no core does while a result is written.
_AHEAD = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Which share of which partition of which table a part belongs to."""

    table: str
    partition: dict[str, str]
    slice: str


@dataclass(frozen=True, slots=True)
class Job:
    """A share of a piece: `work` travels to another process and returns a table for each of the piece's places.

    `units` is what it counts for in the progress.
    """

    work: Callable[[], Sequence[pa.Table]]
    units: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows that are computed, written and skipped as one: a part for each place.

    It counts as done when the parts of one of its `keys` are there, the first that are; it is computed under the last.
    So a piece that holds more than was asked for will do. `jobs` are made only when it has to be computed: `count` of
    them.
    """

    places: tuple[Place, ...]
    keys: tuple[str, ...]
    units: int
    count: int
    jobs: Callable[[], Iterator[Job]]

    def found(self, store: Store) -> list[Part] | None:
        """Its parts, if an earlier run finished all of them."""
        for key in self.keys:
            parts = [store.existing(p.table, p.partition, p.slice, key) for p in self.places]
            if None not in parts:
                return [part for part in parts if part is not None]
        return None

    def write(self, store: Store, results: Sequence[Sequence[pa.Table]], run_id: str) -> list[Part]:
        """Write the results of its jobs; a part that is there already is left as it is."""
        parts = []
        for place, tables in zip(self.places, zip(*results, strict=True), strict=True):
            where = (place.table, place.partition, place.slice, self.keys[-1])
            parts.append(store.existing(*where) or store.write(*where, pa.concat_tables(tables), run_id))
        return parts


class Workers:
    """Processes that run jobs, started when there is more than one job to run and more than one core to run it on."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            # who stops in the middle does not wait for jobs that have not begun
            self._pool.shutdown(cancel_futures=True)

    def results(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Sequence[pa.Table]]]:
        """Results in the order of the jobs, which are taken as they are needed: memory does not grow with their number.

        Each job runs on one BLAS thread, since the other cores have jobs of their own.
        """
        waiting = iter(jobs)
        first = list(islice(waiting, 2))
        waiting = chain(first, waiting)
        workers = _cores()
        if workers < 2 or len(first) < 2:
            for job in waiting:
                yield job, _run(job)
            return
        if self._pool is None:
            # spawn: the parent may hold torch's threads, which a fork would copy in an unknown state
            self._pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_light)
        running: deque[tuple[Job, Future[Sequence[pa.Table]]]] = deque()
        for job in waiting:
            running.append((job, self._pool.submit(_run, job)))
            if len(running) == workers + _AHEAD:
                done, future = running.popleft()
                yield done, future.result()
        while running:
            done, future = running.popleft()
            yield done, future.result()


def finish(
    store: Store, run: Run, pieces: Iterable[Piece], workers: Workers, progress: Progress, label: str, unit: str
) -> list[tuple[Place, Part]]:
    """Compute what is missing of the pieces; returns the parts of all of them, and where they belong."""
    done: list[tuple[Place, Part]] = []
    missing = []
    for piece in pieces:
        found = piece.found(store)
        if found is None:
            missing.append(piece)
        else:
            run.shards_skipped += 1
            done.extend(zip(piece.places, found, strict=True))
    if not missing:
        return done
    task = progress.task(label, sum(piece.units for piece in missing), unit)
    results = workers.results(job for piece in missing for job in piece.jobs())
    for piece in missing:
        tables = []
        for job, of_job in islice(results, piece.count):
            tables.append(of_job)
            task.advance(job.units)
        run.computes(store)
        done.extend(zip(piece.places, piece.write(store, tables, run.run_id), strict=True))
    return done


def _run(job: Job) -> Sequence[pa.Table]:
    with threadpool_limits(limits=1):
        return job.work()


def _start_light() -> None:
    """Keep torch out of a process: POT, which solves transport problems, would load it for arrays it never sees."""
    os.environ["POT_BACKEND_DISABLE_PYTORCH"] = "1"


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
