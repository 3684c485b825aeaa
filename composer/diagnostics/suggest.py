"""The nearest known words to one that is not known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MOST_COMPARED = 500_000
"""Comparisons for all suggestions about one spec: a second of work. After that there are none."""
_CUTOFF = 0.6
_SHORTEST_PART = 4


class _Spent:
    """How many words were compared since the last fresh start."""

    compared = 0


def start_afresh() -> None:
    """Begin another spec: so that a run with many unknown words stays linear, it has a budget."""
    _Spent.compared = 0


def _affordable(candidates: Iterable[str]) -> tuple[str, ...]:
    """Return the candidates, each once; none where the budget is spent."""
    if _Spent.compared > MOST_COMPARED:
        return ()
    known = tuple(dict.fromkeys(candidates))
    _Spent.compared += len(known)
    return known


def nearest(word: str, candidates: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """Return the candidates that ``word`` may have been meant to be, the likeliest first.

    Case is ignored. A candidate also counts as near when one of the two contains the other
    (``conv5`` and ``conv5_block1_out``), as long as four characters are shared.

    Args:
        word: what the user wrote.
        candidates: what is known; repeated ones count once.
        limit: how many to return at most.

    Returns:
        Candidates by falling similarity; among equals, in the order given.
    """
    # Imported here because it takes longer than reading a sound spec does.
    from rapidfuzz.distance import OSA

    lowered = word.casefold()
    scored: list[tuple[float, int, str]] = []
    for index, candidate in enumerate(_affordable(candidates)):
        other = candidate.casefold()
        score = OSA.normalized_similarity(lowered, other)
        short, long = sorted((lowered, other), key=len)
        if len(short) >= _SHORTEST_PART and short in long:
            score = max(score, _CUTOFF + 0.2 * len(short) / len(long))
        # One typing error in a word of two or three letters is below any useful ratio.
        if score < _CUTOFF and 1 < len(long) < _SHORTEST_PART and OSA.distance(lowered, other) == 1:
            score = _CUTOFF
        if score >= _CUTOFF:
            scored.append((-score, index, candidate))
    return tuple(candidate for _, _, candidate in sorted(scored)[:limit])


def certain(word: str, candidates: Iterable[str]) -> str | None:
    """Return the one candidate that ``word`` must be a typing error of; None where in doubt.

    A difference in digits alone is none: ``conv2`` is no misspelled ``conv1``.

    Args:
        word: what the user wrote.
        candidates: what is known.
    """
    from rapidfuzz.distance import OSA

    known = _affordable(candidates)
    lowered = word.casefold()
    distances = sorted((OSA.distance(lowered, other.casefold()), other) for other in known)
    if not distances:
        return None
    distance, best = distances[0]
    if OSA.normalized_similarity(lowered, best.casefold()) < _CUTOFF:
        return None
    if len(distances) > 1 and distances[1][0] <= distance + (distance > 1):
        return None
    if word != best and _without_digits(word) == _without_digits(best):
        return None
    return best


def _without_digits(word: str) -> str:
    return "".join(char for char in word if not char.isdigit())


def did_you_mean(word: str, candidates: Iterable[str]) -> str | None:
    """Return a question such as ``did you mean 'prefix'?``, or None when nothing is near."""
    return question(nearest(word, candidates))


def question(found: Sequence[str]) -> str | None:
    """Return ``did you mean …?`` for words that are known to be near, or None for none."""
    if not found:
        return None
    quoted = [f"'{candidate}'" for candidate in found]
    if len(quoted) == 1:
        return f"did you mean {quoted[0]}?"
    return f"did you mean {', '.join(quoted[:-1])} or {quoted[-1]}?"
