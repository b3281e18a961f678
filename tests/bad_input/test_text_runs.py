"""flori train on texts with something wrong: refused before anything is written, or learnt from as is right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bad_input.asking import assert_refused, flori, left_out, refused, trains
from tests.bad_input.making import GOOD_PAIRS, GOOD_ROWS, GOOD_TAGS, GOOD_TEXT, TINY, classes, encoded, put, tiny

MILLION = 1_000_000
Content = str | bytes
LATIN = "café\n".encode("latin-1")

BAD_CORPORA: dict[str, tuple[str, Content, tuple[str, ...], tuple[str, ...]]] = {
    "latin-1": ("lstm", GOOD_TEXT.encode() + LATIN, (), ("t.txt, line 41", "not utf-8 text", "data.encoding=latin-1")),
    "zero byte": ("ngram", "a\nb\0", (), ("t.txt, line 2: holds a zero byte",)),
    "no encoding": ("lstm", GOOD_TEXT, ("data.encoding=utf-9",), ("t.txt: data.encoding=utf-9 is not an encoding",)),
    "empty": ("ngram", "", (), ("t.txt is empty",)),
    "spaces": ("ngram", "   \t" * 20, ("data.tokens=word",), ("t.txt", "holds no word")),
    "one letter": ("lstm", "a", (), ("t.txt: 1 characters are too few for a train part",)),
    "a few letters": ("transformer-lm", "abcdefghi", (), ("t.txt: 9 characters are too few for a test part",)),
    "one word": ("lstm", "incomprehensibilities" * 3, ("data.tokens=word",), ("t.txt", "train part", "1 token")),
    "one word to judge": ("lstm", "a b c d e f g h i complicatedly", ("data.tokens=word",), ("t.txt", "test part")),
    "nothing frequent": ("ngram", GOOD_TEXT, ("data.least=999",), ("t.txt", "none that occurs often enough")),
    "too few bytes": ("lstm", GOOD_TEXT, ("data.tokens=bpe", "data.most=99"), ("t.txt", "257 at least")),
    "nothing to judge": ("lstm", GOOD_TEXT, ("data.test=0",), ("data.test=0 with data.valid=0",)),
    "windows beyond the context": (
        "transformer-lm",
        GOOD_TEXT,
        ("data.window=64", "model.context=32"),
        ("data.window=64", "model.context=32"),
    ),
    "odd rotations": ("transformer-lm", GOOD_TEXT, ("model.width=10",), ("positions=rotary", "10 / 2")),
    "heads that do not fit": ("transformer-lm", GOOD_TEXT, ("model.width=9",), ("width=9 is no multiple of heads=2",)),
    "counted by descent": ("ngram", GOOD_TEXT, ("optimizer=sgd",), ("optimizer=sgd does not suit ngram",)),
    "descended by counting": ("lstm", GOOD_TEXT, ("optimizer=counting",), ("optimizer=counting does not suit lstm",)),
    "solved at once": ("lstm", GOOD_TEXT, ("optimizer=closed-form",), ("closed-form solves linear-regression only",)),
    "a target": ("lstm", GOOD_TEXT, ("target=x",), ("unknown key 'target'", "flori show lstm")),
    "another task": ("lstm", GOOD_TEXT, ("task=classification",), ("task=classification", "does language only")),
    "another order": ("lstm", GOOD_TEXT, ("data.order=back",), ("data.order=back: must be one of random, sequential",)),
    "a window of nothing": ("lstm", GOOD_TEXT, ("data.window=0",), ("data.window=0: must be at least 1",)),
    "other tokens": ("lstm", GOOD_TEXT, ("data.tokens=letter",), ("must be one of char, word, bpe, wordpiece",)),
}


@pytest.mark.parametrize("name", BAD_CORPORA)
def test_a_bad_corpus_or_what_does_not_suit_it_is_refused(name: str) -> None:
    system, content, words, says = BAD_CORPORA[name]
    put(Path("t.txt"), content)
    refused(system, "data=t.txt", *tiny(system, *words), says=says)


def test_no_key_is_said_to_mean_itself() -> None:
    """target= is a key of tables in short, and none of long texts."""
    assert "did you mean 'target'" not in flori("train", "lstm", "target=x", "--run", "run").stderr


BAD_PAIRS: dict[str, tuple[Content, tuple[str, ...], tuple[str, ...]]] = {
    "no tab": (GOOD_PAIRS + "no tab\n", (), ("p.tsv, line 26: has no tab", "data.on_bad=skip")),
    "no tabs": (GOOD_TEXT, (), ("40 faults", "p.tsv, line 1: has no tab")),
    "half a pair": (
        GOOD_PAIRS + "one\t\n\ttwo\n",
        (),
        ("2 faults", "line 26: has nothing after", "line 27: has nothing"),
    ),
    "latin-1": (GOOD_PAIRS.encode() + b"\xe9t\xe9\tsummer\n", (), ("p.tsv, line 26: is not utf-8", "data.encoding")),
    "empty": ("", (), ("p.tsv is empty",)),
    "empty lines": ("\n\n\n", (), ("p.tsv", "holds no pair")),
    "one pair": ("a\tb\n", (), ("p.tsv: 1 different sources are too few",)),
    "one source": ("a\tb\na\tc\n" * 9, (), ("p.tsv: 1 different sources are too few",)),
    "all too long": (GOOD_PAIRS, ("data.longest=1",), ("p.tsv: every training pair", "raise data.longest")),
    "nothing frequent": (GOOD_PAIRS, ("data.tokens=word", "data.least=99"), ("p.tsv", "none that occurs often enough")),
    "too few places": (
        GOOD_PAIRS,
        ("model.positions=learned", "model.longest=2"),
        ("takes 3 places", "model.longest=2", "positions=sinusoidal"),
    ),
}


@pytest.mark.parametrize("name", BAD_PAIRS)
def test_bad_pairs_are_refused(name: str) -> None:
    content, words, says = BAD_PAIRS[name]
    put(Path("p.tsv"), content)
    refused("transformer", "data=p.tsv", *tiny("transformer", *words), says=says)


BAD_LABELS: dict[str, tuple[str, dict[str, Content], tuple[str, ...]]] = {
    "no tags": ("bilstm-tagger", {"d": GOOD_TEXT}, ("40 faults", "d, line 1: the tag 'four' is none of O")),
    "one sentence": ("bilstm-tagger", {"d": "a\tB-x\n"}, ("d: 1 examples are too few to hold some out",)),
    "nothing tagged": ("bilstm-tagger", {"d": "a\tO\n\nb\tO\n"}, ("d: every word is tagged O",)),
    "tags without words": ("bilstm-tagger", {"d": GOOD_TAGS + "\tO\n"}, ("d, line 61: has no word",)),
    "tags in latin-1": ("bilstm-tagger", {"d": GOOD_TAGS.encode() + b"\xe9\tO\n"}, ("d, line 61: is not utf-8",)),
    "empty tags": ("bilstm-tagger", {"d": ""}, ("d is empty",)),
    "empty lines": ("bilstm-tagger", {"d": "\n\n"}, ("holds no sentence",)),
    "one class": ("bilstm-classifier", {"d/pos/1.txt": "a", "d/pos/2.txt": "b"}, ("d: has 1 class to train on",)),
    "one text a class": ("bilstm-classifier", {"d/a/1.txt": "x", "d/b/1.txt": "y"}, ("d: 2 examples are too few",)),
    "an empty text": ("bilstm-classifier", {"d/a/1.txt": "x", "d/b/1.txt": " \n"}, ("d/b/1.txt: is empty",)),
    "no classes": ("bilstm-classifier", {"d.txt": GOOD_TEXT}, ("d.txt has one column",)),
    "an empty table": ("bilstm-classifier", {"d.txt": ""}, ("d.txt is empty",)),
}


@pytest.mark.parametrize("name", BAD_LABELS)
def test_bad_labels_are_refused(name: str) -> None:
    system, files, says = BAD_LABELS[name]
    for file, content in files.items():
        put(Path(file), content)
    source = "d.txt" if "d.txt" in files else "d"
    refused(system, f"data={source}", *TINY[system], says=says)


OTHER_KINDS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "a table for lstm": ("lstm", ("data=rows.csv",), ("rows.csv is a table", "a text file (.txt)")),
    "pictures for lstm": ("lstm", ("data=photos",), ("photos holds no file that ends in .txt",)),
    "a picture for lstm": ("lstm", ("data=photos/cat/0.png",), ("photos/cat/0.png, line 1", "is not utf-8 text")),
    "digits for lstm": ("lstm", ("data=digits",), ("data=digits", "handwritten digits", "wanted is a text file")),
    "nothing for lstm": ("lstm", ("data=nowhere.txt",), ("data=nowhere.txt: no such file", "wanted is a text file")),
    "an empty folder for ngram": ("ngram", ("data=empty",), ("empty holds no file that ends in .txt",)),
    "pictures for transformer": ("transformer", ("data=photos",), ("photos holds no file that ends in .txt",)),
    "a table for transformer": ("transformer", ("data=rows.csv",), ("rows.csv, line 1: has no tab",)),
    "a picture for seq2seq": ("seq2seq", ("data=photos/cat/0.png",), ("photos/cat/0.png, line 1",)),
    "digits for seq2seq": ("seq2seq", ("data=digits",), ("data=digits", "handwritten", "wanted is a file of pairs")),
    "pictures for a tagger": ("bilstm-tagger", ("data=photos",), ("photos holds no file that ends in",)),
    "a table for a tagger": ("bilstm-tagger", ("data=rows.csv",), ("rows.csv, line 1", "has no tag")),
    "pictures for a classifier": ("bilstm-classifier", ("data=photos",), ("photos holds no texts by class",)),
    "a table for a classifier": (
        "bilstm-classifier",
        ("data=rows.csv",),
        ("rows.csv", "the only one of its class"),
    ),
    "text for resnet18": ("resnet18", ("data=t.txt",), ("t.txt",)),
    "text for a regression": ("linear-regression", ("data=t.txt", "target=y"), ("t.txt", "'y'")),
}


@pytest.mark.parametrize("name", OTHER_KINDS)
def test_data_of_another_kind_is_refused(name: str) -> None:
    system, words, says = OTHER_KINDS[name]
    classes(Path("photos"))
    put(Path("rows.csv"), GOOD_ROWS)
    put(Path("t.txt"), GOOD_TEXT)
    Path("empty").mkdir()
    refused(system, *words, says=says)


def scores(system: str, *words: str) -> dict[str, float]:
    """What one epoch reaches on the test part."""
    return trains(system, *tiny(system, *words))[0]["scores"]["test"]


RIGHT: dict[str, tuple[str, Content, tuple[str, ...]]] = {
    "one sentence": ("lstm", "The quick brown fox jumps over the lazy dog.", ("data.tokens=char",)),
    "one sentence by word": ("lstm", "The quick brown fox jumps over the lazy dog.", ("data.tokens=word",)),
    "empty lines": ("lstm", "\n" * 99, ("data.tokens=char",)),
    "empty lines among others": ("lstm", "\n\none\r\n\r\n\ntwo\n\n" * 40, ("data.tokens=word",)),
    "latin-1": ("lstm", LATIN * 40, ("data.encoding=latin-1",)),
    "a window longer than the text": ("lstm", GOOD_TEXT, ("data.window=99999", "data.order=random")),
    "more streams than tokens": ("lstm", GOOD_TEXT, ("batch=99999",)),
    "a line of a million characters": ("lstm", "x" * MILLION, ("batch=512", "data.lower=false")),
    "a line of a million characters in pieces": ("lstm", "word " * (MILLION // 5), ("batch=512", "data.tokens=bpe")),
}


@pytest.mark.parametrize("name", RIGHT)
def test_an_odd_text_is_learnt_from(name: str) -> None:
    system, content, words = RIGHT[name]
    put(Path("t.txt"), content)
    assert scores(system, "data=t.txt", *words)["perplexity"] >= 1


@pytest.mark.parametrize("content", ["word " * 400, "word\n" * 400])
def test_a_vocabulary_of_one_word_is_learnt(content: str) -> None:
    """With 359 of 360 tokens the same, interpolation from 1/2 leaves little to be surprised at."""
    put(Path("t.txt"), content)
    assert 1 <= scores("ngram", "data=t.txt", "data.tokens=word")["perplexity"] < 1.1


def test_a_line_of_a_million_characters_among_pairs_is_left_out_and_said() -> None:
    put(Path("d/train.tsv"), GOOD_PAIRS + "word " * (MILLION // 5) + "\tmot\n")
    put(Path("d/test.tsv"), "a v\tv a\n" + "a " * (MILLION // 2) + "\tv\n" + "x" * MILLION + "\tx\n")
    summary, said = trains("transformer", "data=d", *TINY["transformer"])
    assert "1 training pairs of more than data.longest=48 tokens are left out" in said
    assert "2 test pairs of more than 1,024 tokens are left out" in said
    assert summary["scores"]["test"]["bleu"] >= 0


def test_a_word_of_a_million_characters_is_a_word() -> None:
    put(Path("t.conll"), GOOD_TAGS + "x" * MILLION + "\tB-name\n")
    assert 0 <= scores("bilstm-tagger", "data=t.conll")["f1"] <= 1


def test_of_a_text_of_a_million_characters_the_beginning_counts() -> None:
    for label in ("neg", "pos"):
        put(Path(f"d/{label}.txt"), f"{label} film\n" * 9 + f"{label} " * (MILLION // 4) + "\n")
    assert 0 <= scores("bilstm-classifier", "data=d")["accuracy"] <= 1


def test_bad_pairs_are_left_out_if_told() -> None:
    put(Path("p.tsv"), GOOD_PAIRS + "no tab\n")
    left_out("transformer", "data=p.tsv", *TINY["transformer"], faults=("p.tsv, line 26: has no tab",))


def test_bad_sentences_are_left_out_if_told() -> None:
    put(Path("t.conll"), GOOD_TAGS + "c\tS-x\n")
    left_out("bilstm-tagger", "data=t.conll", *TINY["bilstm-tagger"], faults=("t.conll, line 61: the tag 'S-x'",))


@pytest.mark.parametrize("system", ["lstm", "transformer"])
def test_a_text_that_changed_is_noticed(system: str) -> None:
    path, content = Path("t.txt"), GOOD_TEXT if system == "lstm" else GOOD_PAIRS
    put(path, content)
    words = ("data=t.txt", *TINY[system])
    answer = flori("train", system, *words, "steps=2", "device=cpu", "--run", "run", "--quiet")
    assert answer.exit_code == 0, answer.output
    summary = json.loads(Path("run/summary.json").read_text())
    put(Path("run/summary.json"), json.dumps({**summary, "status": "stopped"}))
    put(path, content.replace("a", "b").replace("two", "too"))
    for verb in ("evaluate", "resume"):
        assert_refused(flori(verb, "run"), "run: the data behind data=", "has changed since the run began")


def test_a_picture_named_txt_is_no_text() -> None:
    put(Path("t.txt"), encoded())
    refused("lstm", "data=t.txt", says=("t.txt, line 1", "is not utf-8 text"))
