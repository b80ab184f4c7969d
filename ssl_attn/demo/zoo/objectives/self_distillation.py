"""Self-distillation without labels: a student that predicts, from parts of a picture, what its own average says of it.

DINO (Caron et al. 2021) between crops; where asked for, iBOT's prediction of masked patches (Zhou et al. 2022) and the
KoLeo regulariser as in DINOv2 (Oquab et al. 2023), and Gram anchoring as in DINOv3 (Siméoni et al. 2025). The published
model is the teacher's backbone.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn.functional import gelu, linear, mse_loss, normalize
from transformers import AutoConfig, AutoModel

from ssl_attn.demo.zoo.augmentation import random_views
from ssl_attn.demo.zoo.objective import Objective
from ssl_attn.demo.zoo.positions import start_positions
from ssl_attn.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from ssl_attn.demo.zoo.objective import Batch
    from ssl_attn.demo.zoo.recipe import Recipe

Centring = Literal["running", "sinkhorn_knopp"]
T = TypeVar("T")

GLOBAL_CROPS = 2
"""Large crops of each picture, which the teacher sees too."""

STRONG: dict[str, Any] = {"brightness": 0.2, "contrast": 0.4, "colour": 0.4, "grey": 0.2}
"""How much the light and colour of crops vary, as arguments of `random_views`."""

_SINKHORN_ITERATIONS = 3
_SMALLEST = 1e-8


@dataclass(frozen=True, slots=True)
class HeadOptions:
    """Projection head, teacher and temperatures of one self-distillation.

    The head has layers of `hidden` units, a `bottleneck` and so many `prototypes`. The teacher's momentum rises from
    `momentum` to 1 on a cosine, its temperature linearly from the first to the second of `teacher_temperatures` in the
    first `warm_up` share of training. Its outputs are centred by a running mean of `centre_momentum` or by
    Sinkhorn-Knopp.
    """

    hidden: int = 256
    bottleneck: int = 64
    prototypes: int = 1024
    momentum: float = 0.99
    student_temperature: float = 0.1
    teacher_temperatures: tuple[float, float] = (0.04, 0.07)
    warm_up: float = 0.3
    centring: Centring = "sinkhorn_knopp"
    centre_momentum: float = 0.9

    def teacher_momentum(self, progress: float) -> float:
        """Share of the teacher that a step keeps: a cosine from `momentum` to 1 (DINO, section 3.1)."""
        return 1 - (1 - self.momentum) * (1 + math.cos(math.pi * progress)) / 2

    def teacher_temperature(self, progress: float) -> float:
        """The teacher's temperature at a share of training."""
        first, last = self.teacher_temperatures
        return first + (last - first) * min(1.0, progress / self.warm_up if self.warm_up else 1.0)


@dataclass(frozen=True, slots=True)
class Options:
    """What a recipe may choose; sizes are sides in pixels, areas shares of the picture.

    The teacher sees two global crops of the model's own size, the student these and `local_crops` of `local_size`.
    `views` are arguments of `random_views`: light and colour vary strongly, or they alone would tell which crops belong
    together. Until the share `grown_at` of training crops are smaller by `early_scale`, to whole patches. With a
    `patch_weight`, half of the student's global crops have a block of `masked` of their patches replaced by the mask
    token, and what the teacher says of these patches is predicted. `koleo_weight` spreads the CLS tokens out. With a
    `gram_weight`, the similarities between patches are held to those of the teacher as it was at the share `gram_from`
    of training. `embedding_scale` is that of `start_positions`.
    """

    head: HeadOptions = field(default_factory=HeadOptions)
    local_crops: int = 4
    local_size: int = 48
    early_scale: float = 1.0
    grown_at: float = 0.8
    global_area: tuple[float, float] = (0.4, 1.0)
    local_area: tuple[float, float] = (0.1, 0.4)
    views: dict[str, Any] = field(default_factory=lambda: dict(STRONG))
    patch_weight: float = 0.0
    masked: tuple[float, float] = (0.1, 0.5)
    koleo_weight: float = 0.0
    gram_weight: float = 0.0
    embedding_scale: float = 1.0
    gram_from: float = 0.7


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """How the teacher spread the last batch over the K prototypes, in nats; log K is the most.

    `entropy` is the mean entropy of its answers: log K when all say nothing. `marginal_entropy` is that of the mean
    answer: 0 when all say the same. `centre_norm` is the length of the running centre.
    """

    entropy: float
    marginal_entropy: float
    centre_norm: float


