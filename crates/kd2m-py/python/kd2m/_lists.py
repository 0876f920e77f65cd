"""What there is to choose from."""

from __future__ import annotations

from typing import Any

from . import _kd2m

_KEYS = ("aliases", "formula", "source", "cost", "when")


def _options(found: list[list[str]]) -> dict[str, tuple[str, str]]:
    return {name: (default, text) for name, default, text in found}


def metrics() -> dict[str, dict[str, Any]]:
    """Metrics of `distance`: formula, source, cost, when to choose it, and `options` as `{name: (default, what it is)}`.

    >>> metrics()["sinkhorn"]["options"]["tolerance"][0]
    '1e-4'
    """
    return {name: dict(zip(_KEYS, facts), options=_options(options)) for name, *facts, options in _kd2m.metrics()}


def criteria() -> dict[str, dict[str, Any]]:
    """Criteria of `kd2m.torch.Criterion`: the same, and `weight`, what a method's authors multiply it by (None of a divergence).

    >>> criteria()["hinton"]["weight"], criteria()["w2"]["weight"]
    (0.9, None)
    """
    return {
        name: dict(zip(_KEYS, facts), weight=weight, options=_options(options))
        for name, *facts, weight, options in _kd2m.criteria()
    }
