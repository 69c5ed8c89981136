"""Decision forests walked fast: nodes of eight bytes, one tree at a time over a batch of samples.

A node is one 64-bit integer. Its upper half is the threshold as a 32-bit integer of the same order,
its lower half the feature and the position of the left child; the right child is the next node.
Trees lie breadth-first, so that siblings share a cache line, and a leaf is its own left child with
a threshold that nothing exceeds. Samples are float32, as scikit-learn takes them; a float64
threshold rounded down to float32 splits them at exactly the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

LARGEST = np.iinfo(np.int32).max
KEY_BYTES = 2**20
"""What the keys of a batch may weigh, so that they and a tree stay in the cache."""


@dataclass(frozen=True)
class PackedForest:
    """A forest as arrays.

    Attributes
    ----------
    nodes : ndarray, (n,), int64
        Threshold, feature and left child of each node, tree after tree.
    roots : ndarray, (trees + 1,), int64
        Where each tree begins.
    values : ndarray, (n, k), float64
        Value of a regressor (k = 1) or share of each class, of each node.
    bits : int
        Width of the child in the lower half of a node.
    features : int
        Number of predictors.
    missing : bool
        Whether gaps in the predictors follow the trees' own rule.
    """

    nodes: np.ndarray
    roots: np.ndarray
    values: np.ndarray
    bits: int
    features: int
    missing: bool

    @property
    def trees(self) -> int:
        """Number of trees."""
        return int(self.roots.size - 1)


def pack_forest(trees: Sequence[Any], features: int, *, missing: bool = False) -> PackedForest:
    """Pack trees.

    Parameters
    ----------
    trees : sequence
        Objects with the attributes of scikit-learn's ``tree_``: ``children_left``,
        ``children_right``, ``feature``, ``threshold``, ``value`` (nodes, 1, k) and, when
        ``missing``, ``missing_go_to_left``.
    features : int
        Number of predictors.
    missing : bool
        Make gaps follow the trees' rule. A predictor then has two columns, in which a gap lies
        above respectively below every threshold, and a node reads the one that sends gaps its way.

    Returns
    -------
    PackedForest
        The forest.

    Raises
    ------
    OverflowError
        If the largest tree has so many nodes that a child and a feature need more than 32 bits.
    """
    columns = features * (2 if missing else 1)
    bits = 32 - max(1, (columns - 1).bit_length())
    sizes = [np.asarray(tree.children_left).size for tree in trees]
    if max(sizes) > 1 << bits:
        raise OverflowError(
            f"a tree of the forest has {max(sizes)} nodes, and with {features} predictors at most "
            f"{1 << bits} can be held: grow smaller trees (max_depth, min_samples_leaf)."
        )
    roots = np.cumsum([0, *sizes], dtype=np.int64)
    packed = [_pack_tree(tree, features, bits, missing) for tree in trees]
    nodes = np.concatenate([nodes for nodes, _ in packed])
    values = np.concatenate([values for _, values in packed])
    return PackedForest(nodes, roots, values, bits, features, missing)


def _pack_tree(tree: Any, features: int, bits: int, missing: bool) -> tuple[np.ndarray, np.ndarray]:
    left = np.asarray(tree.children_left)
    order, child = _breadth_first(left, np.asarray(tree.children_right))
    leaf = left[order] < 0
    feature = np.where(leaf, 0, np.asarray(tree.feature)[order]).astype(np.int64)
    if missing:
        gaps_left = np.asarray(tree.missing_go_to_left)[order].astype(bool)
        feature += np.where(gaps_left & ~leaf, features, 0)
    key = ordered_keys(_rounded_down(np.asarray(tree.threshold, dtype=np.float64)[order]))
    key = np.where(leaf, LARGEST, key).astype(np.int64)
    nodes = (key << 32) | (feature << bits) | child
    return nodes, np.ascontiguousarray(tree.value[order, 0, :], dtype=np.float64)


def _breadth_first(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes in breadth-first order and the new position of each one's left child."""
    child = np.empty(left.size, dtype=np.int64)
    level, levels, start = np.zeros(1, dtype=np.int64), [], 0
    while level.size:
        levels.append(level)
        inner = left[level] >= 0
        here = start + np.arange(level.size)
        child[here] = here
        start += level.size
        parents = level[inner]
        child[here[inner]] = start + 2 * np.arange(parents.size)
        level = np.stack([left[parents], right[parents]], axis=1).ravel().astype(np.int64)
    return np.concatenate(levels), child


