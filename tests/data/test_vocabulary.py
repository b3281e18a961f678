"""Texts ↔ numbers: what is cut where, what comes back, what is counted, and the same vocabulary each time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from flori.core.errors import UserError
from flori.data import coders, words
from flori.data.vocabulary import LABELLING, LANGUAGE, TRANSLATION, UNKNOWN, Vocabulary

TEXT = "the cat sat on the mat.\nThe dog, the cat's friend, sat too!\n\nwell-known (and so on)…\n"
KINDS = ("char", "word", "bpe", "wordpiece")

SPLITS = {
    "word": ["word"],
    "3rd": ["3rd"],
    "mat.": ["mat", "￭."],
    "well-known,": ["well", "￭-￭", "known", "￭,"],
    "(a)": ["(￭", "a", "￭)"],
    "don't": ["don", "￭'t"],
    "don’t": ["don", "￭'t"],
    "l'homme": ["l'￭", "homme"],
    "rock'n'roll": ["rock", "￭'n'￭", "roll"],
    "'quoted'": ["'￭", "quoted", "￭'"],
    "1,000.5": ["1,000.5"],
    "12:46:": ["12:46", "￭:"],
    "v2.5kg": ["v2.5kg"],
    "e.g.": ["e", "￭.￭", "g", "￭."],
    "...": [".", "￭.", "￭."],
    "!": ["!"],
    "Ça": ["Ça"],
    "हिन्दी": ["हिन्दी"],
    "a\u200bb": ["a", "b"],
    "￭": ["￭"],
}


@pytest.mark.parametrize("chunk", SPLITS)
def test_words_are_cut_where_a_reader_would(chunk: str) -> None:
    assert words.split(words.tidy(chunk)) == SPLITS[chunk]


@pytest.mark.parametrize(
    "text",
    [
        "Hello, world! It isn't (quite) well-known: 3.5 kg, l'homme.",
        "Cours ! Ça alors ?",
        '"So," she said - "go".',
        "first line\n\nthird . ,\n",
        "a￭b ￭ ￭￭",
        "x …  y".replace("  ", " "),
    ],
)
def test_words_come_back_with_their_spaces(text: str) -> None:
    tokens = [
        token
        for number, line in enumerate(text.split("\n"))
        for token in [*(["\n"] if number else []), *(t for chunk in line.split() for t in words.split(chunk))]
    ]
    assert words.join(tokens) == text


def test_a_word_has_one_number_wherever_it_stands() -> None:
    text = "cat, (cat) cat's cat-like 'cat'"
    vocabulary = Vocabulary.build([text], "word")
    assert vocabulary.encode(text).count(vocabulary.tokens.index("cat")) == 5


def test_places_are_of_words_and_marks() -> None:
    text = "You should've seen 12:46 @Bob!"
    found = [text[start:end] for start, end in words.places(text)]
    assert found == ["You", "should", "'", "ve", "seen", "12:46", "@", "Bob", "!"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("special", [LANGUAGE, LABELLING, TRANSLATION])
def test_special_tokens_come_first_and_padding_is_not_the_unknown_word(kind: str, special: tuple[str, ...]) -> None:
    vocabulary = Vocabulary.build([TEXT], kind, special=special, most=400)
    assert vocabulary.tokens[: len(special)] == list(special)
    own = [vocabulary.pad, vocabulary.unknown, vocabulary.begin, vocabulary.end]
    given = [number for number in own if number is not None]
    assert sorted(given) == list(range(len(special))) and len(set(given)) == len(special)
    assert all(0 <= number < len(vocabulary) for number in vocabulary.encode(TEXT + " zyx ☃"))
    assert not {*given} - {vocabulary.unknown} & set(vocabulary.encode(TEXT))


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_spells_a_special_token(kind: str) -> None:
    vocabulary = Vocabulary.build([TEXT, "<pad> <bos> <eos> " * 9], kind, special=TRANSLATION, most=400)
    found = vocabulary.encode("<pad> the <bos> cat <eos>")
    assert not {vocabulary.pad, vocabulary.begin, vocabulary.end} & set(found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_vocabulary_is_restored_from_json(kind: str) -> None:
    vocabulary = Vocabulary.build([TEXT], kind, special=TRANSLATION, most=400, lower=True)
    restored = Vocabulary.restore(json.loads(json.dumps(vocabulary.state())))
    assert restored == vocabulary and len(restored) == len(vocabulary.tokens)
    assert restored.encode(TEXT) == vocabulary.encode(TEXT)
    assert restored.decode(restored.encode(TEXT)) == vocabulary.decode(vocabulary.encode(TEXT))


@pytest.mark.parametrize("kind", KINDS)
def test_many_texts_at_once_are_each_as_alone(kind: str) -> None:
    vocabulary = Vocabulary.build([TEXT], kind, most=400)
    texts = ["the cat", "", "the\nmat.\n", "unseen ☃", "dog, the"]
    assert vocabulary.encode_all(texts) == [vocabulary.encode(text) for text in texts]
    assert [vocabulary.array(text).tolist() for text in texts] == vocabulary.encode_all(texts)


@pytest.mark.parametrize("kind", KINDS)
def test_texts_come_back(kind: str) -> None:
    vocabulary = Vocabulary.build([TEXT], kind, special=TRANSLATION, most=400)
    text = "the dog sat on the mat.\nThe cat, too!"
    ids = [vocabulary.begin, *vocabulary.encode(text), vocabulary.end, vocabulary.pad]
    assert vocabulary.decode(ids) == text


def test_characters_are_counted_and_ordered() -> None:
    text = "abracadabra\n"
    expected = [UNKNOWN, *sorted(Counter(text), key=lambda letter: (-Counter(text)[letter], letter))]
    vocabulary = Vocabulary.build(list(text), "char")
    assert vocabulary.tokens == expected
    assert vocabulary.encode("cabz") == [expected.index("c"), expected.index("a"), expected.index("b"), 0]


def test_bounds_keep_the_commonest_words_ties_by_the_text() -> None:
    text = "d d d b b c c a e e\n"
    assert Vocabulary.build([text], "word").tokens == [UNKNOWN, "d", "b", "c", "e", "\n", "a"]
    assert Vocabulary.build([text], "word", least=2).tokens == [UNKNOWN, "d", "b", "c", "e"]
    assert Vocabulary.build([text], "word", most=3).tokens == [UNKNOWN, "d", "b"]
    assert Vocabulary.build([text], "char", most=3).tokens == [UNKNOWN, " ", "d"]


def test_words_in_pieces_are_counted_as_in_one() -> None:
    whole = Vocabulary.build([TEXT * 3], "word")
    assert Vocabulary.build((line for line in (TEXT * 3).splitlines(keepends=True)), "word") == whole


def test_words_never_seen_are_unknown_and_line_ends_only_where_they_are_known() -> None:
    vocabulary = Vocabulary.build(["a b"], "word")
    assert vocabulary.encode("a x\nb <unk>") == [vocabulary.tokens.index("a"), 0, vocabulary.tokens.index("b"), 0]


def test_the_unknown_words_of_a_text_count_nothing() -> None:
    assert Vocabulary.build(["<unk> a <unk>"], "word").tokens == [UNKNOWN, "a"]


def test_lower_case_is_one_form() -> None:
    vocabulary = Vocabulary.build(["Été the THE"], "word", lower=True)
    assert set(vocabulary.tokens) == {UNKNOWN, "été", "the"}
    assert vocabulary.encode("E\u0301TE\u0301") == vocabulary.encode("été") != [vocabulary.unknown]


def test_sentences_of_words_have_a_number_a_word() -> None:
    sentences = [["U.S.", "'", "<pad>"], ["U.S.", "don't"]]
    vocabulary = Vocabulary.of_words(sentences)
    assert vocabulary.tokens == ["<pad>", UNKNOWN, "U.S.", "'", "don't"]
    assert vocabulary.ids(["don't", "<pad>", "U.S.", "x"]) == [4, 1, 2, 1]


def test_rare_words_are_forgotten_before_memory_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coders, "DISTINCT", 20)
    texts = [f"often again w{i} " for i in range(101)]
    assert Vocabulary.build(texts, "word", most=3).tokens == [UNKNOWN, "again", "often"]
    assert len(Vocabulary.build(texts, "word")) == 1 + 2 + 101


def test_an_empty_text_and_no_room_are_refused() -> None:
    with pytest.raises(UserError, match="holds no word"):
        Vocabulary.build(["", " "], "word")
    with pytest.raises(UserError, match="no room"):
        Vocabulary.build(["a b"], "word", special=TRANSLATION, most=4)
    with pytest.raises(UserError, match="257 at least"):
        Vocabulary.build(["a b"], "bpe", most=100)


def merged(counts: dict[str, int], merges: int) -> list[str]:
    """Byte-pair encoding (Sennrich et al. 2016) literally: the commonest pair of neighbours becomes one token."""
    cut = {word: list(word) for word in counts}
    tokens = []
    for _ in range(merges):
        pairs: Counter[tuple[str, str]] = Counter()
        for word, pieces in cut.items():
            for pair in pairwise(pieces):
                pairs[pair] += counts[word]
        (best, count), (_, second) = pairs.most_common(2)
        assert count > second, "the example must have no ties"
        tokens.append("".join(best))
        for word, pieces in cut.items():
            i = 0
            while i < len(pieces) - 1:
                if (pieces[i], pieces[i + 1]) == best:
                    cut[word] = pieces = [*pieces[:i], "".join(best), *pieces[i + 2 :]]
                i += 1
    return tokens


def test_bpe_merges_the_commonest_pairs() -> None:
    counts = {"hug": 10, "pug": 5, "pun": 12, "bun": 4, "hugs": 5}
    text = "".join(f"{word}\n" * count for word, count in counts.items())
    vocabulary = Vocabulary.build([text], "bpe", most=1 + 256 + 4)
    assert vocabulary.tokens[257:] == merged(counts, 4) == ["ug", "un", "hug", "pun"]


def test_bpe_knows_every_text() -> None:
    vocabulary = Vocabulary.build([TEXT], "bpe", most=300)
    text = "☃ Ünïcode\t 日本\n\n  spaces  <unk>\n" + "a" * 3001
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert vocabulary.unknown not in vocabulary.encode(text)


def test_wordpiece_takes_the_longest_piece_first() -> None:
    text = "unaffable affable able tables stable unstable affected " * 7
    vocabulary = Vocabulary.build([text], "wordpiece", most=47)
    assert len(vocabulary) <= 47
    for word in ("unaffable", "tables", "unstables", "affect"):
        expected, rest = [], word
        while rest:
            start = "##" if rest != word else ""
            piece = next(rest[:end] for end in range(len(rest), 0, -1) if start + rest[:end] in vocabulary.tokens)
            expected.append(start + piece)
            rest = rest[len(piece) :]
        assert [vocabulary.tokens[number] for number in vocabulary.encode(word)] == expected
    assert vocabulary.encode("☃") == [vocabulary.unknown]


def test_a_word_of_a_million_characters_takes_no_time() -> None:
    text = "a b c\n" * 300 + "xy" * 500_000
    for kind in ("char", "word", "bpe", "wordpiece"):
        vocabulary = Vocabulary.build([text], kind, most=400)
        assert len(vocabulary.encode(text)) > 900


def test_vocabularies_are_the_same_in_another_process(real_data: Path) -> None:
    path = real_data / "time-machine" / "timemachine.txt"
    code = f"""
import hashlib, json, pathlib
from flori.data.vocabulary import Vocabulary
text = pathlib.Path({str(path)!r}).read_text()
for kind in ("char", "word", "bpe", "wordpiece"):
    state = Vocabulary.build([text], kind, most=1000).state()
    print(hashlib.sha256(json.dumps(state).encode()).hexdigest())
"""
    answers = {subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout for _ in range(2)}
    assert len(answers) == 1 and len(answers.pop().split()) == 4


def test_real_sentences_come_back(real_data: Path) -> None:
    lines = (real_data / "fra-eng" / "fra.txt").read_text().split("\n")[::97]
    sentences = [side for line in lines for side in line.split("\t")[:2]]
    vocabulary = Vocabulary.build(sentences, "word")
    for sentence, ids in zip(sentences, vocabulary.encode_all(sentences), strict=True):
        expected = " ".join(words.tidy(sentence).split())
        assert vocabulary.decode(ids).replace("’", "'") == expected.replace("’", "'").replace("\u200b", "")
