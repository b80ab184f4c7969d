"""The probe gives what eager attention gives, for every family, and leaves the model's output as it was."""

import pytest
import torch
from torch.testing import assert_close

from ssl_attn.errors import SslAttnError
from ssl_attn.models.card import FAMILIES
from ssl_attn.models.layout import TokenLayout
from ssl_attn.models.quirks import forward_arguments
from ssl_attn.probe import PROBE, LayerRecord, Reductions, attention_probe

TRANSFORMERS = [name for name, family in FAMILIES.items() if family.readout != "gap"]
EVERYTHING = Reductions(row=True, received=True, head_mean=True, value_norm=True)


def noise(model, *, batch=2, seed=0):
    size = model.input_size
    return torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(seed))


def eager(model, pixels):
    """Attention of every layer as transformers itself computes it, (B, H, N, N) each, and the last hidden state."""
    model.module.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            output = model.module(**forward_arguments(model, pixels), output_attentions=True, output_hidden_states=True)
    finally:
        model.module.set_attn_implementation("sdpa")
    assert len(output.attentions) == model.layers
    return output.attentions, output.hidden_states[-1]


def probe(model, pixels, reductions):
    layout = model.layout_for(pixels.shape[-1], pixels.shape[-2])
    with torch.no_grad(), attention_probe(model.module, layout, reductions, layers=model.layers) as record:
        output = model.module(**forward_arguments(model, pixels), output_hidden_states=True)
    return record, output.hidden_states[-1]


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_reductions_equal_those_of_eager_attention(family, tiny_models):
    model = tiny_models[family]
    pixels = noise(model)
    attentions, expected_output = eager(model, pixels)

    record, output = probe(model, pixels, EVERYTHING)

    assert_close(output, expected_output, atol=1e-5, rtol=1e-5)
    layout = record.layout
    for layer, attention in zip(record.layers, attentions, strict=True):
        assert attention.shape[-1] == layout.tokens
        # attention that differs between heads and tokens: equality of flat ones would say little
        assert attention.std(dim=1).max() > 0.01
        assert_close(attention.sum(-1), torch.ones(attention.shape[:-1]), atol=1e-5, rtol=0)
        row = attention[:, :, 0] if layout.cls else attention[:, :, layout.patch_slice].mean(dim=2)
        assert_close(layer.row, row, atol=1e-5, rtol=1e-5)
        assert_close(layer.received, attention.mean(dim=2), atol=1e-5, rtol=1e-5)
        assert_close(layer.head_mean, attention.mean(dim=1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_the_output_is_that_of_a_plain_pass_whatever_is_recorded(family, tiny_models):
    model = tiny_models[family]
    pixels = noise(model)
    with torch.no_grad():
        plain = model.module(**forward_arguments(model, pixels), output_hidden_states=True).hidden_states[-1]

    for reductions in (Reductions(row=True), Reductions(received=True), EVERYTHING):
        _, output = probe(model, pixels, reductions)
        assert_close(output, plain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_a_row_alone_equals_the_row_of_the_whole_matrix(family, tiny_models):
    model = tiny_models[family]
    pixels = noise(model)

    alone, _ = probe(model, pixels, Reductions(row=True, value_norm=True))
    whole, _ = probe(model, pixels, EVERYTHING)

    for one, other in zip(alone.layers, whole.layers, strict=True):
        assert_close(one.row, other.row, atol=1e-6, rtol=1e-5)
        assert_close(one.value_norm, other.value_norm, atol=1e-6, rtol=1e-5)
        assert one.head_mean is None
        assert one.received is None


@pytest.mark.parametrize("family", ["dinov2_with_registers", "clip", "siglip", "deit"])
def test_value_norm_equals_the_definition(family, tiny_models):
    """|| ls * W_O concat_h(a_h v_h) || with one token's values at a time, straight from the modules."""
    model = tiny_models[family]
    pixels = noise(model)
    attentions, _ = eager(model, pixels)
    blocks = [
        (parent, child)
        for parent in model.module.modules()
        for child in parent.children()
        if hasattr(child, "q_proj") and hasattr(child, "v_proj")
    ]
    inputs = []
    handles = [child.v_proj.register_forward_hook(lambda _m, _i, out: inputs.append(out)) for _, child in blocks]
    record, _ = probe(model, pixels, EVERYTHING)
    for handle in handles:
        handle.remove()

    layout = record.layout
    for layer, attention, values, (block, child) in zip(record.layers, attentions, inputs, blocks, strict=True):
        heads = attention.shape[1]
        row = attention[:, :, 0] if layout.cls else attention[:, :, layout.patch_slice].mean(dim=2)  # (B, H, N)
        split = values.unflatten(-1, (heads, -1))  # (B, N, H, D)
        weighted = row.transpose(1, 2)[..., None] * split
        projection = child.o_proj if hasattr(child, "o_proj") else child.out_proj
        scale = block.layer_scale1.lambda1 if hasattr(block, "layer_scale1") else 1.0
        fused = (torch.nn.functional.linear(weighted.flatten(2), projection.weight) * scale).norm(dim=-1)
        assert_close(layer.value_norm[:, 0], fused, atol=1e-6, rtol=1e-4)
        for head in range(heads):
            only = torch.zeros_like(weighted)
            only[:, :, head] = weighted[:, :, head]
            alone = (torch.nn.functional.linear(only.flatten(2), projection.weight) * scale).norm(dim=-1)
            assert_close(layer.value_norm[:, 1 + head], alone, atol=1e-6, rtol=1e-4)


def test_the_model_is_left_as_it_was_even_after_an_error(tiny_models):
    model = tiny_models["vit"]
    layout = model.layout_for(model.input_size, model.input_size)
    before = model.module.config._attn_implementation

    def fail():
        with attention_probe(model.module, layout, EVERYTHING, layers=model.layers):
            assert model.module.config._attn_implementation == PROBE
            message = "in the middle"
            raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert model.module.config._attn_implementation == before


def test_a_sequence_of_another_length_is_refused(tiny_models):
    model = tiny_models["dinov2"]
    wrong = TokenLayout(1, 0, 0, 3, 3, 8, "cls")
    with (
        pytest.raises(SslAttnError, match="expected 10 tokens"),
        torch.no_grad(),
        attention_probe(model.module, wrong, EVERYTHING, layers=model.layers),
    ):
        model.module(noise(model))


def test_missing_layers_are_refused(tiny_models):
    model = tiny_models["dinov2"]
    layout = model.layout_for(model.input_size, model.input_size)
    with (
        pytest.raises(SslAttnError, match=f"attention of {model.layers + 1} layers"),
        torch.no_grad(),
        attention_probe(model.module, layout, EVERYTHING, layers=model.layers + 1),
    ):
        model.module(noise(model))


def test_nothing_is_kept_that_was_not_asked_for(tiny_models):
    record, _ = probe(tiny_models["vit"], noise(tiny_models["vit"]), Reductions(received=True))
    assert all(layer == LayerRecord(received=layer.received) for layer in record.layers)