def _rounded_down(thresholds: np.ndarray) -> np.ndarray:
    """Return the largest float32 not above each threshold, finite ones only."""
    with np.errstate(over="ignore"):
        near = thresholds.astype(np.float32)
    below = np.nextafter(near, np.float32(-np.inf))
    return np.where((near > thresholds) | np.isposinf(near), below, near)


def ordered_keys(values: Any) -> np.ndarray:
    """Map float32 to int32 of the same order; both zeros have one key.

    Parameters
    ----------
    values : ndarray, float32
        Without NaN.

    Returns
    -------
    ndarray, int32
        Keys.

    Examples
    --------
    >>> ordered_keys(np.array([-0.0, 0.0, 1e-45, -1e-45], "float32"))
    array([ 0,  0,  1, -2], dtype=int32)
    """
    bits: Any = (np.asarray(values, dtype=np.float32) + np.float32(0)).view(np.int32)
    return bits ^ ((bits >> 31) & np.int32(LARGEST))


def batch_size(forest: PackedForest) -> int:
    """Return how many samples should go through one tree before the next does.

    Parameters
    ----------
    forest : PackedForest
        The forest.

    Returns
    -------
    int
        2048 to 32768.
    """
    columns = forest.features * (2 if forest.missing else 1)
    return min(32768, max(2048, KEY_BYTES // (4 * columns)))


def sample_keys(samples: np.ndarray, forest: PackedForest) -> np.ndarray:
    """Return the keys of samples, as the trees read them.

    Parameters
    ----------
    samples : ndarray, (n, features), float32
        Finite; NaN only where the forest takes gaps.
    forest : PackedForest
        The forest.

    Returns
    -------
    ndarray, (n, columns), int32
        Keys.
    """
    if not forest.missing:
        return ordered_keys(samples)
    gap = np.isnan(samples)
    above, below = np.float32(np.inf), np.float32(-np.inf)
    return ordered_keys(np.hstack([np.where(gap, above, samples), np.where(gap, below, samples)]))


def forest_mean(forest: PackedForest, keys: np.ndarray) -> np.ndarray:
    """Return the mean of the trees' values, summed in the order of the trees.

    Parameters
    ----------
    forest : PackedForest
        The forest.
    keys : ndarray, (n, columns), int32
        From :func:`sample_keys`.

    Returns
    -------
    ndarray, (n, k), float64
        Equal to scikit-learn's with ``n_jobs=1``, bit by bit.
    """
    out = np.zeros((keys.shape[0], forest.values.shape[1]))
    _sum_trees(forest.nodes, forest.roots, forest.values, forest.bits, keys, out)
    out /= forest.trees
    return out


def tree_values(forest: PackedForest, keys: np.ndarray) -> np.ndarray:
    """Return the value that each tree of a regressor gives each sample.

    Parameters
    ----------
    forest : PackedForest
        A forest with one value a node.
    keys : ndarray, (n, columns), int32
        From :func:`sample_keys`.

    Returns
    -------
    ndarray, (trees, n), float64
        The values.
    """
    out = np.empty((forest.trees, keys.shape[0]))
    _each_tree(forest.nodes, forest.roots, forest.values, forest.bits, keys, out)
    return out


@njit(nogil=True, cache=True)
def _sum_trees(nodes, roots, values, bits, keys, out):  # type: ignore[no-untyped-def]
    leaves = np.empty(keys.shape[0], np.uint32)
    for tree in range(roots.size - 1):
        first, last = roots[tree], roots[tree + 1]
        _walk(nodes[first:last], bits, keys, leaves)
        _add_values(values[first:last], leaves, out)


@njit(nogil=True, cache=True)
def _each_tree(nodes, roots, values, bits, keys, out):  # type: ignore[no-untyped-def]
    leaves = np.empty(keys.shape[0], np.uint32)
    for tree in range(roots.size - 1):
        first, last = roots[tree], roots[tree + 1]
        _walk(nodes[first:last], bits, keys, leaves)
        own = values[first:last]
        for i in range(leaves.size):
            out[tree, i] = own[leaves[i], 0]


@njit(nogil=True, cache=True)
def _add_values(values, leaves, out):  # type: ignore[no-untyped-def]
    for i in range(leaves.size):
        for k in range(out.shape[1]):
            out[i, k] += values[leaves[i], k]


@njit(nogil=True, cache=True)
def _step(record, key_row, shift, mask):  # type: ignore[no-untyped-def]
    low = np.uint64(record) & np.uint64(0xFFFFFFFF)
    right = np.int64(key_row[low >> shift]) > (record >> 32)
    return (low & mask) + np.uint64(right)


@njit(nogil=True, cache=True)
def _walk(nodes, bits, keys, leaves):  # type: ignore[no-untyped-def]
    """Find the leaf of each sample, eight abreast: their loads do not wait on each other."""
    shift = np.uint64(bits)
    mask = (np.uint64(1) << shift) - np.uint64(1)
    count = keys.shape[0]
    whole = count - count % 8
    for i in range(0, whole, 8):
        k0, k1, k2, k3 = keys[i], keys[i + 1], keys[i + 2], keys[i + 3]
        k4, k5, k6, k7 = keys[i + 4], keys[i + 5], keys[i + 6], keys[i + 7]
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = np.uint64(0)
        moved = True
        while moved:
            # A leaf leads to itself, so that looking only at every third step does no harm.
            for _ in range(2):
                a0 = _step(nodes[a0], k0, shift, mask)
                a1 = _step(nodes[a1], k1, shift, mask)
                a2 = _step(nodes[a2], k2, shift, mask)
                a3 = _step(nodes[a3], k3, shift, mask)
                a4 = _step(nodes[a4], k4, shift, mask)
                a5 = _step(nodes[a5], k5, shift, mask)
                a6 = _step(nodes[a6], k6, shift, mask)
                a7 = _step(nodes[a7], k7, shift, mask)
            b0 = _step(nodes[a0], k0, shift, mask)
            b1 = _step(nodes[a1], k1, shift, mask)
            b2 = _step(nodes[a2], k2, shift, mask)
            b3 = _step(nodes[a3], k3, shift, mask)
            b4 = _step(nodes[a4], k4, shift, mask)
            b5 = _step(nodes[a5], k5, shift, mask)
            b6 = _step(nodes[a6], k6, shift, mask)
            b7 = _step(nodes[a7], k7, shift, mask)
            moved = (
                (a0 ^ b0) | (a1 ^ b1) | (a2 ^ b2) | (a3 ^ b3)
                | (a4 ^ b4) | (a5 ^ b5) | (a6 ^ b6) | (a7 ^ b7)
            ) != 0  # fmt: skip
            a0, a1, a2, a3, a4, a5, a6, a7 = b0, b1, b2, b3, b4, b5, b6, b7
        leaves[i], leaves[i + 1], leaves[i + 2], leaves[i + 3] = a0, a1, a2, a3
        leaves[i + 4], leaves[i + 5], leaves[i + 6], leaves[i + 7] = a4, a5, a6, a7
    for i in range(whole, count):
        at, before = _step(nodes[0], keys[i], shift, mask), np.uint64(0)
        while at != before:
            before = at
            at = _step(nodes[at], keys[i], shift, mask)
        leaves[i] = at
