"""Every method on every family that has it: shapes, masses, and the definition computed another way."""

import pytest
import torch
from torch.testing import assert_close

from ssl_attn.errors import SslAttnError
from ssl_attn.extraction import extract_batch
from ssl_attn.methods import FUSED, METHODS, WHOLE_MODEL, parse_request
from ssl_attn.methods.gradcam import gradcam_maps
from ssl_attn.methods.rollout import rollout_rows
from ssl_attn.models.card import FAMILIES
from ssl_attn.models.quirks import forward_arguments

EVERY = [(family.name, method) for family in FAMILIES.values() for method in family.methods]
TRANSFORMERS = [name for name, family in FAMILIES.items() if family.readout != "gap"]


def noise(model, *, size=None, batch=2):
    side = size or model.input_size
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(3))


def maps_of(model, method, pixels):
    return extract_batch(model, pixels, [parse_request(method)], features=False).maps[parse_request(method)]


def eager_attention(model, pixels):
    model.module.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            return model.module(**forward_arguments(model, pixels), output_attentions=True).attentions
    finally:
        model.module.set_attn_implementation("sdpa")


@pytest.mark.parametrize(("family", "method"), EVERY)
def test_every_layer_and_head_has_a_map_at_its_grid(family, method, tiny_models):
    model = tiny_models[family]
    maps = maps_of(model, method, noise(model))

    heads = (FUSED, *range(model.heads)) if METHODS[method].per_head else (FUSED,)
    assert [m.layer for m in maps] == ([WHOLE_MODEL] if method == "map_pool" else list(range(model.layers)))
    for layer in maps:
        layout = model.layout_for(model.input_size, model.input_size, layer=max(layer.layer, -1))
        assert layer.heads == heads
        assert layer.values.shape == (2, len(heads), layout.grid_h, layout.grid_w)
        assert layer.values.isfinite().all()
        assert (layer.values >= 0).all()
        assert len(layer.targets) == 2


