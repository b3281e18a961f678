"""Texts of any size as files of tokens: parts, pieces, one build for many processes, kills, and flat memory."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from flori.core.errors import UserError
from flori.data import corpora, text_surveys
from flori.data.vocabulary import Vocabulary

LINES = "".join(f"line {i}: it's  a well-known tale, no {i * 7919 % 101}.\n\n" for i in range(211))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def corpus(text: str = LINES, name: str = "text.txt") -> corpora.Corpus:
    Path(name).write_text(text)
    return corpora.read(Path(name))["train"]


@pytest.mark.parametrize("kind", ["char", "word", "bpe", "wordpiece"])
@pytest.mark.parametrize("ending", ["", " and a last line without end"])
def test_tokens_are_those_of_the_whole_text(kind: str, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "PIECE", 97)
    text = LINES + "one long line " * 31 + ending
    part = corpus(text)
    vocabulary = corpora.fit_vocabulary(part, kind, most=400)
    assert vocabulary == Vocabulary.build([text], kind, most=400)
    found = corpora.token_file(part, vocabulary)
    assert isinstance(found, np.memmap) and found.dtype == np.uint16
    assert found.tolist() == vocabulary.encode(text)


def test_pieces_are_the_text_and_as_many_as_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "PIECE", 97)
    for text in (LINES, "x" * 1009, "word " * 211, "\n" * 97, "a\n" + "y" * 500, "ab"):
        part = corpus(text)
        pieces = list(part.pieces())
        assert "".join(pieces) == text and len(pieces) == part.count and all(pieces)
    assert all(piece.endswith("\n") for piece in corpus(LINES).pieces())


def test_a_large_vocabulary_takes_wider_numbers() -> None:
    text = "".join(f"w{i}\n" for i in range(2**16))
    part = corpus(text)
    vocabulary = corpora.fit_vocabulary(part, "word")
    found = corpora.token_file(part, vocabulary)
    assert found.dtype == np.uint32 and vocabulary.decode(found.tolist()) == text


def test_parts_are_contiguous_shares() -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(1009))
    parts = corpora.divide({"train": corpus(text)}, valid=0.1, test=0.1)
    assert list(parts) == ["train", "valid", "test"]
    assert "".join("".join(part.pieces()) for part in parts.values()) == text
    assert [len(part) for part in parts.values()] == [807, 101, 101]
    assert corpora.divide({"train": corpus(text)}, valid=0, test=0).keys() == {"train"}
    assert [len(part) for part in corpora.divide({"train": corpus(text)}, valid=0.1, test=0).values()] == [908, 101]


def test_parts_that_are_files_stay_as_they_are() -> None:
    for name, text in (("wiki.train.txt", "aaa" * 99), ("wiki.valid.txt", "bbb\n"), ("test.txt.gz", None)):
        Path("set").mkdir(exist_ok=True)
        Path("set", name).write_bytes(gzip.compress(b"ccc") if text is None else text.encode())
    Path("set", "README.txt").write_text("no data")
    parts = corpora.divide(corpora.read(Path("set")), valid=0.1, test=0.1)
    assert {name: "".join(part.pieces())[:4] for name, part in parts.items()} == {
        "train": "aaaa",
        "valid": "bbb\n",
        "test": "ccc",
    }
    assert len(parts["train"]) == 297


def test_files_of_a_folder_follow_each_other_line_by_line() -> None:
    Path("books", "more").mkdir(parents=True)
    for name, text in (("a.txt", "one"), ("b.txt", "two\n"), ("more/c.txt", "three")):
        Path("books", name).write_text(text)
    part = corpora.read(Path("books"))["train"]
    assert "".join(part.pieces()) == "one\ntwo\nthree" and len(part) == 13


def test_packed_marked_and_foreign_line_ends_read_alike() -> None:
    expected = corpus("é one\ntwo\n", "plain.txt")
    Path("packed.txt.gz").write_bytes(gzip.compress("é one\ntwo\n".encode()))
    packed = corpora.read(Path("packed.txt.gz"))["train"]
    assert packed.digest == expected.digest
    for name, raw in {
        "windows.txt": "\ufeffé one\r\ntwo\r\n".encode(),
        "mac.txt": "é one\rtwo\r".encode(),
        "wide.txt": "é one\ntwo\n".encode("utf-16"),
    }.items():
        Path(name).write_bytes(raw)
        assert "".join(corpora.read(Path(name))["train"].pieces()) == "é one\ntwo\n", name
    Path("latin.txt").write_bytes("é one\ntwo\n".encode("latin-1"))
    assert "".join(corpora.read(Path("latin.txt"), "latin-1")["train"].pieces()) == "é one\ntwo\n"


def test_tokens_are_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    part = corpus()
    vocabulary = corpora.fit_vocabulary(part, "char")
    first = corpora.token_file(part, vocabulary)
    monkeypatch.setattr(Vocabulary, "array", None)
    monkeypatch.setattr(Vocabulary, "build", None)
    assert corpora.fit_vocabulary(part, "char") == vocabulary
    assert np.array_equal(corpora.token_file(part, vocabulary), first)
    with pytest.raises(TypeError):
        corpora.token_file(corpus(LINES + "x"), vocabulary)


def test_a_cache_that_cannot_be_written_is_said(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(UserError, match="XDG_CACHE_HOME"):
        corpora.fit_vocabulary(corpus(), "char")


PROGRAM = """
import os, signal, sys
from pathlib import Path
from flori.data import corpora, text_surveys
from flori.data.vocabulary import Vocabulary
corpora.PIECE, corpora.JOURNAL_EVERY = 97, 2
calls, array, last = [], Vocabulary.array, int(sys.argv[1])
def counting(self, text):
    calls.append(text)
    if len(calls) > last:
        os.kill(os.getpid(), signal.SIGKILL)
    return array(self, text)
