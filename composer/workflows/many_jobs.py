"""Many jobs: each after those that it starts from, one after the other or in several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from composer.keras_process.shared_process import join_shared, shared_folder, shared_keras
from composer.workflows.ending import end_by_signals
from composer.workflows.job_order import starts_from
from composer.workflows.jobs import Job, Outcome, Progress, run

if TYPE_CHECKING:
    from concurrent.futures import Future

Take = Callable[[], Job | None]
"""Gives the next job that may begin, None while there is none."""


def run_many(
    jobs: Sequence[Job],
    *,
    workers: int = 1,
    keep_going: bool = False,
    progress: Progress | None = None,
) -> Iterator[Outcome]:
    """Build specs and yield each outcome as it comes, then those of the jobs that were not tried.

    A job that starts from one that failed is not tried. Nor is any other that had not begun by
    then, unless ``keep_going``. All of them share one Keras process, which starts when the first
    of them needs it.

    Args:
        jobs: at least one, no two of them equal.
        workers: how many run side by side; 1 runs them here, in this process.
        keep_going: whether a failure leaves the other jobs to be done.
        progress: called with lines of progress.

    Raises:
        UsageError: two would be written to one place; nothing is built then.
    """
    say = progress or (lambda _line: None)
    before = starts_from(jobs)
    tried: set[Job] = set()
    with shared_keras():
        if workers == 1 or len(jobs) == 1:
            outcomes = _schedule(before, lambda take: _one_by_one(take, say), keep_going=keep_going)
        else:
            outcomes = _schedule(
                before, lambda take: _side_by_side(take, workers, say), keep_going=keep_going
            )
        for outcome in outcomes:
            tried.add(outcome.job)
            yield outcome
    for job in jobs:
        if job not in tried:
            yield Outcome(job=job, status="not tried")


def _schedule(
    starts_from: Mapping[Job, Sequence[Job]],
    work: Callable[[Take], Iterator[Outcome]],
    *,
    keep_going: bool,
) -> Iterator[Outcome]:
    sorter = TopologicalSorter(starts_from)
    sorter.prepare()
    ready: list[Job] = []
    stopped = False

    def take() -> Job | None:
        ready.extend(sorter.get_ready())
        return None if stopped or not ready else ready.pop(0)

    for outcome in work(take):
        if outcome.code == 0:
            sorter.done(outcome.job)
        elif not keep_going:
            stopped = True
        yield outcome


def _one_by_one(take: Take, progress: Progress) -> Iterator[Outcome]:
    while (job := take()) is not None:
        yield run(job, progress=progress)


def _side_by_side(take: Take, workers: int, progress: Progress) -> Iterator[Outcome]:
    # Imported here: the build of one spec needs none of it.
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from multiprocessing import get_context

    running: dict[Future[Outcome], Job] = {}
    with ExitStack() as stack:
        before = stack.enter_context(_safe_path())
        # A fresh interpreter each: a fork would take over threads and locks half way.
        pool = ProcessPoolExecutor(
            workers,
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(before, shared_folder()),
        )
        stack.callback(pool.shutdown, cancel_futures=True)
        stack.push(_ended)
        while True:
            while len(running) < workers and (job := take()) is not None:
                running[pool.submit(run, job)] = job
            if not running:
                return
            progress(f"building {', '.join(job.spec for job in running.values())}")
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                del running[future]
                yield future.result()


_SAFE_PATH = "PYTHONSAFEPATH"


@contextmanager
def _safe_path() -> Iterator[str | None]:
    """Keep the current folder out of the module path of processes that are started meanwhile.

    An interpreter that is started with a command looks there first, and a file json.py in it would
    run.
    """
    before = os.environ.get(_SAFE_PATH)
    os.environ[_SAFE_PATH] = "1"
    try:
        yield before
    finally:
        _restore(before)


def _begin(before: str | None, keras: Path | None) -> None:
    """Begin a process of the pool: programs that it starts get the environment of the user."""
    end_by_signals()
    _restore(before)
    join_shared(keras)


def _ended(kind: type[BaseException] | None, *_: object) -> None:
    """Let the processes of a pool end now, where this one is asked to: they clean up themselves."""
    from multiprocessing import active_children

    if kind is not None and not issubclass(kind, Exception):
        for process in active_children():
            process.terminate()


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop(_SAFE_PATH, None)
    else:
        os.environ[_SAFE_PATH] = before