@pytest.mark.parametrize(("family", "method"), [(f, m) for f, m in EVERY if m != "gradcam"])
def test_masses_are_shares_that_sum_to_one(family, method, tiny_models):
    for layer in maps_of(tiny_models[family], method, noise(tiny_models[family])):
        assert_close(layer.masses.sum(-1), torch.ones(layer.masses.shape[:-1]), atol=1e-5, rtol=0)
        if method != "value_norm":
            # The map holds what attention puts on patches: its sum is the patches' mass.
            assert_close(layer.values.sum(dim=(2, 3)), layer.masses[..., 2], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("method", ["cls", "received", "map_pool"])
def test_all_heads_fused_is_their_mean(method, tiny_models):
    family = "siglip" if method == "map_pool" else "dinov3"
    for layer in maps_of(tiny_models[family], method, noise(tiny_models[family])):
        assert_close(layer.values[:, 0], layer.values[:, 1:].mean(dim=1), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_rollout_equals_the_product_of_stored_matrices(family, tiny_models):
    model = tiny_models[family]
    pixels = noise(model)
    layout = model.layout_for(model.input_size, model.input_size)
    product = torch.eye(layout.tokens).expand(2, -1, -1)
    expected = []
    for attention in eager_attention(model, pixels):
        mixed = attention.mean(dim=1) + torch.eye(layout.tokens)
        product = (mixed / mixed.sum(-1, keepdim=True)) @ product
        row = product[:, 0] if layout.cls else product[:, layout.patch_slice].mean(dim=1)
        expected.append(row[:, layout.patch_slice].unflatten(-1, (layout.grid_h, layout.grid_w)))

    for layer, values in zip(maps_of(model, "rollout", pixels), expected, strict=True):
        assert_close(layer.values[:, 0], values, atol=1e-5, rtol=1e-4)


def test_rollout_of_uniform_attention_by_hand():
    # Two tokens, A = 1/2 everywhere: A' = (A + I) / 2 = [[3/4, 1/4], [1/4, 3/4]]; squared: [[5/8, 3/8], [3/8, 5/8]]
    uniform = torch.full((1, 2, 2), 0.5)
    rows = rollout_rows([uniform, uniform], torch.tensor([1.0, 0.0]))
    assert_close(rows, torch.tensor([[[0.75, 0.25], [0.625, 0.375]]]))


def test_pooling_attention_equals_the_softmax_by_hand(tiny_models):
    model = tiny_models["siglip"]
    pixels = noise(model)
    with torch.no_grad():
        tokens = model.module(pixels).last_hidden_state
        head = model.module.head
        width = tokens.shape[-1]
        q_weight, k_weight, _ = head.attention.in_proj_weight.split(width)
        q_bias, k_bias, _ = head.attention.in_proj_bias.split(width)
        query = (head.probe @ q_weight.T + q_bias).view(1, model.heads, -1)
        keys = (tokens @ k_weight.T + k_bias).unflatten(-1, (model.heads, -1))
        logits = torch.einsum("qhd,bnhd->bhn", query, keys) / (width / model.heads) ** 0.5
        expected = logits.softmax(-1)

    (layer,) = maps_of(model, "map_pool", pixels)

    assert_close(layer.values[:, 1:].flatten(2), expected, atol=1e-6, rtol=1e-5)


def test_pooling_attention_leaves_the_embedding_alone(tiny_models):
    model = tiny_models["siglip"]
    pixels = noise(model)
    with torch.no_grad():
        plain = model.module(pixels).pooler_output
    result = extract_batch(model, pixels, [parse_request("map_pool")])
    assert_close(result.image_features, plain, atol=1e-6, rtol=1e-5)
    assert not model.module.head.attention._forward_hooks


def test_mae_maps_are_in_raster_order_and_repeat(tiny_models):
    model = tiny_models["mae"]
    pixels = noise(model, batch=1)
    first, second = (maps_of(model, "cls", pixels)[-1].values for _ in range(2))
    assert_close(first, second, atol=0, rtol=0)


@pytest.mark.parametrize("target", ["predicted", "sum_logits"])
def test_gradcam_equals_captum(target, tiny_models):
    from captum.attr import LayerGradCam

    model = tiny_models["resnet"]
    pixels = noise(model)
    request = parse_request(f"gradcam:target={target}")
    maps = extract_batch(model, pixels, [request], features=False).maps[request]

    def scalar(batch):
        logits = model.module(batch).logits
        return logits.sum(1) if target == "sum_logits" else logits.max(1).values

    stages = model.module.resnet.encoder.stages
    for layer, stage in zip(maps, stages, strict=True):
        expected = LayerGradCam(scalar, stage).attribute(pixels.clone().requires_grad_(), relu_attributions=True)
        assert_close(layer.values, expected.detach(), atol=1e-6, rtol=1e-4)


def test_gradcam_says_what_it_explained(tiny_models):
    model = tiny_models["resnet"]
    pixels = noise(model)
    with torch.no_grad():
        logits = model.module(pixels).logits
    layer = maps_of(model, "gradcam", pixels)[-1]
    labels = [model.config.id2label[int(index)] for index in logits.argmax(1)]
    assert [t.target_id for t in layer.targets] == [f"class:{label}" for label in labels]
    assert [t.text for t in layer.targets] == labels
    assert [t.kind for t in layer.targets] == ["class", "class"]
    assert [t.value for t in layer.targets] == pytest.approx(logits.max(1).values.tolist(), rel=1e-5)


def test_gradcam_of_a_linear_model_by_hand():
    # target = sum over cells of 2 a_0 - a_1, so the mean gradients are 2 and -1, and the map is relu(2 a_0 - a_1)
    stage = torch.tensor([[[[1.0, 0.0]], [[1.0, 3.0]]]], requires_grad=True)
    scalars = 2 * stage[:, 0].sum(dim=(1, 2)) - stage[:, 1].sum(dim=(1, 2))
    (layer,) = gradcam_maps([stage], scalars, ())
    assert_close(layer.values, torch.tensor([[[[1.0, 0.0]]]]))


@pytest.mark.parametrize("family", list(FAMILIES))
def test_one_pass_gives_all_methods_and_features(family, tiny_models):
    model = tiny_models[family]
    pixels = noise(model)
    requests = [parse_request(method) for method in model.family.methods]

    together = extract_batch(model, pixels, requests)

    for request in requests:
        alone = extract_batch(model, pixels, [request], features=False).maps[request]
        for one, other in zip(together.maps[request], alone, strict=True):
            assert_close(one.values, other.values, atol=1e-6, rtol=1e-4)
    layout = together.layout
    assert together.patch_features.shape == (2, layout.patches, model.width)
    assert together.image_features.shape[0] == 2


def test_a_method_that_the_model_lacks_is_refused(tiny_models):
    with pytest.raises(SslAttnError, match="expected methods that siglip has"):
        extract_batch(tiny_models["siglip"], noise(tiny_models["siglip"]), [parse_request("cls")])


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_a_bright_patch_moves_the_map_of_a_model_that_looks_at_it(family, tiny_models):
    """Order of patches: the patch whose features change most is the patch that was changed."""
    model = tiny_models[family]
    layout = model.layout_for(model.input_size, model.input_size)
    pixels = noise(model, batch=1)
    changed = pixels.clone()
    row, column = layout.grid_h - 1, 1
    patch = layout.patch_size
    changed[..., row * patch : (row + 1) * patch, column * patch : (column + 1) * patch] += 20.0
    features = [extract_batch(model, p, []).patch_features[0] for p in (pixels, changed)]
    moved = (features[0] - features[1]).norm(dim=-1)
    assert int(moved.argmax()) == row * layout.grid_w + column
