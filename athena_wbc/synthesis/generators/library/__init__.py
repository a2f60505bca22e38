"""The offline generator: moves as key poses and recordings, composed by rules."""

from athena_wbc.synthesis.generators.library.config import LibraryConfig
from athena_wbc.synthesis.generators.library.generator import LibraryGenerator

__all__ = ["LibraryConfig", "LibraryGenerator"]
