"""What every family promises, on tiny random checkpoints written as the family's real ones are."""

from __future__ import annotations

import json

import pytest
import torch

from ssl_attn.errors import UsageError
from ssl_attn.models.card import ARCHITECTURES, CARDS, FAMILIES
from ssl_attn.models.load import load_checkpoint, load_model, resolve_checkpoint
from ssl_attn.models.quirks import backbone, final_norm, forward_arguments
from ssl_attn.models.spec import ModelSpec
from ssl_attn.models.tiny import INPUT_SIZE, write_tiny_checkpoint

TRANSFORMERS = [name for name, family in FAMILIES.items() if family.readout != "gap"]
# width, height: native, another multiple of the patch, and two that 8 px patches do not divide
INPUTS = [(INPUT_SIZE, INPUT_SIZE), (64, 40), (53, 67), (50, 48)]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    return {family: write_tiny_checkpoint(family, root / family, seed=100) for family in FAMILIES}


def spec_of(family: str, folders) -> ModelSpec:
    card = next(card for card in CARDS.values() if card.family == family)
    return ModelSpec(card.name, path=folders[family], card=card)


@pytest.fixture(scope="module")
def loaded(folders):
    return {family: load_model(spec_of(family, folders)) for family in FAMILIES}


def noise(width: int, height: int, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def tokens_of(model, pixels: torch.Tensor) -> torch.Tensor:
    """Last layer's tokens (B, N, D); cells of the last stage for a convolutional network."""
    with torch.no_grad():
        last = model.module(**forward_arguments(model, pixels), output_hidden_states=True).hidden_states[-1]
    return last.flatten(2).transpose(1, 2) if last.ndim == 4 else last


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
def test_every_card_loads_as_its_family_from_a_checkpoint_of_its_kind(card, folders):
    model = load_model(ModelSpec(card.name, path=folders[card.family], card=card))

    assert model.family is FAMILIES[card.family]
    assert model.label == card.label
    assert type(model.module).__name__ == model.architecture in model.family.architectures
    assert model.preprocessing.input_size == model.input_size == INPUT_SIZE
    assert not model.module.training
    assert not any(parameter.requires_grad for parameter in model.module.parameters())


@pytest.mark.parametrize("size", INPUTS, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_layout_counts_the_tokens_that_run(family, size, loaded):
    model = loaded[family]
    width, height = size
    layout = model.layout_for(width, height)

    tokens = tokens_of(model, noise(width, height))

    assert tokens.shape == (2, layout.tokens, model.width)
    assert torch.isfinite(tokens).all()
    if family in TRANSFORMERS:
        assert (layout.grid_w, layout.grid_h) == (width // 8, height // 8)
        assert (layout.covered_width, layout.covered_height) == (width // 8 * 8, height // 8 * 8)
        assert layout.registers == (4 if family in {"dinov2_with_registers", "dinov3"} else 0)
        assert layout.patch_start == layout.cls + layout.distillation + layout.registers


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_margins_that_no_patch_covers_do_not_matter(family, loaded):
    model = loaded[family]
    pixels, other = noise(50, 53), noise(50, 53)
    other[:, :, :, 48:] = 7.0
    other[:, :, 48:] = -7.0

    torch.testing.assert_close(tokens_of(model, pixels), tokens_of(model, other))


@pytest.mark.parametrize("family", TRANSFORMERS)
def test_a_patch_token_belongs_to_its_place_in_the_grid(family, loaded):
    """The patch whose pixels change most is the one whose token changes most, row by row through the grid."""
    model = loaded[family]
    layout = model.layout_for(INPUT_SIZE, INPUT_SIZE)
    pixels = noise(INPUT_SIZE, INPUT_SIZE, batch=1)
    plain = tokens_of(model, pixels)[0, layout.patch_slice]
    for row, column in [(0, 0), (0, 5), (2, 3), (5, 1)]:
        changed = pixels.clone()
        changed[:, :, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] *= -3
        difference = (tokens_of(model, changed)[0, layout.patch_slice] - plain).norm(dim=-1)
        assert difference.argmax().item() == row * layout.grid_w + column


def test_mae_sees_all_patches_in_the_same_order_every_time(loaded):
    model = loaded["mae"]
    pixels = noise(INPUT_SIZE, INPUT_SIZE)

    with torch.no_grad():
        first = model.module(**forward_arguments(model, pixels))
        second = model.module(**forward_arguments(model, pixels))

    torch.testing.assert_close(first.last_hidden_state, second.last_hidden_state, rtol=0, atol=0)
    assert first.ids_restore.tolist() == [list(range(36))] * 2
    assert not first.mask.any()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_final_normalisation_is_the_one_that_the_model_applies(family, loaded):
    model = loaded[family]
    norm = final_norm(model.module)
    if family == "resnet":
        assert norm is None
        return
    pixels = noise(INPUT_SIZE, INPUT_SIZE)
    with torch.no_grad():
        output = backbone(model.module)(**forward_arguments(model, pixels), output_hidden_states=True)
        normed = norm(output.hidden_states[-1])
    applied = (normed[:, 0], output.pooler_output) if family == "clip" else (normed, output.last_hidden_state)
    torch.testing.assert_close(*applied)


def test_a_convolutional_network_has_a_grid_for_each_stage(loaded):
    model = loaded["resnet"]
    for width, height in [*INPUTS, (224, 224), (97, 33)]:
        with torch.no_grad():
            stages = model.module(noise(width, height), output_hidden_states=True).hidden_states[1:]
        layouts = [model.layout_for(width, height, layer=layer) for layer in range(model.layers)]
        assert [(layout.grid_h, layout.grid_w) for layout in layouts] == [tuple(stage.shape[2:]) for stage in stages]
        assert [layout.patch_size for layout in layouts] == [4, 8, 16, 32]
        assert model.layout_for(width, height) == layouts[-1]


def test_the_first_stage_halves_where_the_configuration_says_so(folders, tmp_path):
    folder = write_tiny_checkpoint("resnet", tmp_path / "resnet")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "downsample_in_first_stage": True}))
    model = load_model(ModelSpec("resnet50", path=folder), variant="random_weights")

    with torch.no_grad():
        stages = model.module(noise(64, 64), output_hidden_states=True).hidden_states[1:]

    assert [model.layout_for(64, 64, layer=layer).grid_w for layer in range(4)] == [stage.shape[-1] for stage in stages]


@pytest.mark.parametrize("family", FAMILIES)
def test_random_weights_are_other_weights_and_the_same_for_the_same_seed(family, folders, loaded):
    def drawn(seed: int):
        return load_model(spec_of(family, folders), variant="random_weights", seed=seed)

    first, again, other = drawn(0), drawn(0), drawn(1)
    trained = dict(loaded[family].module.state_dict())

    for name, tensor in first.module.state_dict().items():
        assert torch.equal(tensor, again.module.state_dict()[name])
    for model in (trained, other.module.state_dict()):
        assert any(not torch.equal(tensor, model[name]) for name, tensor in first.module.state_dict().items())
    assert first.weights_sha256 == again.weights_sha256
    assert len({first.weights_sha256, other.weights_sha256, loaded[family].weights_sha256}) == 3
    assert (first.seed, other.seed, loaded[family].seed) == (0, 1, -1)
    assert first.variant == "random_weights"


def test_drawing_weights_leaves_the_random_numbers_of_the_program_alone(folders):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load_model(spec_of("vit", folders), variant="random_weights")
    assert torch.equal(torch.rand(3), expected)


def test_random_weights_need_no_weight_file(folders, tmp_path):
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folders["dinov2"] / name).read_bytes())

    model = load_model(ModelSpec("mine", path=tmp_path), variant="random_weights")

    assert model.family.name == "dinov2"


