"""Names of trained variants: which there are, and what is none."""

from __future__ import annotations

import pytest

from ssl_attn.errors import UsageError
from ssl_attn.models.load import load_model, resolve_checkpoint
from ssl_attn.models.spec import ModelSpec
from ssl_attn.models.variants import TrainedVariant, is_trained, trained_variant


@pytest.mark.parametrize(
    ("text", "strategy", "seed"),
    [("lora.s0", "lora", 0), ("full_fine-tuning.s12", "full_fine-tuning", 12), ("honest.s2", "honest", 2)],
)
def test_a_name_says_strategy_and_seed(text, strategy, seed):
    assert trained_variant(text) == TrainedVariant(strategy, seed)
    assert trained_variant(text).name == text
    assert is_trained(text)


@pytest.mark.parametrize(
    "text", ["", "lora", "lora.0", "lora.s", "lora.s-1", "lora.s01", "Lora.s0", ".s0", "frozen", "frozen.s0",
             "random_weights", "random_weights.s1", "a/b.s0", "lora.s0 "]
)  # fmt: skip
def test_what_is_no_name_of_a_trained_variant(text):
    with pytest.raises(UsageError, match=r"<strategy>\.s<seed>"):
        trained_variant(text)


def test_released_and_random_weights_are_not_trained_further():
    assert not is_trained("frozen")
    assert not is_trained("random_weights")


class TestCheckpoint:
    @pytest.fixture
    def spec(self, tiny_folders):
        return ModelSpec("mine", path=tiny_folders["vit"], variant="lora.s3")

    def test_bears_variant_strategy_and_seed(self, spec):
        checkpoint = resolve_checkpoint(spec)
        assert (checkpoint.variant, checkpoint.strategy, checkpoint.seed) == ("lora.s3", "lora", 3)
        assert checkpoint.drawn_seed == -1
        assert checkpoint.title == "mine (lora.s3)"

    def test_has_the_weights_of_its_files(self, spec, tiny_models):
        found = load_model(spec).module.state_dict()
        wanted = tiny_models["vit"].module.state_dict()
        assert all(found[name].equal(wanted[name]) for name in wanted)

    def test_lends_its_architecture_to_an_untrained_twin(self, spec):
        twin, trained = resolve_checkpoint(spec, variant="random_weights", seed=5), resolve_checkpoint(spec)
        assert (twin.variant, twin.strategy, twin.seed, twin.drawn_seed) == ("random_weights", "", 5, 5)
        assert twin.config_sha256 == trained.config_sha256
        assert twin.weights_sha256 != trained.weights_sha256

    def test_is_not_passed_off_as_another_variant(self, spec):
        with pytest.raises(UsageError, match=r"expected mine:lora\.s3 as lora\.s3 or random_weights, got 'frozen'"):
            resolve_checkpoint(spec, variant="frozen")