Vocabulary.array = counting
part = corpora.read(Path("text.txt"))["train"]
corpora.token_file(part, corpora.fit_vocabulary(part, "word"))
print(len(calls))
"""


def program(last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(last)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ})


def test_two_processes_at_once_make_the_tokens_once() -> None:
    part = corpus()
    processes = [program(10**9) for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in processes]
    calls = sorted(int(out) for out, _ in answers)
    assert calls == [0, -(-len(part) // 97)], answers


def test_a_killed_build_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "PIECE", 97)
    part = corpus()
    killed = program(31)
    killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL
    made, array = [], Vocabulary.array
    monkeypatch.setattr(Vocabulary, "array", lambda self, text: made.append(text) or array(self, text))
    vocabulary = corpora.fit_vocabulary(part, "word")
    found = corpora.token_file(part, vocabulary)
    assert len(made) == part.count - 30
    assert found.tolist() == vocabulary.encode(LINES)


MEMORY = """
import resource, sys
from pathlib import Path
from flori.data import corpora, text_surveys
from flori.data.windows import Windows
import flori.data.windows
flori.data.windows.LARGE = 1
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
grown = []
for name in ("small.txt", "large.txt"):
    part = corpora.read(Path(name))["train"]
    for kind in ("char", "word"):
        found = corpora.token_file(part, corpora.fit_vocabulary(part, kind, most=500))
        for batch in Windows(found, 32, 4096).in_order():
            pass
    grown.append(peak())
print(grown[1] - grown[0])
"""


def test_memory_does_not_grow_with_the_text() -> None:
    line = "".join(f"word{i % 89} and, so on; " for i in range(997)) + "\n"
    Path("small.txt").write_text(line * (3_000_000 // len(line)))
    Path("large.txt").write_text(line * (30_000_000 // len(line)))
    answer = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert float(answer.stdout) < 12, "megabytes more for 27 more of text"


def test_a_large_text_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_surveys, "LARGE", 100)
    looked: list[str] = []
    look = text_surveys._looked_through
    monkeypatch.setattr(text_surveys, "_looked_through", lambda *given: (looked.append(given[1]), look(*given))[1])
    first = corpus()
    assert corpora.read(Path("text.txt"))["train"] == first and first.end == len(LINES) and len(looked) == 1
    said = Path("text.txt").stat()
    Path("text.txt").write_text(LINES.replace("tale", "yarn"))
    os.utime("text.txt", ns=(said.st_atime_ns, said.st_mtime_ns))
    again = corpora.read(Path("text.txt"))["train"]
    assert again.digest != first.digest and again.end == first.end and len(looked) == 2
