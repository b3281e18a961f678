"""How large what comes out of a convolution is."""

from __future__ import annotations

from collections.abc import Sequence


def output_size(size: int, kernel: int, padding_total: int = 0, stride: int = 1) -> int:
    """⌊(n − k + p + s)/s⌋: how many places a kernel of k takes on n numbers with p zeros around them, both sides
    together, in steps of s. Raises ValueError where the kernel fits nowhere."""
    if kernel > size + padding_total:
        raise ValueError(f"a kernel of {kernel} does not fit into a size of {size} padded by {padding_total} in all")
    return (size - kernel + padding_total + stride) // stride


def output_sizes(
    sizes: Sequence[int], kernels: Sequence[int], paddings: Sequence[int], strides: Sequence[int]
) -> tuple[int, ...]:
    """`output_size` for each dimension; as in torch, a padding is that of one side."""
    return tuple(output_size(n, k, 2 * p, s) for n, k, p, s in zip(sizes, kernels, paddings, strides, strict=True))


def each(value: int | Sequence[int], dimensions: int) -> tuple[int, ...]:
    """One number for every dimension: a single one stands for all. Raises ValueError for a wrong count."""
    values = (value,) * dimensions if isinstance(value, int) else tuple(value)
    if len(values) != dimensions:
        raise ValueError(f"{values} should be {dimensions} numbers, or one for all")
    return values
