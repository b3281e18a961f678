"""Both Transformers equal their equations; nothing depends on padding; with a memory they say what they say without."""

import numpy as np
import pytest
import torch

from flori.layers.attention import causal, fused
from flori.layers.cache import Cache
from flori.layers.transformer import Layer, Shape
from flori.models.transformer import transformer
from flori.models.transformer_lm import transformer_lm
from flori.reference import attention as attention_oracle
from flori.reference import transformer as oracle
from flori.reference import transformer_lm as lm_oracle

SIZES = {"width": 15, "heads": 3, "layers": 2, "hidden": 11, "dropout": 0.3}
EVEN = SIZES | {"width": 18, "grams": 1}  # rotations need heads of even width
GRAMS = {"grams": 4, "gram_rows": 11, "gram_width": 7}
V = 13


def unsettled(model):
    """The model in float64 for evaluation, with weights as after training: no bias is zero, no scale is one."""
    torch.manual_seed(0)
    for p in model.double().parameters():
        p.data += 0.3 * torch.randn_like(p)
    return model.eval()


def translator(**options):
    return unsettled(transformer(17, V, **(SIZES | options)))


def language_model(**options):
    return unsettled(transformer_lm(V, **(EVEN | {"context": 31} | options)))


def parameters(model):
    return {name: p.detach().numpy() for name, p in model.named_parameters()}


def literal(model, **options):
    """What the equations need to know of a model."""
    return parameters(model), {"layers": 2, "heads": 3, "norm": "pre", "activation": "relu"} | options


def tokens(*shape, seed=1, words=V):
    return torch.randint(0, words, shape, generator=torch.Generator().manual_seed(seed))


def same(found, expected, atol=1e-11):
    torch.testing.assert_close(found, torch.as_tensor(np.asarray(expected)), rtol=0, atol=atol)


SOURCE, LENGTHS, TARGET = tokens(3, 7, words=17), torch.tensor([5, 7, 1]), tokens(3, 5, seed=2)


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "pre", "positions": "sinusoidal", "activation": "relu", "tied": True},
        {"norm": "post", "positions": "learned", "activation": "gelu", "tied": False},
    ],
    ids=["pre", "post"],
)
def test_translation_equals_the_equations_sentence_by_sentence(options):
    model = translator(**options)
    found = model(SOURCE, LENGTHS, TARGET)
    for i, length in enumerate(LENGTHS):
        same(
            found[i].detach(),
            oracle.forward(SOURCE[i, :length].tolist(), TARGET[i].tolist(), *literal(model, **options)),
        )


@pytest.mark.parametrize(
    "options",
    [
        {"norm": "pre", "positions": "rotary", "activation": "relu2", "tied": True},
        {"norm": "post", "positions": "learned", "activation": "gelu", "tied": False},
        {"norm": "pre", "positions": "sinusoidal", "activation": "relu", "tied": True, "width": 15},
        {"norm": "pre", "positions": "rotary", "activation": "relu2", **GRAMS},
    ],
    ids=["rotary", "learned", "sinusoidal", "grams"],
)
def test_language_model_equals_the_equations(options):
    model, text = language_model(**options), tokens(2, 7)
    found, _ = model(text)
    for i in range(2):
        same(found[i].detach(), lm_oracle.forward(text[i].tolist(), *literal(model, **options)))


