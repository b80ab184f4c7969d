"""A tokenizer of whole words, for a text tower that reads nothing but captions of facades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase, Replace, Sequence
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

if TYPE_CHECKING:
    from collections.abc import Sequence as Words

SPECIAL = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
"""What stands beside the words; their ids are their places here.

The end has the id 3: CLIP's text tower in transformers takes a 2 for a configuration of long ago and would pool the
token of the highest id instead.
"""

IDS = {name.replace("_token", "_token_id"): place for place, name in enumerate(SPECIAL)}
"""The ids of the special tokens, named as in a text tower's configuration."""


def word_tokenizer(words: Words[str], context: int) -> PreTrainedTokenizerFast:
    """A tokenizer of lower-case `words` that knows no others; `context` is the most tokens that a text tower reads.

    A text becomes the start, its words and the end; hyphens part words. With `padding="max_length"` every text has
    `context` tokens, which SigLIP's tower needs since it pools the last one. There is no attention mask: CLIP's tower
    is causal, so that nothing before the end sees the padding, and SigLIP's is trained to see it.
    """
    vocabulary = {word: place for place, word in enumerate((*SPECIAL.values(), *words))}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=SPECIAL["unk_token"]))
    tokenizer.normalizer = Sequence([Lowercase(), Replace("-", " ")])
    tokenizer.pre_tokenizer = Whitespace()
    start, end = SPECIAL["bos_token"], SPECIAL["eos_token"]
    tokenizer.post_processor = TemplateProcessing(
        single=f"{start} $A {end}", special_tokens=[(token, vocabulary[token]) for token in (start, end)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=context,
        model_input_names=["input_ids"],
        **SPECIAL,
    )
