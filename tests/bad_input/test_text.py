"""Texts with something wrong: the message names file, line and what to do, or what is read is right all the same."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from flori.core.errors import UserError
from flori.data import conll, corpora, pairs, texts
from flori.data.ties import held_out
from flori.data.vocabulary import Vocabulary
from tests.bad_input.making import put

GOOD_PAIRS = "one\tun\ntwo\tdeux\n"
GOOD_TAGS = "a\tO\nb\tB-x\n\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def says(problem: pytest.ExceptionInfo[UserError], *parts: str) -> None:
    for part in parts:
        assert part in str(problem.value), str(problem.value)


BAD_TEXTS: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "latin-1": (
        b"plain\n" * 3 + "café\n".encode("latin-1"),
        ("t.txt, line 4 (byte 22 of the file)", "is not utf-8 text (byte 0xe9)", "data.encoding=latin-1"),
    ),
    "latin-1 far in": (
        b"x" * 99 + b"\n" + b"plain text\n" * 200_000 + b"\xe9",
        ("t.txt, line 200002 (byte 2,200,101 of the file)",),
    ),
    "cut in a character": ("aé\n".encode() + b"\xc3", ("t.txt, line 2 (byte 5 of the file)", "utf-8")),
    "marked and wrong": (b"\xef\xbb\xbfa\n\xff", ("line 2 (byte 6 of the file)",)),
    "zero byte": (b"a\nb\0c\n", ("t.txt, line 2: holds a zero byte",)),
    "empty": (b"", ("t.txt is empty",)),
    "a mark and nothing": (b"\xef\xbb\xbf", ("t.txt is empty",)),
    "packed and cut short": (gzip.compress(b"text " * 999)[:-20], ("t.txt cannot be unpacked", "cut short")),
    "packed and damaged": (gzip.compress(b"text " * 999)[:30] + b"\0" * 9, ("t.txt cannot be unpacked",)),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_a_bad_text_is_named_by_line_and_byte(name: str) -> None:
    raw, parts = BAD_TEXTS[name]
    put(Path("t.txt"), raw)
    with pytest.raises(UserError) as problem:
        corpora.read(Path("t.txt"))
    says(problem, *parts)


@pytest.mark.parametrize("encoding", ["utf8000", "base64", "rot13", "undefined"])
def test_an_encoding_that_is_none_is_said(encoding: str) -> None:
    put(Path("t.txt"), "text\n")
    with pytest.raises(UserError, match=r"data\.encoding=.* is not an encoding; utf-8"):
        corpora.read(Path("t.txt"), encoding)
    with pytest.raises(UserError, match=r"data\.encoding=.* is not an encoding; utf-8"):
        pairs.read(Path("t.txt"), encoding)


@pytest.mark.parametrize("kind", ["char", "word", "bpe", "wordpiece"])
@pytest.mark.parametrize("line", ["word " * 200_000, "x" * 1_000_000], ids=["spaces", "none"])
def test_a_line_of_a_million_characters_is_read(kind: str, line: str) -> None:
    put(Path("t.txt"), f"before\n\n\n{line}\nafter\n")
    part = corpora.read(Path("t.txt"))["train"]
    vocabulary = corpora.fit_vocabulary(part, kind, most=400)
    found = corpora.token_file(part, vocabulary).tolist()
    text = vocabulary.decode(found)
    assert text.startswith("before\n\n\n") and text.endswith("\nafter\n")
    if kind in ("char", "bpe"):
        assert text == Path("t.txt").read_text()


def test_a_text_of_spaces_alone_holds_nothing() -> None:
    put(Path("t.txt"), "  \t \x0b")
    part = corpora.read(Path("t.txt"))["train"]
    with pytest.raises(UserError, match="holds no word"):
        corpora.fit_vocabulary(part, "word")
    with pytest.raises(UserError, match=r"t\.txt holds nothing but spaces"):
        corpora.token_file(part, Vocabulary.build(["a"], "word"))


def test_a_text_too_short_to_divide_is_said() -> None:
    put(Path("t.txt"), "abcdefghi")
    with pytest.raises(UserError, match=r"t\.txt: 9 characters are too few for a valid part"):
        corpora.divide(corpora.read(Path("t.txt")), 0.1, 0.1)


def test_folders_without_text_or_something_to_learn_from_are_said() -> None:
    put(Path("empty/picture.png"), b"x")
    put(Path("untrained/test.txt"), "text")
    put(Path("untrained/valid.txt"), "text")
    put(Path("mixed/train.txt"), "text")
    put(Path("mixed/other.txt"), "text")
    for name, parts in {
        "empty": ("empty holds no file that ends in .txt",),
        "untrained": ("nothing to train on", "data=untrained/test.txt"),
        "mixed": ("mixed/other.txt: its name says neither",),
    }.items():
        with pytest.raises(UserError) as problem:
            corpora.read(Path(name))
        says(problem, *parts)


def test_a_file_that_is_not_there_is_said() -> None:
    for read in (corpora.read, pairs.read, conll.read):
        with pytest.raises(UserError, match=r"gone\.txt cannot be read: No such file"):
            read(Path("gone.txt"))


BAD_PAIRS: dict[str, tuple[bytes, str]] = {
    "no tab": (b"three trois\n", "p.tsv, line 3: has no tab"),
    "no target": (b"three\t \n", "p.tsv, line 3: has nothing after the tab"),
    "no source": (b"\ttrois\n", "p.tsv, line 3: has nothing before the tab"),
    "nothing but a tab": (b" \t \n", "p.tsv, line 3: has nothing before the tab"),
    "latin-1": ("été\tsummer\n".encode("latin-1"), "p.tsv, line 3: is not utf-8 text (byte 0xe9)"),
    "zero byte": (b"a\0\tb\n", "p.tsv, line 3: holds a zero byte"),
}


@pytest.mark.parametrize("name", BAD_PAIRS)
def test_a_bad_pair_is_named_or_left_out(name: str) -> None:
    raw, fault = BAD_PAIRS[name]
    put(Path("p.tsv"), GOOD_PAIRS.encode() + raw + b"four\tquatre\n")
    with pytest.raises(UserError) as problem:
        pairs.read(Path("p.tsv"))
    says(problem, fault, "data.on_bad=skip")
    found = pairs.read(Path("p.tsv"), on_bad="skip")
    assert found.parts["train"].names == ["p.tsv:1", "p.tsv:2", "p.tsv:4"]
    assert len(found.skipped) == 1 and str(found.skipped[0]).startswith(fault)


def test_all_bad_pairs_are_told_at_once() -> None:
    put(Path("p.tsv"), GOOD_PAIRS.encode() + b"".join(raw for raw, _ in BAD_PAIRS.values()))
    with pytest.raises(UserError) as problem:
        pairs.read(Path("p.tsv"))
    says(problem, f"{len(BAD_PAIRS)} faults in p.tsv", "line 3", "line 8")


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"no tabs\nat all\n"])
@pytest.mark.parametrize("on_bad", ["stop", "skip"])
def test_no_pair_at_all_is_said(raw: bytes, on_bad: str) -> None:
    put(Path("p.tsv"), raw)
    with pytest.raises(UserError, match=r"p\.tsv"):
        pairs.read(Path("p.tsv"), on_bad=on_bad)


def test_one_source_cannot_be_divided() -> None:
    every = pairs.Pairs(["a", "a"], ["b", "c"], ["1", "2"])
    with pytest.raises(UserError, match="1 different sources are too few"):
        held_out(pairs.tie(every), 0.5, 0)


def test_a_pair_of_a_million_characters_is_read() -> None:
    put(Path("p.tsv"), GOOD_PAIRS + "x" * 1_000_000 + "\ty\n")
    assert len(pairs.read(Path("p.tsv")).parts["train"].sources[2]) == 1_000_000


BAD_TAGS: dict[str, tuple[bytes, str]] = {
    "no tag": (b"c\n", "c.conll, line 4: 'c' has no tag"),
    "empty tag": (b"c\t\n", "c.conll, line 4: the tag '' is none of O, B-TYPE and I-TYPE"),
    "no word": (b"\tO\n", "c.conll, line 4: has no word"),
    "another scheme": (b"c\tS-x\n", "c.conll, line 4: the tag 'S-x' is none of"),
    "no type": (b"c\tB-\n", "c.conll, line 4: the tag 'B-' is none of"),
    "goes on with nothing": (b"c\tI-x\n", "c.conll, line 4: I-x goes on with nothing: before it stands O"),
    "goes on with another": (b"c\tB-y\nd\tI-x\n", "c.conll, line 5: I-x goes on with nothing: before it stands B-y"),
    "latin-1": ("é\tO\n".encode("latin-1"), "c.conll, line 4: is not utf-8 text"),
}


@pytest.mark.parametrize("name", BAD_TAGS)
def test_a_bad_tag_is_named_and_its_sentence_left_out(name: str) -> None:
    raw, fault = BAD_TAGS[name]
    put(Path("c.conll"), GOOD_TAGS.encode() + raw + b"e\tO\n\nf\tO\n")
    with pytest.raises(UserError) as problem:
        conll.read(Path("c.conll"))
    says(problem, fault, "data.on_bad=skip")
    found = conll.read(Path("c.conll"), on_bad="skip")
    assert found.parts["train"].words == [["a", "b"], ["f"]]
    assert len(found.skipped) == 1 and str(found.skipped[0]).startswith(fault)


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"a\tO\nb\tO\n", b"a\n"])
def test_tags_that_teach_nothing_are_said(raw: bytes) -> None:
    put(Path("c.conll"), raw)
    with pytest.raises(UserError, match=r"c\.conll"):
        conll.read(Path("c.conll"), on_bad="skip")


def test_bad_texts_of_classes_are_named_and_left_out() -> None:
    for label in ("neg", "pos"):
        put(Path(f"t/{label}/1.txt"), "good")
    put(Path("t/neg/2.txt"), "é".encode("latin-1"))
    put(Path("t/pos/2.txt"), " \n")
    put(Path("t/list.txt"), "beside")
    with pytest.raises(UserError) as problem:
        texts.read(Path("t"))
    says(
        problem,
        "3 faults in t",
        "t/list.txt: lies in no class folder",
        "t/neg/2.txt, line 1 (byte 1 of the file): is not utf-8 text",
        "t/pos/2.txt: is empty",
        "data.on_bad=skip",
    )
    found = texts.read(Path("t"), on_bad="skip")
    assert found.parts["train"].texts == ["good", "good"] and len(found.skipped) == 3


BAD_TABLES: dict[str, tuple[str, dict[str, str], tuple[str, ...]]] = {
    "one column": ("text\na\nb\n", {}, ("t.tsv has one column",)),
    "one class": ("text\tlabel\na\t1\nb\t1\n", {}, ("t.tsv: has 1 class to train on",)),
    "no such column": ("text\tlabel\na\t1\nb\t2\n", {"target": "y"}, ("has no column 'y'; it has text, label",)),
    "which one": ("a\tb\tc\nx\ty\tz\n", {}, ("say which column is the class with target=", "a, b, c")),
    "short row": ("text\tlabel\na\t1\nb\t2\nc\n", {}, ("t.tsv, line 4: has 1 cells where the first row has 2",)),
    "no label": ("text\tlabel\na\t1\nb\t2\nc\t\n", {}, ("t.tsv, line 4: has no label",)),
    "no text": ("text\tlabel\na\t1\nb\t2\n\t1\n", {}, ("t.tsv, line 4: has no text",)),
    "header only": ("text\tlabel\n", {}, ("t.tsv: has 0 class to train on",)),
    "blank": ("\n\n", {}, ("t.tsv holds no rows",)),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_of_texts_is_named(name: str) -> None:
    raw, options, parts = BAD_TABLES[name]
    put(Path("t.tsv"), raw)
    with pytest.raises(UserError) as problem:
        texts.read(Path("t.tsv"), **options)
    says(problem, *parts)


def test_a_class_that_is_only_tested_and_a_folder_of_something_else_are_said() -> None:
    for name in ("train/a/1.txt", "train/b/1.txt", "test/c/1.txt"):
        put(Path("t") / name, "text")
    with pytest.raises(UserError, match="no training text of c, which another part has"):
        texts.read(Path("t"))
    put(Path("other/one.pdf"), b"x")
    with pytest.raises(UserError, match="holds no texts by class; expected other/CLASS"):
        texts.read(Path("other"))
