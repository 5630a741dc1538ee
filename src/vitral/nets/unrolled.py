"""The loops over time of the recurrent cells, with the way back beside the way forth: what a CPU trains with.

A step is one matrix product and a few passes over numbers that are still in the cache, all written into buffers that are made once; the
gradient of the recurrent weights is one product over all steps, behind the loop. In bfloat16 the products alone are bfloat16: gates and
memories are float32, so that a memory can change by less than 1/256 of itself in a step. LAB.md has what each choice brought.

tanh(x) is computed as 2 * sigmoid(2x) - 1: torch's sigmoid takes a third of the time of its tanh, and the two differ by rounding.

The inputs' part of the sums comes ready made and is overwritten. Rows are sorted by the length of their sequences, longest first: at step t
the first ``counts[t]`` rows go on, the others keep their memory, and 0 comes out.
"""

# B batch  T time  D hidden  G rows of all gates (4D, 3D or D)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

Counts = Sequence[int] | None
"""How many rows still run at each step; None where all run to the end."""

MINUS_ONE = torch.tensor(-1.0)
sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input
threshold_backward = torch.ops.aten.threshold_backward.grad_input


class UnrolledLstm(torch.autograd.Function):
    """c = f * c' + i * g and h = o * tanh(c), with i, f, o = sigmoid and g = tanh of W_ih x + b + W_hh h', in torch's order i, f, g, o.

    Args of ``apply``:
        sums: W_ih x + b_ih + b_hh, (T, B, 4D), in the precision of the products; is overwritten.
        weight: W_hh, (4D, D).
        hidden, cell: the memories before the first step, (B, D).
    Returns:
        h of every step, (T, B, D), in the precision of ``sums``; the last h and c, (B, D), through which no gradient goes back.
    """

    @staticmethod
    def forward(ctx: Any, sums: Tensor, weight: Tensor, hidden: Tensor, cell: Tensor, counts: Counts) -> tuple[Tensor, Tensor, Tensor]:  # noqa: PLR0917 - apply hands them on by place
        """Run all steps."""
        num_steps, d = len(sums), weight.shape[1]
        weight = weight.to(sums.dtype)
        across = weight.t().contiguous()
        hs, cs = _from(hidden, num_steps, sums.dtype, counts), _from(cell, num_steps, _finer(sums.dtype), counts)
        tanhs, fine = torch.empty_like(cs[1:]), _scratch(sums)
        with _exactly_so():
            for x, h, h_next, c, c_next, tanh_c in zip(
                *(_rows(part, counts) for part in (sums, hs[:-1], hs[1:], cs[:-1], cs[1:], tanhs)), strict=True
            ):
                x.addmm_(h, across)
                gate = _fine(x, fine)
                i, f, g, o = gate.split(d, 1)  # type: ignore[no-untyped-call]
                g.mul_(2)
                gate.sigmoid_()
                torch.add(MINUS_ONE, g, alpha=2, out=g)
                torch.mul(f, c, out=c_next).addcmul_(i, g)
                torch.mul(o, _tanh(c_next, out=tanh_c), out=h_next)
                _keep(gate, x)
        ctx.save_for_backward(weight, hs, cs, sums, tanhs)
        ctx.counts = counts
        last, last_cell = _last(hs, counts).to(hidden.dtype), _last(cs, counts).to(cell.dtype)
        ctx.mark_non_differentiable(last, last_cell)
        return hs[1:], last, last_cell

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Send dL/dh of every step back: dc += dh * o * (1 - tanh(c)^2), each gate's share times its slope, then dc *= f."""
        weight, hs, cs, gates, tanhs = ctx.saved_tensors  # the gates stand where the sums were
        counts, d = ctx.counts, weight.shape[1]
        to_sums = _blank(hs, gates.shape, counts)
        heard = torch.zeros_like(hs[0])  # what comes back through the products of the step after
        to_cell, to_hidden, share = (torch.zeros_like(cs[0]) for _ in range(3))
        to_gates, fine = torch.empty_like(gates[0], dtype=cs.dtype), _scratch(gates)
        with _exactly_so():
            for arriving, into, kept, c, tanh_c in zip(
                *(reversed(_rows(part, counts)) for part in (gradient, to_sums, gates, cs[:-1], tanhs)), strict=True
            ):
                n, gate = len(c), _fine(kept, fine)
                i, f, g, o = gate.split(d, 1)  # type: ignore[no-untyped-call]
                dh, dc, dgate = to_hidden[:n], to_cell[:n], to_gates[:n]
                di, df, dg, do = dgate.split(d, 1)  # type: ignore[no-untyped-call]
                torch.add(arriving, heard[:n], out=dh)
                through = torch.mul(dh, o, out=share[:n])
                dc.add_(tanh_backward(through, tanh_c, grad_input=through))
                torch.mul(dc, g, out=di)
                torch.mul(dc, c, out=df)
                torch.mul(dc, i, out=dg)
                torch.mul(dh, tanh_c, out=do)
                sigmoid_backward(dgate[:, : 2 * d], gate[:, : 2 * d], grad_input=dgate[:, : 2 * d])
                tanh_backward(dg, g, grad_input=dg)
                sigmoid_backward(do, o, grad_input=do)
                dc.mul_(f)
                torch.mm(into.copy_(dgate), weight, out=heard[:n])
            to_weight = to_sums.flatten(0, 1).t() @ hs[:-1].flatten(0, 1)
        return to_sums, to_weight, heard, to_cell, None


