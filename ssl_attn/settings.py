"""Settings: flags over environment (`SSL_ATTN_*`) over `ssl_attn.toml` in the working folder over these defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["float32", "bfloat16", "float16"]


class Settings(BaseSettings):
    """What a person may set once instead of on every command line."""

    model_config = SettingsConfigDict(env_prefix="SSL_ATTN_", toml_file="ssl_attn.toml", extra="forbid")

    store: Path = Field(Path("warehouse/store"), description="Folder of the warehouse")
    device: Device = Field("auto", description="Where models run; auto takes CUDA, then MPS, then the CPU")
    dtype: Precision = Field("float32", description="Number format of forward passes")
    batch_size: int = Field(16, ge=1, description="Images in one forward pass")
    port: int = Field(8501, ge=1, le=65535, description="Port of the dashboard")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over file; no dotenv, no secrets folder."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)