@pytest.mark.parametrize("family", FAMILIES)
def test_resolving_reads_the_same_facts_as_loading(family, folders, loaded):
    checkpoint = resolve_checkpoint(spec_of(family, folders))

    assert checkpoint.weights_sha256 == loaded[family].weights_sha256
    assert load_checkpoint(checkpoint).layout_for(64, 64) == checkpoint.layout_for(64, 64)
    assert (checkpoint.layers, checkpoint.heads) == ((4, 0) if family == "resnet" else (3, 4))


def test_attention_is_the_fused_kernel_whatever_the_checkpoint_asks_for(tmp_path):
    folder = write_tiny_checkpoint("vit", tmp_path / "vit")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "attn_implementation": "somebody/kernel"}))

    assert load_model(ModelSpec("mine", path=folder)).module.config._attn_implementation == "sdpa"


def test_half_precision_is_taken_when_asked_for(folders):
    model = load_model(spec_of("clip", folders), dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in model.module.parameters()} == {torch.bfloat16}


def test_an_input_smaller_than_a_patch_is_refused(loaded):
    with pytest.raises(UsageError, match="at least one patch of 8 px"):
        loaded["vit"].layout_for(7, 48)


@pytest.mark.parametrize("family", FAMILIES)
def test_loading_leaves_the_terminal_alone(family, folders, capfd):
    load_model(spec_of(family, folders))
    assert capfd.readouterr() == ("", "")


def test_an_unknown_family_has_no_tiny_checkpoint(tmp_path):
    with pytest.raises(UsageError, match="expected a family out of dinov2_with_registers"):
        write_tiny_checkpoint("alexnet", tmp_path)


def test_every_architecture_of_the_registry_is_known_to_transformers():
    import transformers

    for name in ARCHITECTURES:
        assert issubclass(getattr(transformers, name), torch.nn.Module)
