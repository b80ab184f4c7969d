"""One attention function for every family: the layer's output and, in the same pass, the reductions asked for.

transformers lets a program register its own attention function. Inside `attention_probe` a model computes attention
through ours, which keeps per head the read-out row, the mean received attention and the value-weighted norms, and per
layer the head-mean matrix, and never a tensor of layers x heads x tokens x tokens. Outside it the model is as it was.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface, eager_mask

from ssl_attn.errors import SslAttnError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn
    from transformers import PreTrainedModel

    from ssl_attn.models.layout import TokenLayout

PROBE = "ssl_attn_probe"


@dataclass(frozen=True, slots=True)
class Reductions:
    """Which reductions of the attention matrices a forward pass should keep."""

    row: bool = False
    received: bool = False
    head_mean: bool = False
    value_norm: bool = False

    def __or__(self, other: Reductions) -> Reductions:
        """Everything that either asks for."""
        return Reductions(
            self.row or other.row,
            self.received or other.received,
            self.head_mean or other.head_mean,
            self.value_norm or other.value_norm,
        )


@dataclass(slots=True)
class LayerRecord:
    """What one layer's attention left: B images, H heads, N tokens, float32.

    `row` (B, H, N) is the attention of the read-out row: CLS, or the mean over patch queries where there is no CLS.
    `received` (B, H, N) is the mean over all queries of what each token receives. `head_mean` (B, N, N) is the matrix
    averaged over heads. `value_norm` (B, 1 + H, N) is the norm of what each token adds to the read-out token: all heads
    summed as vectors first, then each head alone.
    """

    row: Tensor | None = None
    received: Tensor | None = None
    head_mean: Tensor | None = None
    value_norm: Tensor | None = None


@dataclass(slots=True)
class AttentionRecord:
    """The layers of one forward pass, in the order in which they ran."""

    layout: TokenLayout
    reductions: Reductions
    output_weights: dict[int, Tensor]
    layers: list[LayerRecord] = field(default_factory=list)


_recording: ContextVar[AttentionRecord | None] = ContextVar("ssl_attn_recording", default=None)


@contextmanager
def attention_probe(
    module: PreTrainedModel, layout: TokenLayout, reductions: Reductions, *, layers: int
) -> Iterator[AttentionRecord]:
    """Record `reductions` of every attention layer in the forward pass made inside the context.

    Raises:
        SslAttnError: the pass did not run exactly `layers` attention layers, or a sequence is not as long as the layout
            says: the maps would be of something else.
    """
    previous = module.config._attn_implementation
    module.set_attn_implementation(PROBE)
    record = AttentionRecord(layout, reductions, _output_weights(module) if reductions.value_norm else {})
    token = _recording.set(record)
    try:
        yield record
    finally:
        _recording.reset(token)
        module.set_attn_implementation(previous)
    if len(record.layers) != layers:
        message = (
            f"expected attention of {layers} layers from {type(module).__name__}, got {len(record.layers)}; "
            "this architecture does not use transformers' attention interface in every layer"
        )
        raise SslAttnError(message)


def probe_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,  # noqa: ANN401 (transformers passes family-specific extras)
) -> tuple[Tensor, None]:
    """Attention of `query`, `key`, `value` (B, H, N, D); returns the output (B, N, H, D) and no weights.

    Heads run one at a time through one (B, N, N) buffer, which costs about what a fused kernel costs and keeps memory
    flat. When nothing but a CLS row is wanted, the output comes from the fused kernel and the row is computed alone.
    """
    record = _recording.get()
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if record is None or not _needs_matrix(record):
        output = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scale
        )
        if record is not None:
            _check_length(record, query)
            record.layers.append(_row_only(module, record, query, key, value, attention_mask, scale))
        return output.transpose(1, 2).contiguous(), None

    _check_length(record, query)
    batch, heads, tokens, _width = query.shape
    wanted = record.reductions
    output = torch.empty_like(query)
    rows = torch.empty(batch, heads, tokens, device=query.device)
    received = torch.empty(batch, heads, tokens, device=query.device)
    head_mean = torch.zeros(batch, tokens, tokens, device=query.device) if wanted.head_mean else None
    for head in range(heads):
        weights = torch.bmm(query[:, head].float() * scale, key[:, head].float().transpose(1, 2))
        if attention_mask is not None:
            weights += attention_mask[:, 0].float()
        torch.softmax(weights, dim=-1, out=weights)
        rows[:, head] = _readout_row(weights, record.layout)
        if wanted.received:
            received[:, head] = weights.mean(dim=1)
        if head_mean is not None:
            head_mean.add_(weights, alpha=1 / heads)
        output[:, head] = torch.bmm(weights.to(value.dtype), value[:, head])
    record.layers.append(
        LayerRecord(
            row=rows if wanted.row else None,
            received=received if wanted.received else None,
            head_mean=head_mean,
            value_norm=_value_norm(record.output_weights[id(module)], rows, value) if wanted.value_norm else None,
        )
    )
    return output.transpose(1, 2).contiguous(), None


AttentionInterface.register(PROBE, probe_attention)
# Without a mask function of its own name transformers would build no padding mask for the probe.
AttentionMaskInterface.register(PROBE, eager_mask)


def _needs_matrix(record: AttentionRecord) -> bool:
    wanted = record.reductions
    row_of_all_queries = (wanted.row or wanted.value_norm) and record.layout.cls == 0
    return wanted.received or wanted.head_mean or row_of_all_queries


def _check_length(record: AttentionRecord, query: Tensor) -> None:
    if query.shape[2] != record.layout.tokens:
        message = (
            f"expected {record.layout.tokens} tokens ({record.layout.patch_start} special and a grid of "
            f"{record.layout.grid_h} x {record.layout.grid_w}), got {query.shape[2]}; "
            "the model was run on another input size, or it dropped patches"
        )
        raise SslAttnError(message)


def _readout_row(weights: Tensor, layout: TokenLayout) -> Tensor:
    return weights[:, 0] if layout.cls else weights[:, layout.patch_slice].mean(dim=1)


def _row_only(
    module: nn.Module,
    record: AttentionRecord,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scale: float,
) -> LayerRecord:
    logits = (query[:, :, :1].float() * scale) @ key.float().transpose(-1, -2)  # (B, H, 1, N)
    if attention_mask is not None:
        logits = logits + attention_mask[:, :, :1].float()
    rows = logits.softmax(dim=-1)[:, :, 0]
    wanted = record.reductions
    return LayerRecord(
        row=rows if wanted.row else None,
        value_norm=_value_norm(record.output_weights[id(module)], rows, value) if wanted.value_norm else None,
    )


def _value_norm(output_weight: Tensor, rows: Tensor, value: Tensor) -> Tensor:
    """Norms (B, 1 + H, N) of row-weighted values after the output projection; Kobayashi et al., EMNLP 2020.

    `output_weight` (D_model, H * D) carries the LayerScale; `rows` (B, H, N); `value` (B, H, N, D). A head alone needs
    only the Gram matrix of its slice of the projection, so that no (B, H, N, D_model) tensor is made.
    """
    batch, heads, tokens, width = value.shape
    value = value.float()
    weighted = (rows[..., None] * value).transpose(1, 2).reshape(batch, tokens, heads * width)
    fused = functional.linear(weighted, output_weight).norm(dim=-1)
    slices = output_weight.view(-1, heads, width)
    gram = torch.einsum("mhd,mhe->hde", slices, slices)
    squared = torch.einsum("bhnd,hde,bhne->bhn", value, gram, value)
    each = rows * squared.clamp_min(0).sqrt()
    return torch.cat([fused[:, None], each], dim=1)


def _output_weights(module: nn.Module) -> dict[int, Tensor]:
    """Output projection of every attention module, times the LayerScale of its block where there is one."""
    weights: dict[int, Tensor] = {}
    for block in module.modules():
        for attention in block.children():
            projection = getattr(attention, "o_proj", None) or getattr(attention, "out_proj", None)
            if projection is None or not hasattr(attention, "q_proj"):
                continue
            weight = projection.weight.detach().float()
            layer_scale = getattr(block, "layer_scale1", None)
            if layer_scale is not None and hasattr(layer_scale, "lambda1"):
                weight = weight * layer_scale.lambda1.detach().float()[:, None]
            weights[id(attention)] = weight
    return weights
