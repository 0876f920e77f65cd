#!/usr/bin/env bash
# torch 2.15.0: `once_differentiable` refuses a second derivative only if the gradient that comes in requires one itself. In a gradient
# penalty it does not (`autograd.grad(f(x), x, create_graph=True)` begins with a constant 1), so the gradient comes back without a graph,
# the penalty's derivative is left out, and nothing is said: 12 in place of 300 below. Times a weight that is trained, the same
# code raises. Guess before: marked functions raise whenever `create_graph` is asked of them. Right: in `backward`, where
# `torch.is_grad_enabled()`, return the gradient through a function whose own backward raises.
# Needs: python3, an index of packages.   Run: findings/torch-once-differentiable-penalty.sh
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
cat > "$place/seen.py" <<'PY'
import torch


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x**3).sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * 3 * x**2


print("torch", torch.__version__.split("+")[0])
x = torch.tensor([2.0], requires_grad=True)
y = Cube.apply(x)
(slope,) = torch.autograd.grad(y, x, create_graph=True)
print("slope", slope.tolist(), "requires grad:", slope.requires_grad)
(y + slope.pow(2).sum()).backward()
print("derivative of y + slope²:", x.grad.item(), "(right: 3x² + 36x³ = 300)")
weight = torch.tensor(1.0, requires_grad=True)
(slope,) = torch.autograd.grad(weight * Cube.apply(x), x, create_graph=True)
try:
    slope.sum().backward()
    print("times a weight: no error")
except RuntimeError as error:
    print("times a weight:", error)
PY
"$place/venv/bin/python" "$place/seen.py" | tee "$place/seen"
diff "$place/seen" - <<'SEEN'
torch 2.15.0
slope [12.0] requires grad: False
derivative of y + slope²: 12.0 (right: 3x² + 36x³ = 300)
times a weight: trying to differentiate twice a function that was marked with @once_differentiable
SEEN
# Output seen:
# torch 2.15.0
# slope [12.0] requires grad: False
# derivative of y + slope²: 12.0 (right: 3x² + 36x³ = 300)
# times a weight: trying to differentiate twice a function that was marked with @once_differentiable