class ProjectionHead(nn.Module):
    """A perceptron of three layers, a unit sphere, and cosines with prototypes (DINO, appendix C)."""

    def __init__(self, width: int, options: HeadOptions) -> None:
        super().__init__()
        self.first = nn.Linear(width, options.hidden)
        self.second = nn.Linear(options.hidden, options.hidden)
        self.third = nn.Linear(options.hidden, options.bottleneck)
        self.prototypes = nn.Parameter(torch.randn(options.prototypes, options.bottleneck))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Logits `(..., prototypes)` of tokens `(..., width)`, each from -1 to 1."""
        bottleneck = self.third(gelu(self.second(gelu(self.first(tokens)))))
        # In full precision, since temperatures multiply every rounding. Prototypes of unit length are a weight
        # normalisation whose gains are fixed at 1.
        with torch.autocast(tokens.device.type, enabled=False):
            return linear(normalize(bottleneck.float(), dim=-1), normalize(self.prototypes, dim=-1))


class Targets(nn.Module):
    """Turns a teacher's logits into what the student is to predict, spread over the prototypes."""

    centre: torch.Tensor

    def __init__(self, options: HeadOptions) -> None:
        super().__init__()
        if options.centring not in ("running", "sinkhorn_knopp"):
            message = f"expected a centring out of running, sinkhorn_knopp, got {options.centring!r}"
            raise UsageError(message)
        self.options = options
        self.register_buffer("centre", torch.zeros(options.prototypes))
        self._seen: torch.Tensor | None = None
        self._given: torch.Tensor | None = None

    @torch.no_grad()
    def forward(self, logits: torch.Tensor, progress: float) -> torch.Tensor:
        """Probabilities `(n, prototypes)` of teacher logits of the same shape; rows sum to 1, no gradient."""
        logits = logits.float()
        temperature = self.options.teacher_temperature(progress)
        if self.options.centring == "running":
            self._seen = logits.mean(dim=0)
            given = ((logits - self.centre) / temperature).softmax(dim=-1)
        else:
            given = sinkhorn_knopp(logits, temperature)
        self._given = given
        return given

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the running centre to the mean of the last logits (DINO, equation 4)."""
        if self._seen is not None:
            self.centre.lerp_(self._seen, 1 - self.options.centre_momentum)
            self._seen = None

    def diagnostics(self) -> Diagnostics:
        """How the last targets are spread.

        Raises:
            UsageError: there are none yet.
        """
        if self._given is None:
            message = "expected targets that were given, got none; compute a loss first"
            raise UsageError(message)
        entropy = torch.special.entr(self._given).sum(dim=-1).mean()
        marginal = torch.special.entr(self._given.mean(dim=0)).sum()
        return Diagnostics(float(entropy), float(marginal), float(self.centre.norm()))


class Teacher(nn.Module):
    """A backbone and its head that follow a student; no gradient reaches them, and they are always in evaluation."""

    def __init__(self, backbone: PreTrainedModel, *heads: ProjectionHead) -> None:
        super().__init__()
        self.backbone: PreTrainedModel = copy.deepcopy(backbone)
        self.heads = nn.ModuleList(copy.deepcopy(head) for head in heads)
        self.requires_grad_(requires_grad=False)
        self.eval()

    def train(self, mode: bool = True) -> Teacher:  # noqa: FBT001 (torch's own signature)
        """Stay in evaluation whatever the student does."""
        return super().train(mode=False)

    @torch.no_grad()
    def follow(self, backbone: nn.Module, *heads: nn.Module, momentum: float) -> None:
        """Every weight becomes momentum * its own + (1 - momentum) * the student's (DINO, section 3.1)."""
        students = (weight for module in (backbone, *heads) for weight in module.parameters())
        for weight, students_own in zip(self.parameters(), students, strict=True):
            weight.lerp_(students_own, 1 - momentum)


