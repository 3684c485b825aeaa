"""Several builds: each after those that it starts from, one after the other or side by side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from composer.cli.build_one import Job, Outcome, build_one
from composer.cli.ending import end_by_signals
from composer.cli.progress import display

if TYPE_CHECKING:
    from concurrent.futures import Future


def build_several(
    jobs: Sequence[Job],
    starts_from: Mapping[str, Sequence[str]],
    *,
    processes: int,
    keep_going: bool,
) -> Iterator[Outcome]:
    """Build specs and yield each outcome as it comes.

    A spec that starts from one that failed is not tried. Nor is any other that had not begun by
    then, unless ``keep_going``.

    Args:
        jobs: one a spec.
        starts_from: for each spec those of ``jobs`` that it starts from, without a circle.
        processes: how many builds run side by side; 1 builds here, in this process.
        keep_going: whether a failure leaves the other specs to be built.
    """
    if processes == 1 or len(jobs) == 1:
        yield from _schedule(jobs, starts_from, keep_going=keep_going, run=_one_by_one)
        return
    yield from _schedule(
        jobs, starts_from, keep_going=keep_going, run=lambda take: _side_by_side(take, processes)
    )


Take = Callable[[], Job | None]
"""Gives the next job that may begin, None while there is none."""


def _schedule(
    jobs: Sequence[Job],
    starts_from: Mapping[str, Sequence[str]],
    *,
    keep_going: bool,
    run: Callable[[Take], Iterator[Outcome]],
) -> Iterator[Outcome]:
    by_spec = {job.spec: job for job in jobs}
    sorter = TopologicalSorter({job.spec: starts_from.get(job.spec, ()) for job in jobs})
    sorter.prepare()
    ready: list[str] = []
    stopped = False

    def take() -> Job | None:
        ready.extend(sorter.get_ready())
        return None if stopped or not ready else by_spec[ready.pop(0)]

    for outcome in run(take):
        if outcome.code == 0:
            sorter.done(outcome.job.spec)
        elif not keep_going:
            stopped = True
        yield outcome


def _one_by_one(take: Take) -> Iterator[Outcome]:
    while (job := take()) is not None:
        yield build_one(job)


def _side_by_side(take: Take, processes: int) -> Iterator[Outcome]:
    # Imported here: the build of one spec needs none of it.
    from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
    from multiprocessing import get_context

    running: dict[Future[Outcome], Job] = {}
    with ExitStack() as stack:
        say = stack.enter_context(display("building"))
        before = stack.enter_context(_safe_path())
        # A fresh interpreter each: a fork would take over threads and locks half way.
        pool = ProcessPoolExecutor(
            processes, mp_context=get_context("spawn"), initializer=_begin, initargs=(before,)
        )
        stack.callback(pool.shutdown, cancel_futures=True)
        stack.push(_ended)
        while True:
            while len(running) < processes and (job := take()) is not None:
                running[pool.submit(build_one, job)] = job
            if not running:
                return
            say(f"building {', '.join(job.spec for job in running.values())}")
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


def _begin(before: str | None) -> None:
    """Begin a process of the pool: programs that it starts get the environment of the user."""
    end_by_signals()
    _restore(before)


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
