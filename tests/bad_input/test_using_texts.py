"""flori predict, inspect and evaluate with texts that are odd, wrong or of another kind."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flori import load
from flori.artifacts.answering import language
from flori.prediction.wishes import Wishes
from tests.bad_input.asking import assert_refused, flori
from tests.bad_input.making import GOOD_PAIRS, GOOD_ROWS, GOOD_TAGS, GOOD_TEXT, SHORT, classes, encoded, put

WRITING = ("lstm", "ngram", "transformer-lm")
TRANSLATING = ("seq2seq", "transformer")
UNSEEN = "zyx 漢字 Ω😀 <pad> <unk>"


def answers(run: Path, *words: str) -> list[dict[str, Any]]:
    """What ``flori predict`` says, which must be the same without --json."""
    told = flori("predict", str(run), *words, "--json")
    assert told.exit_code == 0, told.output
    read = flori("predict", str(run), *words)
    assert read.exit_code == 0 and "Traceback" not in read.output, read.output
    found = json.loads(told.stdout)["predictions"]
    if "text" in found[0]:
        assert read.stdout == "".join(f"{one['text']}\n" for one in found)
    return found


@pytest.mark.parametrize("system", SHORT)
def test_words_never_seen_have_an_answer(system: str, text_runs: Path) -> None:
    (answer,) = answers(text_runs / system, UNSEEN, "--length", "11")
    assert answer["input"] == UNSEEN
    if system in WRITING:
        assert answer["text"] and "<unk>" not in answer["text"]


@pytest.mark.parametrize("system", SHORT)
@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_an_empty_text_has_an_answer(system: str, text: str, text_runs: Path) -> None:
    (answer,) = answers(text_runs / system, text, "--length", "7")
    assert answer["input"] == text
    if system in WRITING:
        assert answer["text"]
    elif system == "bilstm-tagger":
        assert answer["spans"] == []


def test_a_language_without_ends_of_lines_wants_a_beginning() -> None:
    put(Path("t.txt"), "one two three " * 40)
    small = ("model.width=8", "model.hidden=8", "steps=2")
    assert flori("train", "lstm", "data=t.txt", *small, "--run", "run", "-q").exit_code == 0
    assert_refused(flori("predict", "run", ""), "an empty text", "give a beginning")
    assert len(answers(Path("run"), "o")) == 1


def test_a_prompt_beyond_the_context_goes_on_from_its_end(text_runs: Path) -> None:
    """Whatever stands 32 characters before the end of the prompt or earlier: it is never seen."""
    end = ("one two three four five six seven " * 2)[-32:]
    found = [answers(text_runs / "transformer-lm", start + end, "--temperature", "0") for start in ("", "x" * 5000)]
    assert found[0][0]["text"] == found[1][0]["text"] and len(found[0][0]["text"]) == 200


def test_a_sentence_without_spans_is_answered_for(text_runs: Path) -> None:
    """After three steps hardly anything is found: each sentence has a line all the same."""
    told = flori("predict", str(text_runs / "bilstm-tagger"), "now", "", "--json")
    assert [one["spans"] for one in json.loads(told.stdout)["predictions"]] == [[], []]
    read = flori("predict", str(text_runs / "bilstm-tagger"), "now", "").stdout.splitlines()
    assert len(read) == 3 and read[1].split() == ["now", "–"]


def test_a_long_text_leaves_its_answer_in_sight(text_runs: Path) -> None:
    """A line for people has the beginning of a text, the document for scripts the whole."""
    text = "a good film and " * 50
    (answer,) = answers(text_runs / "bilstm-classifier", text)
    read = flori("predict", str(text_runs / "bilstm-classifier"), text).stdout
    assert answer["input"] == text and max(map(len, read.splitlines())) < 140 and "a good film and a good" in read


@pytest.mark.parametrize("system", ["lstm", "ngram", "bilstm-classifier", "bilstm-tagger"])
def test_a_very_long_text_has_an_answer(system: str, text_runs: Path) -> None:
    assert len(answers(text_runs / system, "Ann went on and on. " * 500, "--length", "3")) == 1


@pytest.mark.parametrize("system", ["lstm", "ngram"])
def test_a_long_text_is_read_in_pieces(system: str, text_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = replace(load(text_runs / system).predictor(), precision="float32")
    given = predictor.codec.vocabulary.encode("one two three four five six " * 20)  # type: ignore[attr-defined]
    found = []
    for piece in (1024, 7):
        monkeypatch.setattr(language, "PIECE", piece)
        found.append(language.continued(predictor, given, Wishes(temperature=0.0, length=31)))
    assert found[0]["text"] == found[1]["text"] and found[0]["score"] == pytest.approx(found[1]["score"], abs=1e-5)


@pytest.mark.parametrize("system", TRANSLATING)
def test_a_sentence_that_is_no_sentence_is_refused(system: str, text_runs: Path) -> None:
    put(Path("book.txt"), "1 2 3\n" + "1 " * 500_000)
    says = ("a sentence of 500,000 tokens", "1,024", "divide it")
    assert_refused(flori("predict", str(text_runs / system), "book.txt"), *says)


WISHES: dict[str, tuple[tuple[str, ...], str]] = {
    "a temperature below 0": (("--temperature", "-1"), "temperature -1"),
    "no temperature": (("--temperature", "nan"), "temperature nan"),
    "an infinite temperature": (("--temperature", "inf"), "temperature inf"),
    "top-p above 1": (("--top-p", "2"), "top-p 2"),
    "top-p of 0": (("--top-p", "0"), "top-p 0"),
    "top-k of 0": (("--top-k", "0"), "top-k 0"),
    "mirror images of text": (("--flip",), "flip averages over mirror images"),
}


@pytest.mark.parametrize("name", WISHES)
def test_wishes_that_mean_nothing_are_refused(name: str, text_runs: Path) -> None:
    words, says = WISHES[name]
    for system in WRITING:
        answer = flori("predict", str(text_runs / system), "one", *words, "--out", "answers")
        assert_refused(answer, says)
        assert not answer.stdout and not Path("answers").exists()


USAGE = [
    (("predict", "one", "--beams", "0"), "--beams"),
    (("predict", "one", "--beams", "many"), "--beams"),
    (("predict", "one", "--length", "0"), "--length"),
    (("predict", "one", "--seed", "-1"), "--seed"),
    (("predict", "one", "--temperature", "hot"), "--temperature"),
    (("predict",), "INPUT"),
    (("inspect", "--attention", "1 2", "--layer", "0"), "--layer"),
    (("inspect", "--attention", "1 2", "--head", "first"), "--head"),
]


@pytest.mark.parametrize(("words", "says"), USAGE, ids=[" ".join(words) for words, _ in USAGE])
def test_options_of_a_wrong_type_are_told_with_the_usage(words: tuple[str, ...], says: str, text_runs: Path) -> None:
    answer = flori(words[0], str(text_runs / "transformer"), *words[1:])
    assert answer.exit_code == 2 and "Traceback" not in answer.output
    assert says in answer.stderr.replace("│", "") and not answer.stdout


FILES: dict[str, tuple[str, bytes | None, tuple[str, ...]]] = {
    "not there": ("x.txt", None, ("x.txt: no such file", "in quotes")),
    "empty": ("x.txt", b"", ("x.txt is empty",)),
    "blank lines": ("x.txt", b"\n \n\n", ("x.txt", "holds no text")),
    "latin-1": ("x.txt", b"one\ncaf\xe9\n", ("x.txt, line 2: is not utf-8 text", "save it as UTF-8")),
    "zero byte": ("x.txt", b"one\0\n", ("x.txt, line 1: holds a zero byte",)),
    "a picture": ("x.txt", encoded(), ("x.txt, line 1: is not utf-8 text",)),
    "a picture by its name": ("x.png", encoded(), ("x.png", "is a file", ".txt")),
    "a table": ("x.csv", GOOD_ROWS.encode(), ("x.csv", "is a file", ".txt")),
    "no text at all": ("\udcff\udcfe", None, ("is not utf-8 text",)),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("system", ["lstm", "transformer", "bilstm-tagger", "bilstm-classifier"])
def test_a_file_that_is_no_text_is_refused(name: str, system: str, text_runs: Path) -> None:
    file, content, says = FILES[name]
    if content is not None:
        put(Path(file), content)
    assert_refused(flori("predict", str(text_runs / system), "one", file, "--out", "answers"), *says)
    assert not Path("answers").exists()


def test_a_folder_named_as_a_text_is_refused(text_runs: Path) -> None:
    Path("x.txt").mkdir()
    assert_refused(flori("predict", str(text_runs / "lstm"), "x.txt"), "x.txt", "is a folder")


@pytest.mark.parametrize("system", SHORT)
def test_a_folder_is_no_text(system: str, text_runs: Path) -> None:
    """Its name would be answered as if it were a text; what stands in a folder by chance, such as a dot, is one."""
    Path("reviews").mkdir()
    for given in ("reviews", "reviews/"):
        assert_refused(
            flori("predict", str(text_runs / system), given, "--out", "answers"), given, "is a folder", ".txt"
        )
    assert not Path("answers").exists()
    assert len(answers(text_runs / system, ".", "--length", "3")) == 1


def test_every_line_of_a_text_is_a_text(text_runs: Path) -> None:
    put(Path("x.txt"), "\ufeff1 2\r\n\r\n  \r\n3\r\n")
    assert [one["input"] for one in answers(text_runs / "transformer", "x.txt", "4.")] == ["1 2", "3", "4."]


def test_a_text_that_begins_with_the_name_of_a_file_is_learnt_and_reported() -> None:
    """As if it were the name of a file, where its test part begins with all that it has."""
    put(Path("t.txt"), "\n".join(["see notes.txt"] * 40))
    words = ("data=t.txt", "data.tokens=word", "model.width=8", "model.hidden=8", "steps=2", "data.test=0.021")
    answer = flori("train", "lstm", *words, "--run", "run", "-q")
    assert answer.exit_code == 0, answer.output


LOOKS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "a recurrent network": ("lstm", ("one",), ("lstm pays no attention", "transformer")),
    "counts": ("ngram", ("one",), ("ngram pays no attention",)),
    "no attention over the source": ("seq2seq", ("1 2",), ("seq2seq pays no attention",)),
    "tags": ("bilstm-tagger", ("one",), ("bilstm-tagger pays no attention",)),
    "a layer that is not there": ("transformer", ("1 2", "--layer", "9"), ("--layer 9", "has 1")),
    "a head that is not there": ("transformer-lm", ("one", "--head", "9"), ("--head 9", "has 2")),
    "a kind that is not there": ("transformer", ("1 2", "--kind", "deep"), ("--kind deep", "cross, encoder, decoder")),
    "a kind of another network": ("transformer-lm", ("one", "--kind", "cross"), ("--kind cross", "decoder")),
    "nothing to look at": ("transformer-lm", ("",), ("an empty text",)),
    "more than the context": ("transformer-lm", ("one two " * 9,), ("72 tokens", "32")),
    "no sentence": ("transformer", ("1 " * 2000,), ("a sentence of 2,000 tokens", "1,024")),
    "no picture": ("transformer", ("1 2", "--out", "a.jpg"), ("--out a.jpg", ".png")),
    "nowhere": ("transformer", ("1 2", "--out", "no/a.png"), ("--out no/a.png", "folder that is there")),
    "a folder": ("transformer", ("1 2", "--out", "folder.png"), ("folder.png", "is a folder")),
}


@pytest.mark.parametrize("name", LOOKS)
def test_attention_that_is_not_there_is_refused(name: str, text_runs: Path) -> None:
    system, words, says = LOOKS[name]
    Path("folder.png").mkdir()
    assert_refused(flori("inspect", str(text_runs / system), "--attention", *words), *says)
    assert [path.name for path in Path.cwd().rglob("*")] == ["folder.png"]


def test_networks_of_pictures_and_folders_that_are_no_runs_have_no_attention(runs: Path) -> None:
    assert_refused(flori("inspect", str(runs / "pictures"), "--attention", "one"), "lenet pays no attention")
    assert_refused(flori("inspect", "nowhere", "--attention", "one"), "nowhere is not a run folder")


@pytest.mark.parametrize("system", ["transformer", "transformer-lm"])
def test_attention_to_words_never_seen_is_drawn(system: str, text_runs: Path) -> None:
    answer = flori("inspect", str(text_runs / system), "--attention", UNSEEN, "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert Path(told["picture"]).stat().st_size > 1000 and len(told["columns"]) == len(told["weights"][0][0])


def test_pieces_of_words_are_drawn_as_they_are_read() -> None:
    """Not by the letters that BPE has for bytes: Ġ for a space, Ã© for é."""
    put(Path("p.tsv"), "".join(f"the café {i}\tété {i}\n" for i in range(20)))
    small = ("model.width=8", "model.heads=2", "model.layers=1", "data.least=2", "steps=2")
    assert flori("train", "transformer", "data=p.tsv", *small, "--run", "run", "-q").exit_code == 0
    told = flori("inspect", "run", "--attention", "the café 漢", "--json")
    assert told.exit_code == 0, told.output
    seen = json.loads(told.stdout)["columns"]
    assert seen[:3] == ["the", "café", " "] and len(seen) == 3 + len("漢".encode())


EVALUATED: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "pictures for lstm": ("lstm", ("data=photos",), ("photos holds no file that ends in .txt",)),
    "a table for lstm": ("lstm", ("data=rows.csv",), ("rows.csv is a table",)),
    "nothing for lstm": ("lstm", ("data=nowhere",), ("data=nowhere: no such file",)),
    "latin-1 for lstm": ("lstm", ("data=latin.txt",), ("latin.txt, line 1", "is not utf-8 text")),
    "an empty text for lstm": ("lstm", ("data=empty.txt",), ("empty.txt is empty",)),
    "a letter for lstm": ("lstm", ("data=letter.txt",), ("letter.txt", "1 token")),
    "a letter for ngram": ("ngram", ("data=letter.txt",), ("letter.txt", "1 token")),
    "text for transformer": ("transformer", ("data=t.txt",), ("t.txt, line 1: has no tab",)),
    "pictures for transformer": ("transformer", ("data=photos",), ("photos holds no file that ends in",)),
    "pairs for a tagger": ("bilstm-tagger", ("data=p.tsv",), ("p.tsv, line 1", "none of O")),
    "other tags": ("bilstm-tagger", ("data=t.conll",), ("tags that the network does not know: B-name, I-name",)),
    "other classes": ("bilstm-classifier", ("data=reviews",), ("classes that the network does not know: fair",)),
    "pictures for a classifier": ("bilstm-classifier", ("data=photos",), ("photos holds no texts by class",)),
    "text for lenet": ("pictures", ("data=t.txt",), ("t.txt",)),
    "text for a table": ("table", ("data=t.txt",), ("t.txt", "'y'")),
    "an unknown key": ("lstm", ("dat=t.txt",), ("unknown key 'dat'", "'data'")),
    "no key": ("lstm", ("t.txt",), ("'t.txt' is not of the form key=value",)),
    "mirror images": ("transformer", ("--flip",), ("flip averages over mirror images",)),
}


@pytest.mark.parametrize("name", EVALUATED)
def test_evaluating_on_data_of_another_kind_is_refused(name: str, runs: Path, text_runs: Path) -> None:
    system, words, says = EVALUATED[name]
    classes(Path("photos"))
    for file, content in {
        "rows.csv": GOOD_ROWS,
        "t.txt": GOOD_TEXT,
        "p.tsv": GOOD_PAIRS,
        "t.conll": GOOD_TAGS,
        "latin.txt": b"caf\xe9\n",
        "empty.txt": "",
        "letter.txt": "o",
        "reviews/good.txt": "a film\n",
        "reviews/fair.txt": "a film\n",
    }.items():
        put(Path(file), content)
    home = runs if system in ("pictures", "table") else text_runs
    assert_refused(flori("evaluate", str(home / system), *words), *says)


@pytest.mark.parametrize(
    ("system", "file", "content"),
    [
        ("lstm", "t.txt", UNSEEN),
        ("ngram", "t.txt", UNSEEN),
        ("transformer", "t.tsv", f"{UNSEEN}\t{UNSEEN}\n"),
        ("bilstm-tagger", "t.conll", "漢字\tB-person\nΩ\tO\n"),
    ],
)
def test_evaluating_on_words_never_seen_has_scores(system: str, file: str, content: str, text_runs: Path) -> None:
    put(Path(file), content)
    answer = flori("evaluate", str(text_runs / system), f"data={file}", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["scores"]["loss"] > 0


def test_how_much_of_a_text_the_vocabulary_lacks_is_remarked(text_runs: Path) -> None:
    """A perplexity over unknown tokens is that of saying "unknown", which is easy: 3 of 12 characters."""
    put(Path("t.txt"), "one two Ω漢字 ")
    told = flori("evaluate", str(text_runs / "lstm"), "data=t.txt", "--json")
    assert json.loads(told.stdout)["remark"] == "all: 25.00% of the tokens are <unk>"
    assert "25.00% of the tokens" in flori("evaluate", str(text_runs / "lstm"), "data=t.txt").stderr
    put(Path("t.txt"), "one two three ")
    assert "remark" not in json.loads(flori("evaluate", str(text_runs / "lstm"), "data=t.txt", "--json").stdout)


@pytest.mark.parametrize("system", SHORT)
def test_an_evaluation_is_read_as_well_as_told(system: str, text_runs: Path) -> None:
    """The table for people has the scores of the document for scripts: of all, and of each class or kind of span."""
    told = flori("evaluate", str(text_runs / system), "--json")
    read = flori("evaluate", str(text_runs / system))
    assert told.exit_code == read.exit_code == 0, read.output
    document = json.loads(told.stdout)
    assert f"loss {document['scores']['loss']:.4g}" in read.stdout
    lines = [line.split() for line in read.stdout.splitlines()]
    for label, scores in document.get("per_class", {}).items():
        assert [label, *(f"{scores[name]:.4f}" for name in ("precision", "recall", "f1"))] in [
            line[:4] for line in lines
        ]


DAMAGE: dict[str, dict[str, Any]] = {
    "no family of inputs": {"family": "Nothing"},
    "another family": {"family": "Pairs"},
    "no vocabulary": {"vocabulary": None},
    "a vocabulary without words": {"vocabulary": {"kind": "char", "special": ["<unk>"], "lower": False, "tokens": []}},
    "a vocabulary of another kind": {"vocabulary": {"kind": "rune", "special": [], "lower": False, "tokens": ["a"]}},
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_vocabulary_is_refused(name: str, text_runs: Path) -> None:
    shutil.copytree(text_runs / "lstm", "run")
    path = Path("run/model/preprocessing.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), **DAMAGE[name]}))
    assert_refused(flori("predict", "run", "one"), "run/model does not hold a whole model")


def test_a_file_is_one_text_where_files_were_texts_in_training() -> None:
    for label in ("bad", "good"):
        for number in range(6):
            put(Path(f"reviews/{label}/{number}.txt"), f"a {label} film\nof {number} hours\n")
    small = ("steps=1", "model.width=5", "model.hidden=3")
    assert flori("train", "bilstm-classifier", "data=reviews", *small, "--run", "run", "-q").exit_code == 0
    put(Path("new.txt"), "good\n\nwith a bad end\n")
    assert [one["input"] for one in answers(Path("run"), "new.txt")] == ["good\nwith a bad end"]
