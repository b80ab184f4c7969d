"""The baselines: one registry of maps that know nothing of a model, of the image, or of either. Imports no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

Bound = Literal["lower", "upper"]
Place = Literal["model_free", "own_maps", "variant"]

BASELINE_MODEL = "baseline"
"""Model under which the baselines that need none stand; no checkpoint may bear this name."""

DRAWS = 100
"""Patch-random maps drawn for each image and frame."""

SEED = 0
"""Of everything that baselines draw."""

SIGMA = 0.25
"""Width of the centre Gaussian on each axis, as a share of the image's side."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """One baseline: what map it is, and where its scores stand.

    `model_free` ones are rows of the model `baseline`, one series for each frame; `own_maps` ones rows of the model
    whose maps they are made of, beside them as `<method>.<name>`; a `variant` is one of the model's. A model should
    beat a `lower` bound; an `upper` one says what is left to gain.
    """

    name: str
    label: str
    description: str
    place: Place
    source: str
    bound: Bound = "lower"
    parameters: tuple[tuple[str, float], ...] = ()

    @property
    def needs_model(self) -> bool:
        """Whether it is made of a model's own maps or architecture."""
        return self.place != "model_free"

    @property
    def rows(self) -> str:
        """Where its scores stand, in words."""
        return {
            "model_free": f"model {BASELINE_MODEL}, variant <frame>, method {self.name}",
            "own_maps": f"the model's, method {self.method_of('<method>')}",
            "variant": f"the model's, variant {self.name}",
        }[self.place]

    @property
    def seed(self) -> int:
        """Seed of what it draws; -1 when it draws nothing."""
        return int(dict(self.parameters).get("seed", -1))

    @property
    def parameters_json(self) -> str:
        """All parameters as JSON."""
        return json.dumps(dict(self.parameters), sort_keys=True)

    def method_of(self, method: str) -> str:
        """The method under which its rows stand, for one made of the maps of `method`."""
        return f"{method}.{self.name}"


_BASELINES = (
    Baseline(
        name="uniform",
        label="Uniform",
        description="One value everywhere: scores exactly chance wherever chance is known in closed form",
        place="model_free",
        source="this project",
    ),
    Baseline(
        name="zero",
        label="Zero",
        description="Zero everywhere: it has no score but the mean squared error, which it often wins, and is here to "
        "show that",
        place="model_free",
        source="this project",
    ),
    Baseline(
        name="patch_random",
        label="Patch-random",
        description="Independent uniform values, one a cell of the map's own grid: the mean over 100 maps for each "
        "image. Where chance has no closed form, this is chance",
        place="model_free",
        source="this project",
        parameters=(("draws", DRAWS), ("seed", SEED)),
    ),
    Baseline(
        name="centre_gaussian",
        label="Centre Gaussian",
        description="A Gaussian at the centre of the original image, a quarter of its side wide on each axis: what "
        "aiming the camera well is worth",
        place="model_free",
        source="Judd, Durand and Torralba, A Benchmark of Computational Models of Saliency, MIT-CSAIL-TR-2012-001",
        parameters=(("sigma", SIGMA),),
    ),
    Baseline(
        name="edge",
        label="Edges",
        description="Gradient magnitude of the grey image (Sobel), pooled by area to the cells: what contrast alone is "
        "worth",
        place="model_free",
        source="Sobel and Feldman, An Isotropic 3x3 Image Gradient Operator, 1968; as a baseline Adebayo et al., "
        "Sanity Checks for Saliency Maps, NeurIPS 2018",
    ),
    Baseline(
        name="box_prior",
        label="Box prior",
        description="Where the boxes of the other images lie, on average, images of the same source left out: what "
        "knowing the experts' habits is worth",
        place="model_free",
        source="this project",
    ),
    Baseline(
        name="ceiling",
        label="Ceiling",
        description="The answer itself at the map's own grid: each cell's share in the target for metrics against "
        "boxes, the soft target for metrics against it; against a single box, that box alone. No map has a better "
        "AUROC, NSS, CC, SIM, KL or MSE. Energy and lift can be higher, for a map with all its mass in cells that lie "
        "wholly in the target",
        place="model_free",
        source="this project",
        bound="upper",
    ),
    Baseline(
        name="mean_map",
        label="Mean map",
        description="The mean of the same model's maps of the other images, at the same layer, images of the same "
        "source left out: what does not depend on the image",
        place="own_maps",
        source="this project",
    ),
    Baseline(
        name="other_image",
        label="Map of another image",
        description="The same model's map of another image, of another source, at the same layer: what looking at this "
        "image is worth",
        place="own_maps",
        source="this project",
        parameters=(("seed", SEED),),
    ),
    Baseline(
        name="random_weights",
        label="Random weights",
        description="The same architecture untrained, as the variant random_weights of its model: what training is "
        "worth",
        place="variant",
        source="Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018",
    ),
)

BASELINES: dict[str, Baseline] = {baseline.name: baseline for baseline in _BASELINES}
"""Every baseline by name."""

MODEL_FREE: tuple[str, ...] = tuple(baseline.name for baseline in _BASELINES if baseline.place == "model_free")
"""Those that need no model: one series of rows for each frame."""

OWN_MAPS: tuple[str, ...] = tuple(baseline.name for baseline in _BASELINES if baseline.place == "own_maps")
"""Those made of a series' own maps."""

UNPOINTED = ("uniform", "patch_random")
"""Those without one strongest place: their pointing scores are expectations, so there are no hits to compare."""