class SelfDistillation(Objective):
    """A student backbone, its projection heads, and the teacher that follows them."""

    anchored: torch.Tensor

    def __init__(self, model: PreTrainedModel, options: Options) -> None:
        super().__init__()
        self.model = model
        self.options = options
        width = model.config.hidden_size
        self.head = ProjectionHead(width, options.head)
        self.targets = Targets(options.head)
        heads = [self.head]
        if options.patch_weight:
            self.patch_head = ProjectionHead(width, options.head)
            self.patch_targets = Targets(options.head)
            heads.append(self.patch_head)
        self.teacher = Teacher(model, *heads)
        if options.gram_weight:
            self.anchor = Teacher(model)
            self.register_buffer("anchored", torch.tensor(data=False))

    def loss(self, batch: Batch, progress: float, rng: np.random.Generator) -> torch.Tensor:
        """Cross-entropy between crops, and what else the options ask for."""
        options, count = self.options, len(batch.pixels)
        patch = self.model.config.patch_size
        scale = options.early_scale if progress < options.grown_at else 1.0
        side, small_side = (round(size * scale / patch) for size in (self.model.config.image_size, options.local_size))
        wide = crops(batch.pixels, GLOBAL_CROPS, side * patch, rng, {"area": options.global_area, **options.views})
        masks = None
        if options.patch_weight:
            masks = torch.from_numpy(block_masks(len(wide), side, options.masked, rng)).to(wide.device)

        with torch.no_grad():
            seen = self.teacher.backbone(wide)
            taught = self.targets(self.teacher.heads[0](seen.pooler_output), progress)
        student = self.model(wide, bool_masked_pos=masks)
        logits = [self.head(student.pooler_output).unflatten(0, (GLOBAL_CROPS, count))]
        if options.local_crops:
            views = {"area": options.local_area, **options.views}
            narrow = crops(batch.pixels, options.local_crops, small_side * patch, rng, views)
            pooled = self.model(narrow).pooler_output
            logits.append(self.head(pooled).unflatten(0, (options.local_crops, count)))
        loss = cross_view_loss(
            torch.cat(logits),
            taught.unflatten(0, (GLOBAL_CROPS, count)),
            options.head.student_temperature,
            shared=GLOBAL_CROPS,
        )

        first_patch = 1 + self.model.config.num_register_tokens
        if masks is not None:
            with torch.no_grad():
                hidden = self.teacher.heads[1](seen.last_hidden_state[:, first_patch:][masks])
                wanted = self.patch_targets(hidden, progress)
            guessed = self.patch_head(student.last_hidden_state[:, first_patch:][masks])
            temperature = options.head.student_temperature
            loss = loss + options.patch_weight * masked_patch_loss(guessed, wanted, masks, temperature)
        if options.koleo_weight:
            parts = student.pooler_output.unflatten(0, (GLOBAL_CROPS, count))
            spread = torch.stack([koleo_loss(part) for part in parts]).mean()
            loss = loss + options.koleo_weight * spread
        if options.gram_weight and self.anchored:
            with torch.no_grad():
                anchor = self.anchor.backbone(wide).last_hidden_state[:, first_patch:]
            loss = loss + options.gram_weight * gram_loss(student.last_hidden_state[:, first_patch:], anchor)
        return loss

    def after_step(self, progress: float) -> None:
        """Move teacher and centre; keep the teacher as the anchor when it is time."""
        heads = [self.head, self.patch_head] if self.options.patch_weight else [self.head]
        self.teacher.follow(self.model, *heads, momentum=self.options.head.teacher_momentum(progress))
        self.targets.after_step()
        if self.options.patch_weight:
            self.patch_targets.after_step()
        if self.options.gram_weight and not self.anchored and progress >= self.options.gram_from:
            self.anchor.follow(self.teacher.backbone, momentum=0.0)
            self.anchored.fill_(value=True)

    def published(self) -> PreTrainedModel:
        """The teacher's backbone: the student's average over its last steps."""
        return self.teacher.backbone


def build(recipe: Recipe, seed: int) -> SelfDistillation:
    """An untrained student of the recipe's `model_type`, and its teacher."""
    config = AutoConfig.for_model(recipe.model_type, image_size=recipe.input_size, **recipe.config)
    model = AutoModel.from_config(config)
    options = read_options(Options, recipe.options, recipe.name)
    start_positions(model, options.embedding_scale)
    return SelfDistillation(model, options)


def read_options(kind: type[T], given: dict[str, Any], name: str) -> T:
    """Options of a dataclass from a recipe's dictionary; `head` may be a dictionary too.

    Raises:
        UsageError: one is unknown.
    """
    known = [entry.name for entry in fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(given) - set(known))
    if unknown:
        message = f"expected options out of {', '.join(known)}, got {', '.join(unknown)} in {name}"
        raise UsageError(message)
    values = {key: read_options(HeadOptions, value, name) if key == "head" else value for key, value in given.items()}
    return kind(**values)


