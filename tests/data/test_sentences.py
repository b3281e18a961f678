"""Pairs, tagged sentences and classified texts as read, on sets by hand and on real ones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.bad_input.making import put

from flori.data import conll, pairs, texts
from flori.data.ties import held_out


def test_pairs_are_read_with_their_lines() -> None:
    put(Path("p.txt"), "Go.\tVa\u202f!\tCC-BY\n\nHi!\tSalut\u00a0! \n")
    found = pairs.read(Path("p.txt")).parts["train"]
    assert found == pairs.Pairs(["Go.", "Hi!"], ["Va !", "Salut !"], ["p.txt:1", "p.txt:3"])
    assert pairs.read(Path("p.txt"), swap=True).parts["train"].sources == ["Va !", "Salut !"]
    assert found.take(torch.tensor([1])) == pairs.Pairs(["Hi!"], ["Salut !"], ["p.txt:3"])


def test_no_source_lies_in_two_parts() -> None:
    sources = [f"s{i % 101}" for i in range(1009)]
    every = pairs.Pairs(sources, [f"t{i}" for i in range(1009)], [str(i) for i in range(1009)])
    for share in (0.1, 0.5):
        kept, held = held_out(pairs.tie(every), share, seed=3)
        assert sorted([*kept.tolist(), *held.tolist()]) == list(range(1009))
        assert not {sources[i] for i in kept} & {sources[i] for i in held}
        assert abs(len(held) - share * 1009) <= 10
    assert torch.equal(held, held_out(pairs.tie(every), 0.5, seed=3)[1])
    assert not torch.equal(held, held_out(pairs.tie(every), 0.5, seed=4)[1])


def test_real_pairs(real_data: Path) -> None:
    found = pairs.read(real_data / "fra-eng")
    train = found.parts["train"]
    assert len(train) == 142_787 and not found.skipped
    assert (train.sources[0], train.targets[0]) == ("Go.", "Va !")
    assert not any(letter in text for text in train.targets for letter in "\u00a0\u202f\u2009\u200b\xad")
    _, held = held_out(pairs.tie(train), 0.05, seed=0)
    assert abs(len(held) - 7139) < 100
    assert len(pairs.read(real_data / "fr-en-small").parts["train"]) == 20


def test_tagged_sentences_are_read_with_their_lines() -> None:
    put(Path("c.conll"), "\nA\tO\nNew\tB-place\nYork\tI-place\n\n\nB\tO\n")
    found = conll.read(Path("c.conll"))
    assert found.labels == ["O", "B-place", "I-place"]
    expected = conll.Sentences(
        [["A", "New", "York"], ["B"]], [["O", "B-place", "I-place"], ["O"]], ["c.conll:2", "c.conll:7"]
    )
    assert found.parts["train"] == expected
    assert expected.take(torch.tensor([1])) == conll.Sentences([["B"]], [["O"]], ["c.conll:7"])


def test_columns_between_and_the_older_scheme_are_understood() -> None:
    put(
        Path("c.txt"),
        "-DOCSTART- -X- O O\n\nEU NNP I-NP I-ORG\nrejects VBZ I-VP O\nA DT I-NP I-PER\nB NN B-NP B-PER\nC N I I-PER\n",
    )
    (tags,) = conll.read(Path("c.txt")).parts["train"].tags
    assert tags == ["B-ORG", "O", "B-PER", "B-PER", "I-PER"]


def test_real_tagged_sentences(real_data: Path) -> None:
    found = conll.read(real_data / "wnut17")
    sizes = {name: (len(part), sum(map(len, part.words))) for name, part in found.parts.items()}
    assert sizes == {"train": (3394, 62_730), "valid": (1009, 15_733), "test": (1287, 23_394)}
    assert len(found.labels) == 13 and not found.skipped


def test_texts_by_folder_file_and_table_are_alike() -> None:
    for label, names in {"neg": "ab", "pos": "cd"}.items():
        for name in names:
            put(Path(f"folders/train/{label}/{name}.txt"), f"text {name}\n")
            put(Path(f"folders/test/{label}/{name}.txt"), f"text {name}{name}")
    put(Path("files/neg.txt"), "text a\n\ntext b\n")
    put(Path("files/pos.txt"), "text c\ntext d")
    put(Path("endings/reviews.neg"), "text a\ntext b\n")
    put(Path("endings/reviews.pos"), "text c\ntext d\n")
    put(Path("table.tsv"), "sentence\tlabel\ntext a\tneg\ntext b\tneg\ntext c\tpos\ntext d\tpos\n")
    put(Path("table.csv"), 'id,label,review\n1,neg,text a\n2,neg,"text b"\n3,pos,text c\n4,pos,text d\n')
    put(Path("nameless.tsv"), "text a\t0\ntext b\t0\ntext c\t1\ntext d\t1\n")
    for source in ("folders", "files", "endings", "table.tsv", "table.csv", "nameless.tsv"):
        found = texts.read(Path(source))
        train = found.parts["train"]
        assert train.texts == ["text a", "text b", "text c", "text d"], source
        assert train.targets.tolist() == [0, 0, 1, 1] and found.labels in (["neg", "pos"], ["0", "1"])
    assert texts.read(Path("folders")).parts["test"].texts == ["text aa", "text bb", "text cc", "text dd"]
    assert texts.read(Path("files")).parts["train"].names == ["neg.txt:1", "neg.txt:3", "pos.txt:1", "pos.txt:2"]
    assert texts.read(Path("table.csv"), target="review", text="label").labels[0] == "text a"


@pytest.mark.parametrize("odd", ['"never closed', 'a "b" c', '"', "''"])
def test_quotation_marks_in_tab_separated_texts_are_characters(odd: str) -> None:
    put(Path("t.tsv"), f"sentence\tlabel\n{odd}\tx\nnext\ty\n")
    assert texts.read(Path("t.tsv")).parts["train"].texts == [odd, "next"]


def test_real_texts(real_data: Path) -> None:
    sizes = {
        name: {part: len(own) for part, own in texts.read(real_data / name).parts.items()}
        for name in ("imdb-tiny", "rt-polarity", "sst2-phrases")
    }
    assert sizes == {
        "imdb-tiny": {"train": 20, "test": 20},
        "rt-polarity": {"train": 10_662},
        "sst2-phrases": {"train": 60_614, "valid": 6_735, "test": 872},
    }
