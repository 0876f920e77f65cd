"""Divergences as functions of JAX: values with gradients to x, computed on the host.

They may be jitted, and batched by `vmap` (one call after another). The plan, bandwidth or ε is held constant in the gradient, as in
`kd2m.torch`; a second derivative is refused.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable

import jax
import jax.numpy as jnp
import numpy as np

from ._divergence import distance


def divergence(metric: str = "w2", **options: Any) -> Callable[[jax.Array, jax.Array], jax.Array]:
    """Any divergence of `kd2m.metrics()` as `f(x, y)` → a scalar of x's precision, differentiable in x (n × d); y (m × d) is a constant.

    Options and units are those of `kd2m.distance`. What that raises comes out of the host's call, inside of JAX's own error; a second
    derivative is a `ValueError` of JAX's about forward mode.

    >>> f = divergence("w2")
    >>> value, gradient = jax.value_and_grad(f)(jnp.zeros((4, 2)), jnp.ones((4, 2)))
    >>> float(value), gradient[0].tolist()
    (2.0, [-0.5, -0.5])
    """

    def on_host(x: Any, y: Any, gradient: bool) -> Any:
        found = distance(np.asarray(x), np.asarray(y), metric, gradient=gradient, **options)
        value = np.asarray(found.value, dtype=x.dtype)
        if not gradient:
            return value
        assert found.gradient is not None
        return value, found.gradient.astype(x.dtype)

    def scalar(x: jax.Array) -> Any:
        return jax.ShapeDtypeStruct((), x.dtype)

    @jax.custom_vjp
    def f(x: jax.Array, y: jax.Array) -> jax.Array:
        return jax.pure_callback(partial(on_host, gradient=False), scalar(x), x, y, vmap_method="sequential")

    def forward(x: jax.Array, y: jax.Array) -> Any:
        shapes = (scalar(x), jax.ShapeDtypeStruct(x.shape, x.dtype))
        value, gradient = jax.pure_callback(partial(on_host, gradient=True), shapes, x, y, vmap_method="sequential")
        return value, (gradient, jnp.zeros_like(y))

    def backward(kept: Any, cotangent: jax.Array) -> Any:
        gradient, zeros = kept
        return cotangent * gradient, zeros

    f.defvjp(forward, backward)
    return f