def crops(pixels: torch.Tensor, count: int, size: int, rng: np.random.Generator, views: dict[str, Any]) -> torch.Tensor:
    """`count` random views `(count * n, 3, size, size)` of each of n pictures, all first views first.

    `views` are further arguments of `random_views`.
    """
    return torch.cat([random_views(pixels, size, rng=rng, **views) for _ in range(count)])


def cross_view_loss(
    logits: torch.Tensor, targets: torch.Tensor, temperature: float, *, shared: int = 0
) -> torch.Tensor:
    """Mean cross-entropy of student views with teacher views of the same pictures (DINO, equation 3).

    `logits` are `(views, n, prototypes)`, the teacher's `targets` `(teacher views, n, prototypes)`. The first `shared`
    views of both are the same, and none is compared with itself.
    """
    scores = (logits.float() / temperature).log_softmax(dim=-1)
    entropies = -(targets.unsqueeze(1) * scores).sum(dim=-1).mean(dim=-1)
    compared = torch.ones_like(entropies)
    compared.diagonal()[:shared] = 0
    return (entropies * compared).sum() / compared.sum()


def masked_patch_loss(
    logits: torch.Tensor, targets: torch.Tensor, masks: torch.Tensor, temperature: float
) -> torch.Tensor:
    """Cross-entropy of masked patches, a mean over those of a picture and then over pictures (iBOT, equation 2).

    `logits` and `targets` `(masked patches, prototypes)` belong to the true places of `masks` `(n, patches)` in order.
    """
    entropies = -(targets * (logits.float() / temperature).log_softmax(dim=-1)).sum(dim=-1)
    counts = masks.sum(dim=1)
    weights = (1 / counts.clamp(min=1)).repeat_interleave(counts)
    return (entropies * weights).sum() / (counts > 0).sum().clamp(min=1)


def sinkhorn_knopp(logits: torch.Tensor, temperature: float, iterations: int = _SINKHORN_ITERATIONS) -> torch.Tensor:
    """Probabilities `(n, prototypes)` whose prototypes are equally frequent, up to what few iterations leave.

    After Caron et al. 2020 (SwAV), algorithm 1: exp(logits / temperature), whose columns and rows are normalised in
    turns, rows last.
    """
    scores = logits.float() / temperature
    plan = (scores - scores.max()).exp()
    for _ in range(iterations):
        plan = plan / plan.sum(dim=0, keepdim=True).clamp(min=_SMALLEST)
        plan = plan / plan.sum(dim=1, keepdim=True).clamp(min=_SMALLEST)
    return plan


def koleo_loss(features: torch.Tensor) -> torch.Tensor:
    """Minus the mean log distance of `features` `(n, width)` on the unit sphere to the nearest other one.

    After Sablayrolles et al. 2019, equation 2.
    """
    points = normalize(features.float(), dim=-1)
    with torch.no_grad():
        cosines = points @ points.T
        nearest = cosines.fill_diagonal_(-1.0).argmax(dim=1)
    distances = (points - points[nearest]).norm(dim=1) + _SMALLEST
    return -torch.log(distances).mean()


def gram_loss(student: torch.Tensor, anchor: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of cosines between patches; both `(n, patches, width)` (DINOv3, equation 2)."""
    student, anchor = (normalize(tokens.float(), dim=-1) for tokens in (student, anchor))
    return mse_loss(student @ student.transpose(1, 2), anchor @ anchor.transpose(1, 2))


def block_masks(count: int, side: int, share: tuple[float, float], rng: np.random.Generator) -> NDArray[np.bool_]:
    """Masks `(count, side * side)`, true where hidden: a rectangle in every other picture, of a random share of it."""
    areas = rng.uniform(*share, count) * side**2
    aspect = np.exp(rng.uniform(math.log(1 / 2), math.log(2), count))
    heights = np.clip(np.rint(np.sqrt(areas * aspect)), 1, side)
    widths = np.clip(np.rint(areas / heights), 1, side)
    tops, lefts = np.floor(rng.random(count) * (side - heights + 1)), np.floor(rng.random(count) * (side - widths + 1))
    places = np.arange(side)
    rows = (places >= tops[:, None]) & (places < (tops + heights)[:, None])
    columns = (places >= lefts[:, None]) & (places < (lefts + widths)[:, None])
    hidden = rows[:, :, None] & columns[:, None, :]
    hidden[rng.permutation(count)[: count // 2]] = False
    masks: NDArray[np.bool_] = hidden.reshape(count, -1)
    return masks
