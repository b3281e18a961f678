"""Runs on text that begin from other weights: the row of a token is that of the same token there, wherever it stood."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import flori
from flori import models
from flori.core.errors import UserError
from flori.core.texts import Text
from flori.recipes.catalogue import ALL, find
from flori.training.rows import Rows
from flori.training.transfer import transfer
from tests.bad_input.asking import flori as command
from tests.contract import texts

NARROW = {"model.width": 8, "model.hidden": 8}
SETTINGS = {
    "lstm": {"data.tokens": "word", "data.window": 8, "steps": 3, "batch": 4, **NARROW},
    "transformer-lm": {
        "data.tokens": "bpe",
        "data.most": 280,
        "data.window": 8,
        "steps": 3,
        "batch": 4,
        "model.gram_rows": 97,
        **NARROW,
    },
    "seq2seq": {"steps": 3, "batch": 8, "data.tokens": "word", **NARROW},
    "transformer": {"steps": 3, "batch": 8, "data.tokens": "word", "model.layers": 1, **NARROW},
    "bilstm-tagger": {"steps": 3, "batch": 8, "model.characters": 8, **NARROW},
    "bilstm-classifier": {"steps": 3, "batch": 8, **NARROW},
}
CODEC = "model/preprocessing.json"
NEW = {
    "Corpus": ("more.txt", "four five six\nseven is a new word\n" * 40),
    "Pairs": ("more.tsv", "".join(f"{i} {j} x\tneuf {texts.DIGITS[i]} {i}{j}\n" for i in range(9) for j in range(9))),
    "Sentences": ("more.conll", "Zoe\tB-person\ngoes\tO\nhome\tO\n\nOslo\tB-town\nnow\tO\n\n" * 20),
    "Texts": ("more.csv", "text,class\n" + "a film to see,fine\nbad taste,bad\n" * 20),
}


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model/model.safetensors")


def tokens(run: Path, side: str) -> list[str]:
    """All tokens of a vocabulary, as the model's folder has them."""
    kept = json.loads((run / CODEC).read_text())[side]
    if "tokens" in kept:
        return kept["tokens"]
    return list(flori.load(run).predictor().codec.vocabulary.tokens)


@pytest.mark.parametrize("system", SETTINGS)
def test_the_same_data_take_over_everything(system, tmp_path):
    data = str(texts.written(type(find(system).data).__name__, tmp_path))
    first = flori.train(system, run="first", data=data, lr=0.01, **SETTINGS[system]).path
    again = flori.train(system, run="again", data=data, init=str(first), **{**SETTINGS[system], "steps": 1, "lr": 0})
    assert {n: t.tolist() for n, t in weights(again.path).items()} == {n: t.tolist() for n, t in weights(first).items()}
    taken = json.loads(Path("again/init.json").read_text())
    assert not taken["left"] and not taken["partly"] and not taken["notes"]


@pytest.mark.parametrize("system", SETTINGS)
def test_rows_of_other_texts_are_matched_by_token(system, tmp_path):
    """With a rate of zero: each row of a token that both know is the row there, all others are as they begin."""
    kind = type(find(system).data).__name__
    data, (name, text) = str(texts.written(kind, tmp_path)), NEW[kind]
    Path(name).write_text(text)
    first = flori.train(system, run="first", data=data, lr=0.01, **SETTINGS[system]).path
    still = {**SETTINGS[system], "steps": 1, "lr": 0, "data": name}
    flori.train(system, run="bare", **still)
    flori.train(system, run="run", init=str(first), **still)
    there, bare, ours = (weights(path) for path in (first, Path("bare"), Path("run")))
    model = flori.load("run").predictor().model
    assert set(model.rows.values()) <= {*json.loads(Path("run", CODEC).read_text())}
    seen = set()
    for layer, side in model.rows.items():
        known, mine = tokens(first, side), tokens(Path("run"), side)
        for tensor in (f"{layer}.weight", f"{layer}.bias"):
            if tensor not in ours:
                continue
            for i, token in enumerate(mine):
                source = there[tensor][known.index(token)] if token in known else bare[tensor][i]
                assert torch.equal(ours[tensor][i], source), (tensor, token)
                seen.add(token in known)
    assert seen == {True, False}
    plain = [n for n in ours if n.rpartition(".")[0] not in model.rows and not n.startswith("output")]
    assert plain and all(torch.equal(ours[n], there[n]) for n in plain)


