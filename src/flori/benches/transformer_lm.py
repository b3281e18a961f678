"""transformer-lm beside Hugging Face's GPT-2 with the same weights: tokens generated, keys and values kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from flori.benches.timing import Contestant, Race
from flori.core import seeds
from flori.core.device import choose_precision, computing
from flori.models.transformer_lm import TransformerLM, transformer_lm
from flori.prediction.beam import beam_search
from flori.prediction.decoding import Rules, collected, greedy, stepwise
from flori.prediction.lowered import lowered

ROWS, PROMPT, TOKENS, BEAMS = 8, 8, 128, 4
SECONDS = 3.0  # a round, for each: a generation takes up to a second or two
PEER = "transformers"
LAYER = {
    "ln_1": "norm1",
    "attn.c_attn": "self_attn.in_proj",
    "attn.c_proj": "self_attn.out_proj",
    "ln_2": "norm2",
    "mlp.c_fc": "linear1",
    "mlp.c_proj": "linear2",
}
"""The parts of a layer, by their names there and here."""


@dataclass(frozen=True)
class Sizes:
    """Of both decoders; the feed-forward networks are four times as wide as the rest."""

    words: int = 10_000
    width: int = 256
    heads: int = 4
    layers: int = 4
    context: int = PROMPT + TOKENS


def gpt2(sizes: Sizes) -> Any:
    """Hugging Face's GPT-2 with random weights, and no token that ends a text."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=sizes.words,
        n_positions=sizes.context,
        n_embd=sizes.width,
        n_layer=sizes.layers,
        n_head=sizes.heads,
        activation_function="gelu",  # by one kernel: its own approximation is several
        bos_token_id=None,
        eos_token_id=None,
    )
    return GPT2LMHeadModel(config).eval()


def decoder(sizes: Sizes) -> TransformerLM:
    """flori's of the same shape."""
    return transformer_lm(
        sizes.words,
        width=sizes.width,
        heads=sizes.heads,
        layers=sizes.layers,
        hidden=4 * sizes.width,
        dropout=0.0,
        context=sizes.context,
        positions="learned",
        tied=False,  # an embedding that is the output's too would be √H times smaller
        activation="gelu",
        grams=1,
    ).eval()


def with_weights_of(theirs: Any, sizes: Sizes) -> TransformerLM:
    """flori's decoder that says what GPT-2 says."""
    given, model = theirs.transformer.state_dict(), decoder(sizes)
    words = given["wte.weight"]
    found = {
        "embedding.weight": words / math.sqrt(sizes.width),
        "output.weight": words,
        "positions.weight": given["wpe.weight"],
        **{f"decoder.norm.{kind}": given[f"ln_f.{kind}"] for kind in ("weight", "bias")},
    }
    for number in range(sizes.layers):
        for name, ours in LAYER.items():
            for kind in ("weight", "bias"):
                found[f"decoder.layers.{number}.{ours}.{kind}"] = given[f"h.{number}.{name}.{kind}"].t()
    model.load_state_dict(found)
    return model


def generated(model: TransformerLM, start: Tensor, tokens: int, beams: int, precision: str) -> list[list[int]]:
    """What flori says after start int64 [N, T]: the best of each place, or of a search with beams."""

    step, rules = stepwise(lowered(model, precision)), Rules(tokens)
    with computing(start.device, precision):
        if beams == 1:
            return collected(greedy(step, start, None, rules))
        return [found.tokens for found in beam_search(step, start, None, rules, beams)]


def generated_by_peer(model: Any, start: Tensor, tokens: int, beams: int) -> list[list[int]]:
    """What Hugging Face's `generate` says after start int64 [N, T]."""
    seen, how = torch.ones_like(start), {"max_new_tokens": tokens, "do_sample": False, "num_beams": beams}
    said = model.generate(start, attention_mask=seen, use_cache=True, pad_token_id=0, **how)
    return said[:, start.shape[1] :].tolist()


def ours(model: TransformerLM, start: Tensor, beams: int, precision: str) -> Contestant:
    """flori's decoder, generation after generation."""
    while True:
        yield sum(map(len, generated(model, start, TOKENS, beams, precision)))


def theirs(model: Any, start: Tensor, beams: int) -> Contestant:
    """Hugging Face's, generation after generation."""
    while True:
        yield sum(map(len, generated_by_peer(model, start, TOKENS, beams)))


def races() -> list[Race]:
    """Two: greedy, and with beams. Without transformers flori runs alone."""
    sizes, precision = Sizes(), choose_precision("auto", torch.device("cpu"), True)
    start = torch.randint(sizes.words, (ROWS, PROMPT), generator=seeds.generator(0, "prompts"))
    with seeds.scope(0, "init"):
        peer = gpt2(sizes) if find_spec(PEER) else None
        model = decoder(sizes) if peer is None else with_weights_of(peer, sizes)
    return [_race(model, peer, start, beams, precision) for beams in (1, BEAMS)]


def _race(model: TransformerLM, peer: Any, start: Tensor, beams: int, precision: str) -> Race:
    how = "greedily" if beams == 1 else f"with {beams} beams"
    about = f"{TOKENS} tokens after each of {ROWS} prompts of {PROMPT}, {how}; flori in {precision}"
    contestants = {"flori": ours(model, start, beams, precision)}
    if peer is None:
        return Race(f"{about}, alone: pip install {PEER} to race it", "tokens", contestants, SECONDS)
    return Race(about, "tokens", {"GPT-2 of transformers, float32": theirs(peer, start, beams), **contestants}, SECONDS)
