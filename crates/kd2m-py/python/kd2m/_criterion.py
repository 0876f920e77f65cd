"""Criteria of the field as modules of PyTorch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Union

import numpy as np
import torch

from . import _kd2m
from ._arrays import labels as classes_of
from ._arrays import whole, words
from ._autograd import back, host

# By name, or the only output that is read.
Outputs = Union[Mapping[str, torch.Tensor], torch.Tensor]
# The same, or sizes without the samples: a width, or (channels, height, width).
Sizes = Union[Mapping[str, Any], torch.Tensor, int, tuple[int, ...]]
Named = list[tuple[str, list[int]]]


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> torch.Tensor:
        call, *tensors = arguments
        value, ctx.gradients = call(any(ctx.needs_input_grad))
        ctx.like = tensors
        return torch.as_tensor(value, dtype=tensors[0].dtype, device=tensors[0].device)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        return None, *(back(gradient, like, grads[0]) for gradient, like in zip(ctx.gradients, ctx.like))


class Criterion(torch.nn.Module):
    """Any criterion of `kd2m.criteria()` as a module: `Criterion("hinton")(student, teacher)` is a scalar with a gradient to the student.

    Student and teacher are what two networks say of the same n samples, by name: `{"features": n × d, "logits": n × C, "layer1":
    n × c × h × w}`, maps under names of your own; or one tensor, where one output is read. The teacher is a constant. `labels`: n
    classes, where they are read; `indices`: the samples' places in the data set, which `crd` reads; `labels_teacher`: where the teacher
    saw other samples, which divergences take. `on` ("features", "logits", "probabilities" or a map), `memory` (samples a class that
    divergences remember) and the options are those of `kd2m list criteria`; `weight` is what the method's authors multiply it by.

    What learns (a map between widths, regressors, embeddings) or remembers by sample is made for the sizes of both networks: give the
    outputs of one batch, or sizes, as `student` and `teacher`, `classes` where no logits are among them, and for `crd` the number of
    samples of the data set as `train` (or their places). `parameters()` then has the learned parts, which your optimizer steps;
    `state_dict()` holds memories too. In `eval()` memories stay as they are.

    Computes in float32, away from the interpreter's lock. Raises `Kd2mError` for unknown names and options and for outputs that lack or
    do not fit, `RuntimeError` for a second derivative.

    >>> logits = torch.tensor([[0.0, 0.0]], requires_grad=True)
    >>> loss = Criterion("hinton", temperature=1)(logits, torch.tensor([[0.0, 20.0]]))
    >>> loss.backward()
    >>> round(loss.item(), 4), [round(g, 4) for g in logits.grad[0].tolist()]
    (0.6931, [0.5, -0.5])
    >>> learned = Criterion("w2", student=16, teacher=64).parameters()
    >>> [tuple(p.shape) for p in learned]
    [(64,), (64, 16)]
    """

    def __init__(
        self,
        name: str,
        *,
        student: Sizes | None = None,
        teacher: Sizes | None = None,
        classes: int | None = None,
        train: int | Iterable[int] | None = None,
        on: str = "features",
        memory: int = 0,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.name, self.options = name, options
        self.diagnostics: dict[str, float] = {}
        self.learned = torch.nn.ParameterDict()
        self._how = (name, words(options), on, memory)
        self._places = list(range(train)) if isinstance(train, int) else [int(i) for i in train or ()]
        self._classes, self._seed, self._step = classes, seed, 0
        self._inner = _kd2m.Criterion(*self._how)
        # Of both networks, once they are known; whether `_inner` is made for them; memories that wait for that.
        self._sizes: tuple[Named, Named] | None = None
        self._is_made = False
        self._saved: dict[str, torch.Tensor] = {}
        if (student is None) != (teacher is None):
            raise ValueError("these are the sizes of one network: give student and teacher, or neither")
        if student is not None:
            self._make(self._sizes_of(student, "student"), self._sizes_of(teacher, "teacher"))

    @property
    def weight(self) -> float | None:
        """What the method's authors multiply it by; None of a divergence, whose scale nobody knows before its samples."""
        weights = {name: row[6] for row in _kd2m.criteria() for name in (row[0], *row[1])}
        return weights.get(self.name)

    def _make(self, student: Named, teacher: Named, *, may_learn: bool = True) -> None:
        drawn = self._inner.init(student, teacher, self._classes, self._places, self._seed)
        if drawn and not may_learn:
            raise ValueError(
                f"criterion {self.name} learns {drawn[0][0]} between networks of these sizes: give outputs or sizes of both as student= and "
                "teacher= when you make it, so that your optimizer has its parameters()"
            )
        if self._sizes is None:
            for key, shape, values in drawn:
                # PyTorch allows no dots in names of parameters.
                self.learned[key.replace(".", "/")] = torch.nn.Parameter(torch.from_numpy(values).reshape(shape))
        self._sizes, self._is_made = (student, teacher), True
        self._keys = [key for key, _, _ in drawn]
        self._remember()

    def _remember(self) -> None:
        if self._saved and self._is_made:
            self._inner.load_state([(key, host(value)) for key, value in self._saved.items()])
            self._saved = {}

    def _named(self, outputs: Any, who: str) -> dict[str, Any]:
        if isinstance(outputs, Mapping):
            return dict(outputs)
        features, logits, _, _, *maps = self._inner.reads()
        read = ["features"] * features + ["logits"] * logits + maps[who == "teacher"]
        if len(read) != 1:
            what = " and ".join(read) if read else "maps"
            raise ValueError(f"criterion {self.name} reads {what}: give outputs of the {who} by name, as {{'features': tensor}}")
        return {read[0]: outputs}

    def _sizes_of(self, outputs: Any, who: str) -> Named:
        def size(output: Any) -> list[int]:
            if isinstance(output, torch.Tensor):
                return list(output.shape[1:])
            return [output] if isinstance(output, int) else [int(length) for length in output]

        return [(name, size(output)) for name, output in self._named(outputs, who).items()]

    @torch.compiler.disable
    def forward(
        self,
        student: Outputs,
        teacher: Outputs,
        labels: torch.Tensor | None = None,
        *,
        labels_teacher: torch.Tensor | None = None,
        indices: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The loss on a batch, a scalar of the student's precision; the class says what of it is read."""
        if not self._is_made:
            known = self._sizes or (self._sizes_of(student, "student"), self._sizes_of(teacher, "teacher"))
            self._make(*known, may_learn=self._sizes is not None)
        features, logits, _, _, *maps = self._inner.reads()
        read = {"features"} if features else set()
        read |= {"logits"} if logits else set()
        own = {name: t for name, t in self._named(student, "student").items() if name in read.union(maps[0])}
        other = {name: t for name, t in self._named(teacher, "teacher").items() if name in read.union(maps[1])}

        tracked = torch.is_grad_enabled()

        def call(gradient: bool) -> tuple[float, list[np.ndarray | None]]:
            found = self._inner.evaluate(
                _arrays(own.items()),
                _arrays(other.items()),
                classes_of(host(labels), np.float32, "labels"),
                classes_of(host(labels_teacher), np.float32, "labels_teacher"),
                None if indices is None else whole(host(indices), "indices are places in the data set"),
                _arrays(zip(self._keys, self.learned.values())),
                self._step,
                self._seed,
                self.training,
                gradient and tracked,
            )
            self.diagnostics = dict(found["diagnostics"])
            gradients, of_learned = (
                {name: values.reshape(shape) for name, shape, values in found[part]} for part in ("gradients", "learned")
            )
            return found["value"], [gradients.get(name) for name in own] + [of_learned.get(key) for key in self._keys]

        loss = _Loss.apply(call, *own.values(), *self.learned.values())
        self._step += self.training
        return loss

    def get_extra_state(self) -> dict[str, Any]:
        """Steps taken and memories."""
        memory = self._saved
        if self._is_made:
            memory = {key: torch.from_numpy(values).reshape(shape) for key, shape, values in self._inner.state()}
        return {"step": self._step, "memory": memory}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Puts them back."""
        self._step, self._saved = state["step"], dict(state["memory"])
        self._remember()

    def __getstate__(self) -> dict[str, Any]:
        kept = {"_inner": None, "_is_made": False, "_saved": self.get_extra_state()["memory"]}
        return {**self.__dict__, **kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._inner = _kd2m.Criterion(*self._how)

    def extra_repr(self) -> str:
        """Name and options."""
        return ", ".join([repr(self.name), *(f"{name}={value!r}" for name, value in self.options.items())])


def _arrays(named: Iterable[tuple[str, torch.Tensor]]) -> list[tuple[str, np.ndarray]]:
    return [(name, host(t).astype(np.float32, copy=False)) for name, t in named]