def test_what_is_new_is_told(tmp_path):
    data = str(texts.written("Corpus", tmp_path))
    flori.train("lstm", run="first", data=data, **{**SETTINGS["lstm"], "data.lower": False})
    Path("more.txt").write_text(NEW["Corpus"][1].upper())
    settings = ("data=more.txt", "data.lower=true", "data.tokens=word", "steps=1", "model.width=8", "model.hidden=8")
    answer = command("train", "lstm", *settings, "init=first", "--run", "run", "--quiet")
    assert answer.exit_code == 0, answer.output
    assert "loaded in part: embedding.weight, output.weight, output.bias (the rows of 6 of 10 tokens)" in answer.stderr
    assert "vocabulary: 4 of 10 tokens are new to it: 'a', 'is', 'new', 'word'" in answer.stderr
    assert "vocabulary: made with data.tokens=word data.lower=false there" in answer.stderr


def test_a_file_that_does_not_tell_its_tokens_is_taken_in_order(tmp_path):
    data = str(texts.written("Corpus", tmp_path))
    first = flori.train("lstm", run="first", data=data, **SETTINGS["lstm"]).path
    save_file(weights(first), "plain.safetensors")
    still = {**SETTINGS["lstm"], "steps": 1, "lr": 0}
    flori.train("lstm", run="run", data=data, init="plain.safetensors", **still)
    assert all(torch.equal(t, weights(first)[n]) for n, t in weights(Path("run")).items())
    assert "not told there" in json.loads(Path("run/init.json").read_text())["notes"][0]
    Path("more.txt").write_text(NEW["Corpus"][1])
    flori.train("lstm", run="other", data="more.txt", init="plain.safetensors", **still)
    left = json.loads(Path("other/init.json").read_text())["left"]
    assert {*left} == {"embedding.weight", "output.weight", "output.bias"}


def test_a_classifier_lends_its_words_to_a_tagger(tmp_path):
    data = str(texts.written("Texts", tmp_path))
    flori.train("bilstm-classifier", run="first", data=data, **SETTINGS["bilstm-classifier"])
    Path("t.conll").write_text("good\tO\nfilm\tB-thing\n\nZoe\tB-person\n\n" * 20)
    settings = {**SETTINGS["bilstm-tagger"], "lr": 0, "data": "t.conll"}
    flori.train("bilstm-tagger", run="run", init="first", **settings)
    ours, theirs = weights(Path("run")), weights(Path("first"))
    row = [tokens(Path(run), "vocabulary").index("film") for run in ("run", "first")]
    assert torch.equal(ours["embedding.weight"][row[0]], theirs["embedding.weight"][row[1]])


def test_widths_that_differ_leave_a_layer_whole():
    ours, theirs = models.lstm(5, width=3, hidden=7, layers=1), models.lstm(4, width=3, hidden=2, layers=1)
    nn.init.normal_(theirs.output.bias)
    rows = Rows(["<unk>", "a", "b", "c"], ["<unk>", "c", "x", "a", "y"])
    taken = transfer(ours, theirs.state_dict(), [], [], "", {"embedding": rows, "output": rows})
    assert {"output.weight", "output.bias"} <= {*taken.left} and not ours.output.bias.any()
    assert taken.partly == {"embedding.weight": "the rows of 3 of 5 tokens"}
    assert torch.equal(ours.embedding.weight[[0, 1, 3]], theirs.embedding.weight[[0, 3, 1]])


def test_a_shorter_source_that_names_no_common_token_fits_nothing():
    ours, theirs = models.lstm(3, width=2, hidden=2, layers=1), {"embedding.weight": torch.ones(2, 2)}
    with pytest.raises(UserError, match="none of its weights fits"):
        transfer(ours, theirs, [], [], "x", {"embedding": Rows(["p", "q"], ["a", "b", "c"])})


TEXT = [recipe.system for recipe in ALL if isinstance(recipe.data, Text) and recipe.system != "ngram"]
"""n-grams are counts, which begin anew."""


@pytest.mark.parametrize("system", TEXT)
def test_every_network_of_text_names_its_rows(system):
    """With another vocabulary these layers alone change their shapes, but for the tags and classes."""
    sizes = {"Corpus": 1, "Pairs": 2, "Sentences": 3, "Texts": 2}[type(find(system).data).__name__]
    few, more = (models.build(system, *[n] * sizes, {}) for n in (11, 13))
    for name, tensor in few.state_dict().items():
        layer = name.rpartition(".")[0]
        assert (tensor.shape != more.state_dict()[name].shape) == (layer in few.rows or layer in few.heads), name