def test_in_training_nothing_is_remembered_and_dropout_drops():
    model, text = language_model(), tokens(2, 7)
    expected, _ = model(text)
    found, memory = model.train()(text)
    assert memory is None and not torch.allclose(found, expected)
    model.dropout.p = 0.0
    for layer in model.decoder.layers:
        layer.dropout.p = 0.0
    torch.testing.assert_close(model(text)[0], expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_nothing_depends_on_padding(norm):
    model = translator(norm=norm)
    expected = model(SOURCE, LENGTHS, TARGET)
    other = torch.cat((SOURCE, tokens(3, 4, seed=3, words=17)), 1)
    for i, length in enumerate(LENGTHS):
        other[i, length:] = tokens(11 - length, seed=4, words=17)
    torch.testing.assert_close(model(other, LENGTHS, TARGET), expected, rtol=0, atol=1e-12)
    memory = model.encode(other, LENGTHS)
    torch.testing.assert_close(model.decode(TARGET, memory)[0], expected, rtol=0, atol=1e-12)


def test_a_source_without_tokens_gives_numbers():
    model = translator().float()
    assert model(SOURCE, torch.tensor([5, 0, 1]), TARGET).isfinite().all()


def test_no_place_sees_a_later_one():
    for model, arguments in ((translator(), (SOURCE, LENGTHS)), (language_model(), ())):
        changed = TARGET.clone()
        changed[:, 3:] = (changed[:, 3:] + 1) % V
        before, after = (model(*arguments, target) for target in (TARGET, changed))
        before, after = (found[0] if isinstance(found, tuple) else found for found in (before, after))
        torch.testing.assert_close(before[:, :3], after[:, :3], rtol=0, atol=1e-12)
        assert not torch.allclose(before[:, 3:], after[:, 3:])


@pytest.mark.parametrize("pieces", [(1, 1, 1, 1, 1), (3, 2), (2, 1, 2)])
@pytest.mark.parametrize("positions", ["sinusoidal", "learned"])
def test_decoding_with_a_memory_equals_decoding_without(pieces, positions):
    model = translator(positions=positions)
    memory, found = model.encode(SOURCE, LENGTHS), []
    for piece in TARGET.split(pieces, 1):
        logits, memory = model.decode(piece, memory)
        found.append(logits)
    torch.testing.assert_close(torch.cat(found, 1), model(SOURCE, LENGTHS, TARGET).detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("pieces", [(1,) * 29, (3, 2, 24), (7, 1, 1, 20)])
@pytest.mark.parametrize("positions", ["rotary", "learned", "sinusoidal"])
def test_going_on_with_a_memory_equals_reading_all(pieces, positions):
    model, text = language_model(positions=positions, **GRAMS), tokens(2, 29)
    memory, found = None, []
    for piece in text.split(pieces, 1):
        logits, memory = model(piece, memory)
        found.append(logits.detach())
    torch.testing.assert_close(torch.cat(found, 1), model(text)[0].detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("count", [1, 4, 20, 31])
def test_a_full_context_is_read_anew_from_its_middle(count):
    model, text = language_model(**GRAMS), tokens(2, 30)
    _, memory = model(text)
    more = tokens(2, count, seed=5)
    logits, memory = model(more, memory)
    if count == 1:  # it still fits
        expected = torch.cat((text, more), 1)
    else:
        kept = min(15, 31 - count)
        expected = torch.cat((text[:, 30 - kept :], more), 1)
    torch.testing.assert_close(logits, model(expected)[0].detach()[:, -count:], rtol=0, atol=1e-12)
    assert len(memory) == 2 and memory.cache.length == expected.shape[1]


def test_more_tokens_than_the_context_are_refused():
    model = language_model()
    with pytest.raises(ValueError, match="32 tokens at once, but the context is 31"):
        model(tokens(2, 32))
    with pytest.raises(ValueError, match="32 tokens at once, but the context is 31"):
        model(tokens(2, 32), model(tokens(2, 3))[1])


SELECTIONS = {
    "as they are": [[0, 1, 2]] * 4,
    "beams of a sentence": [[0, 0, 1, 1, 2, 2], [1, 0, 2, 2, 5, 5], [0, 0, 3, 2, 4, 5], [1, 3, 5]],
    "sentences that end": [[0, 0, 1, 1, 2, 2], [1, 1, 5, 4], [3, 2], [1, 0], [0]],
    "other numbers of beams": [[0, 0, 0, 1, 1, 1, 2, 2, 2], [2, 0, 4, 4, 6, 8], [1, 2, 2, 3, 3, 4, 5, 5, 4]],
    "rows as they come": [[2, 0, 1], [1, 1, 0, 2, 2], [4, 0, 0, 1, 3, 2, 2], [6, 5, 0]],
    "beams of one become those of another": [[0, 0, 1, 1, 2, 2], [0, 2, 4, 1], [3, 3, 1, 0]],
}


@pytest.mark.parametrize("orders", SELECTIONS.values(), ids=SELECTIONS)
@pytest.mark.parametrize("piece", [1, 2])
@pytest.mark.parametrize("begun", [False, True])
def test_selected_rows_go_on_as_if_each_had_been_read_alone(orders, piece, begun):
    """Every row's tokens are kept beside the memory, and read anew without one."""
    translate, continue_text = translator(), language_model()
    text, sources = tokens(3, 3 if begun else 0), torch.arange(3)
    memory, past = translate.encode(SOURCE, LENGTHS), None
    if begun:
        memory, past = translate.decode(text, memory)[1], continue_text(text)[1]
    for step, order in enumerate(orders):
        rows = torch.tensor(order)
        memory, text, sources = memory.select(rows), text[rows], sources[rows]
        past = past.select(rows) if past is not None else None
        new = tokens(len(rows), piece, seed=10 + step)
        text = torch.cat((text, new), 1)
        logits, memory = translate.decode(new, memory)
        assert len(memory) == len(rows)
        expected = translate(SOURCE[sources], LENGTHS[sources], text).detach()
        torch.testing.assert_close(logits, expected[:, -piece:], rtol=0, atol=1e-12)
        if begun:
            logits, past = continue_text(new, past)
            assert len(past) == len(rows) and torch.equal(past.tokens, text)
            torch.testing.assert_close(logits, continue_text(text)[0].detach()[:, -piece:], rtol=0, atol=1e-12)


def test_a_memory_can_go_on_in_two_ways():
    model, text = language_model(**GRAMS), tokens(2, 5)
    _, memory = model(text)
    one, two = tokens(2, 1, seed=3), (tokens(2, 1, seed=3) + 1) % V
    for _ in range(2):  # the second time round there is room behind what was seen, and it is taken
        first, after = model(one, memory)
        second, _ = model(two, memory)
        third, _ = model(two, after)
        for found, path in ((first, (one,)), (second, (two,)), (third, (one, two))):
            expected = model(torch.cat((text, *path), 1))[0].detach()[:, -1:]
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
        text, memory = torch.cat((text, one), 1), after


def test_reordering_beams_moves_no_keys():
    model = translator()
    memory = model.encode(SOURCE, LENGTHS).select(torch.arange(3).repeat_interleave(4))
    _, memory = model.decode(tokens(12, 1), memory)
    assert memory.select(torch.arange(12)) is memory
    other = memory.select(torch.tensor([1, 1, 0, 3, 4, 4, 4, 7, 11, 10, 9, 8]))
    assert other.store is memory.store and other.beside is memory.beside
    assert other.store.keys[0].shape == (3, 3, 4, 5)
    _, longer = model.decode(tokens(12, 1), other)
    kept = longer.store.keys[0]
    _, longer = model.decode(tokens(12, 1), longer)
    assert longer.store.keys[0] is kept, "room for more tokens was made once"


def test_a_past_that_beams_share_is_kept_once():
    """Beam 1 of each sentence leads to all beams of the next step: after 97 tokens of 4 beams, few slots are needed."""
    model, text = language_model(context=128, **GRAMS), tokens(3, 2)
    _, memory = model(text)
    memory, text = memory.select(torch.arange(3).repeat_interleave(4)), text.repeat_interleave(4, 0)
    for step in range(97):
        new = tokens(12, 1, seed=step)
        logits, memory = model(new, memory)
        text = torch.cat((text, new), 1)
        if step % 10 == 0:
            expected = model(text)[0].detach()[:, -1:]
            torch.testing.assert_close(logits, expected, rtol=0, atol=1e-12)
        rows = 4 * (torch.arange(12) // 4) + 1
        memory, text = memory.select(rows), text[rows]
    assert memory.cache.length == 99 and memory.cache.slots < 2 * 99


def test_weights_of_the_first_layers_equal_the_equations():
    model = translator()
    found = model.attention(SOURCE, LENGTHS, TARGET)
    shapes = {name: tuple(weights.shape) for name, weights in found.items()}
    assert shapes == {"encoder": (2, 3, 3, 7, 7), "decoder": (2, 3, 3, 5, 5), "cross": (2, 3, 3, 5, 7)}
    p, options = literal(model, positions="sinusoidal")
    for i, length in enumerate(LENGTHS.tolist()):
        sides = {
            "encoder": ("source_embedding", SOURCE[i, :length].tolist(), np.ones((length, length), bool)),
            "decoder": ("target_embedding", TARGET[i].tolist(), attention_oracle.causal(5)),
        }
        for name, (table, words, allowed) in sides.items():
            X = oracle.norm(oracle.embed(words, p[f"{table}.weight"], p, options, ""), p, f"{name}.layers.0.norm1")
            weights = oracle.projections(p, f"{name}.layers.0.self_attn")
            _, expected = attention_oracle.multi_head(X, X, weights, 3, allowed)
            same(found[name][0, i, :, : len(words), : len(words)], expected)
        assert (found["encoder"][:, i, :, :, length:] == 0).all() and (found["cross"][:, i, :, :, length:] == 0).all()
    for weights in found.values():
        torch.testing.assert_close(weights.sum(-1), torch.ones_like(weights[..., 0]))


def test_weights_of_a_language_model():
    model, text = language_model(), tokens(2, 7)
    (weights,) = model.attention(text).values()
    assert weights.shape == (2, 2, 3, 7, 7)
    assert (weights.triu(1) == 0).all() and (weights.tril() > 0).sum() == 2 * 2 * 3 * 28
    p, options = literal(model, positions="rotary")
    X = oracle.norm(oracle.embed(text[1].tolist(), p["embedding.weight"], p, options, ""), p, "decoder.layers.0.norm1")
    parts = oracle.projections(p, "decoder.layers.0.self_attn")
    allowed = attention_oracle.causal(7)
    same(weights[0, 1], attention_oracle.multi_head(X, X, parts, 3, allowed, lm_oracle.rotary)[1])


class Called(torch.nn.Module):
    """A layer as a function of its own sequence and the other one."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, other):
        cross = self.layer.multihead_attn
        remembered = None if cross is None else cross.remember(other)
        return self.layer(x, fused(is_causal=True), remembered, fused()) + other.sum()


@pytest.mark.parametrize("cross", [False, True], ids=["own", "cross"])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_gradient_of_a_layer_equals_finite_differences(norm, cross):
    layer = unsettled(Layer(Shape(6, 3, 5, norm=norm, activation="gelu"), cross))
    x, other = torch.randn(2, 3, 6, dtype=torch.float64), torch.randn(2, 5, 6, dtype=torch.float64)
    called = Called(layer)
    parts = dict(called.named_parameters())

    def value(x, other, *weights):
        return torch.func.functional_call(called, dict(zip(parts, weights, strict=True)), (x, other))

    places = [t.requires_grad_() for t in (x, other, *parts.values())]
    assert torch.autograd.gradcheck(value, places, fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_near_with_sentences_padded_and_empty(dtype):
    torch.manual_seed(0)
    model = transformer(17, V, **SIZES).eval()
    lengths = torch.tensor([5, 7, 0])
    expected = model(SOURCE, lengths, TARGET)
    model.to(dtype)
    found = model(SOURCE, lengths, TARGET)
    assert found.dtype == dtype and found.isfinite().all()
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=0.15)
    memory, steps = model.encode(SOURCE, lengths), []
    for i in range(5):
        logits, memory = model.decode(TARGET[:, i : i + 1], memory)
        steps.append(logits)
    torch.testing.assert_close(torch.cat(steps, 1).float(), expected, rtol=0, atol=0.15)


def test_autocast_goes_on_with_a_memory():
    torch.manual_seed(0)
    model, text = transformer_lm(V, **EVEN).eval(), tokens(2, 7)
    expected = model(text)[0]
    with torch.autocast("cpu", torch.bfloat16):
        _, memory = model(text[:, :4])
        memory = memory.select(torch.tensor([0, 0, 1, 1]))
        found, _ = model(text[:, 4:].repeat_interleave(2, 0), memory)
    torch.testing.assert_close(found[::2].float(), expected[:, 4:], rtol=0, atol=0.15)
    torch.testing.assert_close(found[1::2].float(), expected[:, 4:], rtol=0, atol=0.15)


def test_output_and_embedding_share_their_weights_if_tied():
    tied, own = (transformer_lm(V, tied=tied, **EVEN) for tied in (True, False))
    assert sum(p.numel() for p in own.parameters()) - sum(p.numel() for p in tied.parameters()) == V * 18
    assert all(name in dict(tied.named_modules()) for name in tied.heads)
    assert not any(torch.equal(a, b) for a in tied.state_dict().values() for b in [own.output.weight])


@pytest.mark.parametrize("words", [65, 1009])
def test_the_first_loss_is_not_far_above_that_of_a_uniform_model(words):
    torch.manual_seed(0)
    text, lengths = tokens(3, 64, words=words), torch.full((3,), 64)
    for tied in (True, False):
        options: dict = {"dropout": 0.0, "layers": 2, "tied": tied}
        for logits in (
            transformer_lm(words, grams=1, **options)(text)[0],
            transformer(words, words, **options)(text, lengths, text),
        ):
            loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), text[:, 1:].flatten())
            excess = float(loss.detach()) - np.log(words)
            assert excess < (0.5 if tied else 1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: transformer(width=16, heads=3), "width=16 is no multiple of heads=3"),
        (lambda: transformer(norm="both"), "norm=both: must be pre or post"),
        (lambda: transformer(activation="sin"), "activation=sin: must be one of relu, gelu, relu2"),
        (lambda: transformer(positions="rotary"), "positions=rotary: must be sinusoidal or learned"),
        (lambda: transformer_lm(positions="none"), "positions=none: must be sinusoidal, learned or rotary"),
        (lambda: transformer_lm(width=15, heads=3), "width / heads must be even, and 15 / 3 is not"),
        (lambda: translator(longest=6, positions="learned")(SOURCE, LENGTHS, TARGET), "learned for 6"),
        (lambda: Cache.empty(3).longer(tokens(2, 1)), "tokens of 2 rows for a memory of 3"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_masks_are_those_of_the_last_queries():
    assert torch.equal(causal(3, 7), causal(7, 7)[4:])
