"""A tagger on names that it never saw: found by their letters, and the score is what a reader of the answers counts."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import flori
from flori.core.texts import Sentences
from flori.data.rare_words import RareWords
from flori.data.sequence_parts import TaggingPart
from flori.data.sequences import Ragged, TokenBatch
from flori.data.spelling import LONGEST, Spelled, alphabet
from flori.data.tagging import TaggingCodec, prepare
from flori.data.vocabulary import Vocabulary
from flori.recipes.catalogue import find

SMALL = {"model.width": 16, "model.hidden": 24, "model.characters": 24, "model.dropout": 0.1, "batch": 16, "lr": 0.01}
ENDINGS = {"place": ("burg", "ton"), "person": ("son", "man"), "product": ("ix", "ol")}
TEMPLATES = ["we saw {} and {}", "then {} met {} again", "{} is not {}", "yesterday the {} was here , and {} too"]


def coined(draw: random.Random, kind: str) -> list[str]:
    """A name of one or two words that was never there before; what kind it is its ending alone tells."""
    syllables = [a + b for a in "bdfgklmnprstv" for b in "aeiou"]
    words = ["".join(draw.choices(syllables, k=3)) for _ in range(draw.randrange(1, 3))]
    return [word.capitalize() + draw.choice(ENDINGS[kind]) for word in words]


def written(path: Path, count: int, draw: random.Random) -> list[tuple[str, set[tuple[int, int, str]]]]:
    """Sentences in a file, returned as texts with the spans in them: where each begins and ends, and its kind."""
    found, lines = [], []
    for _ in range(count):
        text, spans = "", set()
        for word in draw.choice(TEMPLATES).split():
            kind = draw.choice(sorted(ENDINGS))
            words = coined(draw, kind) if word == "{}" else [word]
            start = len(text) + bool(text)
            text = " ".join([*text.split(), *words])
            if word == "{}":
                spans.add((start, len(text), kind))
            tags = [f"{'I' if i else 'B'}-{kind}" if word == "{}" else "O" for i in range(len(words))]
            lines += [f"{a}\t{b}" for a, b in zip(words, tags, strict=True)]
        lines.append("")
        found.append((text, spans))
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(lines))
    return found


def test_names_never_seen_are_found_by_their_letters() -> None:
    draw = random.Random(0)
    written(Path("names/train.conll"), 300, draw)
    truth = written(Path("names/test.conll"), 60, draw)
    run = flori.train("bilstm-tagger", data="names", run="run", epochs=20, **SMALL)
    answers = run.predict(*(text for text, _ in truth))
    said = [{(span["start"], span["end"], span["label"]) for span in answer["spans"]} for answer in answers]
    hits = sum(len(spans & there) for spans, (_, there) in zip(said, truth, strict=True))
    f1 = 2 * hits / (sum(map(len, said)) + sum(len(there) for _, there in truth))
    assert f1 > 0.95
    assert run.summary["scores"]["test"]["f1"] == pytest.approx(f1, abs=1e-9)
    blind = flori.train("bilstm-tagger", data="names", run="blind", epochs=5, **{**SMALL, "model.characters": 0})
    assert blind.summary["scores"]["test"]["f1"] < 0.7  # it can but guess which kind


def test_letters_of_a_batch_are_as_by_hand() -> None:
    sentences = [["Ab", "b", "Ab"], ["c" * 99], ["bA"]]
    letters = Vocabulary("char", ["<pad>", "<unk>", "A", "b"], ("<pad>", "<unk>"))
    part = TaggingPart.of(
        sentences, [["O"] * len(row) for row in sentences], Vocabulary.of_words(sentences), ["O"], letters
    )
    assert part.batch(torch.tensor([2, 0]).numpy()).characters.tolist() == [
        [[3, 2], [0, 0], [0, 0]],
        [[2, 3], [3, 0], [2, 3]],
    ]
    assert part.batch(torch.tensor([1]).numpy()).characters.tolist() == [[[1] * LONGEST]]
    assert Spelled.of([[""]], letters).padded(torch.tensor([0]).numpy()).tolist() == [[[1]]]


def test_a_letter_that_occurs_once_stands_for_those_never_seen() -> None:
    assert alphabet([["ab", "b"], ["b", "e\u0301b"], ["\u00e9"]]).tokens == ["<pad>", "<unk>", "b", "\u00e9"]
    assert alphabet([["ab"]]).tokens == ["<pad>", "<unk>", "a", "b"]  # else none would be left


def test_the_codec_comes_back_with_its_letters() -> None:
    sentences = [["Ab", "b", "aB"]]
    codec = TaggingCodec(Vocabulary.of_words(sentences, lower=True), ["O", "B-x", "I-x"], alphabet(sentences))
    assert codec.sizes == (4, 3, len(codec.alphabet))
    assert TaggingCodec.restore(codec.state()) == codec
    old = {name: kept for name, kept in codec.state().items() if name != "alphabet"}
    assert TaggingCodec.restore(old).sizes == (4, 3, 0)  # a model of before there were letters


def test_rare_words_are_hidden_by_how_often_they_occur() -> None:
    row = [2, *[3] * 3, *[4] * 9]
    rare = RareWords(Ragged.of([row]), alpha=1.0, unknown=1, seed=3)
    batch, index = TokenBatch(torch.tensor([[*row, 0]] * 4096), torch.zeros(4096, 14)), np.arange(4096)
    rare = replace(rare, texts=Ragged.of([row, [5] * 14]))  # one place more, in another example
    hidden = rare.hidden(batch, index, epoch=2).inputs
    shares = (hidden == 1).double().mean(0).tolist()
    assert shares == pytest.approx([1 / 2, *[1 / 4] * 3, *[1 / 10] * 9, 0], abs=0.03)
    assert torch.equal(hidden[hidden != 1], batch.inputs[hidden != 1])
    few = TokenBatch(batch.inputs[:3, :5], batch.targets[:3, :5])
    assert torch.equal(rare.hidden(few, index[[1000, 7, 4095]], 2).inputs, hidden[[1000, 7, 4095], :5])
    assert not torch.equal(rare.hidden(batch, index, epoch=3).inputs, hidden)
    assert not torch.equal(replace(rare, seed=4).hidden(batch, index, epoch=2).inputs, hidden)


def test_rare_words_are_hidden_in_training_alone() -> None:
    Path("t.conll").write_text("".join(f"w{i}\tO\nx\tB-x\n\n" for i in range(97)))
    recipe = replace(find("bilstm-tagger"), data=Sentences(source="t.conll", unknown=1.0))
    prepared = prepare(recipe)
    part, codec = prepared.parts["train"], prepared.codec
    made = [codec.batches(part, 8, torch.device("cpu"), torch.float32, 0, options) for options in (recipe.data, None)]
    counts = [sum(int((batch.inputs == 1).sum()) for batch in batches.epoch(0)) for batches in made]
    assert 20 < counts[0] < len(part) and counts[1] == 0
    assert not any((batch.inputs == 1).any() for batch in made[0].in_order())
