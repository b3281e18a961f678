"""Pictures in the rows of Parquet files: a row group is read as a whole, and kept while a batch needs it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flori.core import seeds
from flori.core.errors import UserError
from flori.data import lanes
from flori.data.folders import Kept
from flori.data.shelves import SAMPLE, Opener
from flori.data.stores import Store, saying

OPEN_BYTES = 1 << 29  # of encoded pictures that are open at a time, over all workers
FEWEST = 4  # row groups that are open at a time, however large they are
AT_ONCE = 8  # row groups that are fetched at a time
EACH_SAMPLED = 125  # pictures of a row group that stand for it


@dataclass(frozen=True)
class Shard:
    """A Parquet file: its path in the store, its footer, and a hash of that."""

    inside: str
    footer: Any
    digest: bytes

    @staticmethod
    def of(store: Store, inside: str) -> Shard:
        """Read the footer of a file. Raises UserError where it has none."""
        import pyarrow as pa
        import pyarrow.parquet

        with saying(store.shown(inside)), store.opened(inside) as file:
            try:
                footer, said = pa.parquet.read_metadata(file), io.BytesIO()
            except (pa.ArrowException, ValueError) as problem:
                where = store.shown(inside)
                raise UserError(f"{where} is not a Parquet file that can be read: {problem}") from None
        footer.write_metadata_file(said)
        return Shard(inside, footer, hashlib.blake2b(said.getvalue(), digest_size=16).digest())

    def read(self, store: Store, columns: list[str], group: int | None = None) -> Any:
        """Some columns of a row group, or of all."""
        import pyarrow as pa
        import pyarrow.parquet

        with saying(store.shown(self.inside)), store.opened(self.inside) as opened:
            file = pa.parquet.ParquetFile(opened, metadata=self.footer)
            if group is None:
                return file.read(columns=columns, use_threads=False)
            return file.read_row_group(group, columns=columns, use_threads=False)


@dataclass(frozen=True)
class ShardShelf:
    """The rows of several Parquet files, one after the other; `column` is the path of their pictures."""

    store: Store
    shards: list[Shard]
    column: str
    starts: NDArray[np.int64] = field(init=False)  # of each row group, and where the last one ends
    places: list[tuple[int, int]] = field(init=False)  # of each row group: shard, and number in it

    def __post_init__(self) -> None:
        places = [(i, k) for i, shard in enumerate(self.shards) for k in range(shard.footer.num_row_groups)]
        rows = [self.shards[i].footer.row_group(k).num_rows for i, k in places]
        object.__setattr__(self, "places", places)
        object.__setattr__(self, "starts", np.concatenate([[0], np.cumsum(rows, dtype=np.int64)]).astype(np.int64))

    def __len__(self) -> int:
        return int(self.starts[-1])

    def groups(self, numbers: Tensor | Sequence[int]) -> NDArray[np.int64]:
        """The row group of each row."""
        found: NDArray[np.int64] = np.searchsorted(self.starts, np.asarray(numbers), side="right") - 1
        return found

    def row(self, number: int) -> tuple[str, int]:
        """The file of a row within the store, and which of its rows it is, from 1 on."""
        group = int(self.groups([number])[0])
        shard, place = self.places[group]
        return self.shards[shard].inside, number - int(self.starts[group - place]) + 1

    def name(self, number: int) -> str:
        inside, row = self.row(number)
        return f"{inside or PurePosixPath(self.store.shown()).name}:{row}"

    def shown(self, number: int) -> str:
        """A row as messages name it."""
        inside, row = self.row(number)
        return f"{self.store.shown(inside)}, row {row}"

    def sizes(self, numbers: Tensor) -> None:
        return None

    def opener(self) -> Opener:
        return _Opened(self).fetched

    def content(self, numbers: Tensor) -> bytes:
        """Of what the footers say: rows, and sizes and ends of columns."""
        return b"".join(shard.digest for shard in self.shards) + numbers.numpy().tobytes()

    def digests(self, numbers: Tensor) -> Iterator[bytes] | None:
        return None

    def order(self, numbers: Tensor, cuts: Sequence[int], seed: int, epoch: int) -> Tensor:
        return lanes.order(self.groups(numbers), cuts, self.lanes, seed, epoch)

    def sample(self, numbers: Tensor, seed: int) -> Tensor:
        groups = self.groups(numbers)
        there, starts, counts = np.unique(groups, return_index=True, return_counts=True)
        drawn = torch.randperm(len(there), generator=seeds.generator(seed, "sample")).tolist()
        found: list[int] = []
        for one in drawn:
            found += range(starts[one], starts[one] + min(EACH_SAMPLED, counts[one]))
            if len(found) >= SAMPLE:
                break
        return torch.tensor(sorted(found[:SAMPLE]), dtype=torch.int64)

    @cached_property
    def lanes(self) -> int:
        """How many row groups may be open at a time: that follows from the files alone."""
        sizes = [_bytes(self.shards[i].footer.row_group(k), self.column) for i, k in self.places]
        return max(FEWEST, OPEN_BYTES * len(sizes) // max(1, sum(sizes)))

    def pictures(self, group: int) -> Any:
        """The encoded pictures of a row group, as an array of Arrow's."""
        shard, number = self.places[group]
        top, dot, inside = self.column.partition(".")
        found = self.shards[shard].read(self.store, [self.column], number).column(top).combine_chunks()
        return found.field(inside) if dot else found


class _Opened:
    """The row groups that the last pictures were of: the next ones are mostly of the same."""

    def __init__(self, shelf: ShardShelf) -> None:
        self.shelf = shelf
        self.held: dict[int, Any] = {}

    def fetched(self, numbers: Sequence[int]) -> list[Kept]:
        """Pictures by their numbers. Raises UserError where a row has none."""
        groups = self.shelf.groups(numbers).tolist()
        lacking = sorted(set(groups) - self.held.keys())
        self.held = {group: self.held[group] for group in set(groups) & self.held.keys()}
        if len(lacking) > 1:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                self.held |= zip(lacking, pool.map(self.shelf.pictures, lacking), strict=True)
        elif lacking:
            self.held[lacking[0]] = self.shelf.pictures(lacking[0])
        return [self._kept(number, group) for number, group in zip(numbers, groups, strict=True)]

    def _kept(self, number: int, group: int) -> Kept:
        content = self.held[group][number - int(self.shelf.starts[group])].as_py()
        if content is None:
            raise UserError(f"{self.shelf.shown(number)}: has no picture")
        return Kept(self.shelf.shown(number), content)


def _bytes(group: Any, column: str) -> int:
    """What a column of a row group takes, decompressed."""
    found = (group.column(i) for i in range(group.num_columns))
    return next(int(one.total_uncompressed_size) for one in found if one.path_in_schema == column)
