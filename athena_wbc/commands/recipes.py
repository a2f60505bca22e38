"""``athena recipes``: which recipes there are, and what one resolves to."""

from __future__ import annotations

import argparse

from athena_wbc.commands.console import print_table
from athena_wbc.config import load_config, recipe_descriptions, to_yaml


def list_recipes(arguments: argparse.Namespace) -> None:
    """Print every recipe with its description."""
    print_table(("recipe", "description"), recipe_descriptions().items(), left=("recipe", "description"))


def show_recipe(arguments: argparse.Namespace) -> None:
    """Print the resolved configuration of a recipe as YAML."""
    print(to_yaml(load_config(arguments.recipe, arguments.overrides)), end="")