class UnrolledGru(torch.autograd.Function):
    """h = n + z * (h' - n), with r, z = sigmoid of the sums and n = tanh(W_in x + b_in + r * (W_hn h' + b_hn)), in torch's order r, z, n.

    Args of ``apply``:
        sums: W_ih x + b_ih, and b_hh too for r and z, (T, B, 3D), in the precision of the products; is overwritten.
        weight: W_hh, (3D, D).
        bias: b_hn, (D,).
        hidden: the memory before the first step, (B, D).
    Returns:
        h of every step, (T, B, D), in the precision of ``sums``; the last h, (B, D), through which no gradient goes back.
    """

    @staticmethod
    def forward(ctx: Any, sums: Tensor, weight: Tensor, bias: Tensor, hidden: Tensor, counts: Counts) -> tuple[Tensor, Tensor]:  # noqa: PLR0917 - apply hands them on by place
        """Run all steps."""
        num_steps, d = len(sums), weight.shape[1]
        weight = weight.to(sums.dtype)
        across = weight.t().contiguous()
        hs = _from(hidden, num_steps, _finer(sums.dtype), counts)
        rough = hs if hs.dtype is sums.dtype else _from(hidden, num_steps, sums.dtype, counts)
        heards, fine, fine_product = torch.empty_like(hs[1:]), _scratch(sums), _scratch(sums)
        product = torch.empty_like(sums[0])
        with _exactly_so():
            for x, heard, h, h_next, h_rough, next_rough in zip(
                *(_rows(part, counts) for part in (sums, heards, hs[:-1], hs[1:], rough[:-1], rough[1:])), strict=True
            ):
                across_h = _fine(torch.mm(h_rough, across, out=product[: len(x)]), fine_product)
                gate = _fine(x, fine)
                n = gate[:, 2 * d :]
                valves = gate[:, : 2 * d].add_(across_h[:, : 2 * d]).sigmoid_()
                torch.add(across_h[:, 2 * d :], bias, out=heard)
                _tanh(n.addcmul_(valves[:, :d], heard), out=n)
                torch.lerp(n, h, valves[:, d:], out=h_next)
                _keep(h_next, next_rough)
                _keep(gate, x)
        ctx.save_for_backward(weight, rough, hs, sums, heards)
        ctx.counts = counts
        last = _last(hs, counts).to(hidden.dtype)
        ctx.mark_non_differentiable(last)
        return rough[1:], last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Send dL/dh of every step back: dz = dh * (h' - n), dn = dh * (1 - z), dr = dn * (W_hn h' + b_hn), each times its slope."""
        weight, rough, hs, gates, heards = ctx.saved_tensors  # the gates stand where the sums were
        counts, d = ctx.counts, weight.shape[1]
        to_sums, to_product = (_blank(rough, gates.shape, counts) for _ in range(2))
        echo = torch.zeros_like(rough[0])  # what comes back through the products of the step after
        kept, to_hidden, to_bias = (torch.zeros_like(hs[0]) for _ in range(3))  # kept: what comes back through z * h'
        to_gates, fine = torch.empty_like(gates[0], dtype=hs.dtype), _scratch(gates)
        with _exactly_so():
            for arriving, into, into_product, squashed, heard, h in zip(
                *(reversed(_rows(part, counts)) for part in (gradient, to_sums, to_product, gates, heards, hs[:-1])), strict=True
            ):
                num, gate = len(h), _fine(squashed, fine)
                r, z, n = gate.split(d, 1)  # type: ignore[no-untyped-call]
                dh, dh_kept, dgate = to_hidden[:num], kept[:num], to_gates[:num]
                dr, dz, dn = dgate.split(d, 1)  # type: ignore[no-untyped-call]
                torch.add(arriving, echo[:num], out=dh).add_(dh_kept)
                torch.mul(dh, z, out=dh_kept)
                torch.sub(dh, dh_kept, out=dn)
                tanh_backward(dn, n, grad_input=dn)
                torch.sub(h, n, out=dz).mul_(dh)
                torch.mul(dn, heard, out=dr)
                sigmoid_backward(dgate[:, : 2 * d], gate[:, : 2 * d], grad_input=dgate[:, : 2 * d])
                into.copy_(dgate)
                to_bias[:num].add_(dn.mul_(r))
                torch.mm(into_product.copy_(dgate), weight, out=echo[:num])
            to_weight = to_product.flatten(0, 1).t() @ rough[:-1].flatten(0, 1)
        return to_sums, to_weight, to_bias.sum(0), kept.add_(echo), None


class UnrolledRnn(torch.autograd.Function):
    """h = f(W_ih x + b + W_hh h') with f = tanh or ReLU.

    Args of ``apply``:
        sums: W_ih x + b_ih + b_hh, (T, B, D), in the precision of the products; is overwritten.
        weight: W_hh, (D, D).
        hidden: the memory before the first step, (B, D).
        activation: "tanh" or "relu".
    Returns:
        h of every step, (T, B, D), in the precision of ``sums``; the last h, (B, D), through which no gradient goes back.
    """

    @staticmethod
    def forward(ctx: Any, sums: Tensor, weight: Tensor, hidden: Tensor, activation: str, counts: Counts) -> tuple[Tensor, Tensor]:  # noqa: PLR0917 - apply hands them on by place
        """Run all steps."""
        weight = weight.to(sums.dtype)
        across = weight.t().contiguous()
        hs = _from(hidden, len(sums), sums.dtype, counts)
        fine = _scratch(sums)
        with _exactly_so():
            for x, h, h_next in zip(*(_rows(part, counts) for part in (sums, hs[:-1], hs[1:])), strict=True):
                x.addmm_(h, across)
                if activation == "relu":
                    torch.clamp(x, min=0, out=h_next)
                else:
                    y = _fine(x, fine)
                    h_next.copy_(_tanh(y, out=y))
        ctx.save_for_backward(weight, hs)
        ctx.counts, ctx.activation = counts, activation
        last = _last(hs, counts).to(hidden.dtype)
        ctx.mark_non_differentiable(last)
        return hs[1:], last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Send dL/dh of every step back: dL/dx = dh * (1 - h^2), or dh where h > 0."""
        weight, hs = ctx.saved_tensors
        counts = ctx.counts
        to_sums = _blank(hs, gradient.shape, counts)
        heard = torch.zeros_like(hs[0])  # what comes back through the products of the step after
        with _exactly_so():
            for arriving, into, h in zip(*(reversed(_rows(part, counts)) for part in (gradient, to_sums, hs[1:])), strict=True):
                back = heard[: len(h)]
                torch.add(arriving, back, out=into)
                if ctx.activation == "relu":
                    threshold_backward(into, h, 0, grad_input=into)
                else:
                    tanh_backward(into, h, grad_input=into)
                torch.mm(into, weight, out=back)
            to_weight = to_sums.flatten(0, 1).t() @ hs[:-1].flatten(0, 1)
        return to_sums, to_weight, heard, None, None


class Columns(torch.autograd.Function):
    """W x + b for one-hot x: column x of W, looked up; the gradients of a column are summed in float32 at least.

    Args of ``apply``:
        codes: of any shape, int64.
        weight: (G, V).
        bias: (G,).
        dtype: the precision of the answer, (..., G).
    """

    @staticmethod
    def forward(ctx: Any, codes: Tensor, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> Tensor:
        """Look the columns up."""
        ctx.save_for_backward(codes)
        ctx.num_symbols = weight.shape[1]
        return F.embedding(codes, (weight.t() + bias).to(dtype))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Sum the gradients of each code, a part of the steps at a time: what is made finer stays in the cache."""
        (codes,) = ctx.saved_tensors
        finer, total = _finer(gradient.dtype), torch.zeros(ctx.num_symbols, gradient.shape[-1], dtype=_finer(gradient.dtype))
        for part, those in zip(gradient.flatten(0, -2).split(1000), codes.flatten().split(1000), strict=True):  # type: ignore[no-untyped-call]
            total += torch.ops.aten.embedding_dense_backward(part.to(finer), those, ctx.num_symbols, -1, False)
        return None, total.t(), total.sum(0), None


def _exactly_so() -> torch.autocast:
    """Let the operations run in the precisions of their operands, whatever the caller's autocast says."""
    return torch.autocast("cpu", enabled=False)


def _finer(dtype: torch.dtype) -> torch.dtype:
    """Give the precision of gates and memories beside products of this one."""
    return torch.float32 if dtype is torch.bfloat16 else dtype


def _scratch(steps: Tensor) -> Tensor | None:
    """Give a place for one step in the finer precision; None where it is the same."""
    finer = _finer(steps.dtype)
    return None if finer is steps.dtype else torch.empty_like(steps[0], dtype=finer)


def _fine(rows: Tensor, scratch: Tensor | None) -> Tensor:
    """Give these rows in the finer precision."""
    return rows if scratch is None else scratch[: len(rows)].copy_(rows)


def _keep(rows: Tensor, place: Tensor) -> None:
    """Round the rows into their place, where they do not stand there already."""
    if rows is not place:
        place.copy_(rows)


def _from(first: Tensor, num_steps: int, dtype: torch.dtype, counts: Counts) -> Tensor:
    """Give the place for the memories before and after every step, (T + 1, B, D), the first one filled in; 0 behind the ends."""
    states = _blank(first, (num_steps + 1, *first.shape), counts, dtype)
    states[0] = first
    return states


def _blank(like: Tensor, shape: Sequence[int], counts: Counts, dtype: torch.dtype | None = None) -> Tensor:
    return (like.new_empty if counts is None else like.new_zeros)(shape, dtype=dtype or like.dtype)


def _rows(part: Tensor, counts: Counts) -> list[Tensor]:
    """Give the rows that run at each step."""
    steps = part.unbind()
    return list(steps) if counts is None else [step[:n] for step, n in zip(steps, counts, strict=True)]


def _last(states: Tensor, counts: Counts) -> Tensor:
    """Give each row's memory after its own last step."""
    if counts is None:
        return states[-1].clone()
    rows = torch.arange(states.shape[1])
    lengths = (torch.tensor(counts)[:, None] > rows).sum(0)
    return states[lengths, rows]


def _tanh(x: Tensor, out: Tensor) -> Tensor:
    torch.add(x, x, out=out)
    return torch.add(MINUS_ONE, out.sigmoid_(), alpha=2, out=out)
