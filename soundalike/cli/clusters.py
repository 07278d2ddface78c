"""``soundalike clusters``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from soundalike.cli.map import again_option, groups_option, mapped
from soundalike.cli.output import bold, dim, echo, one_line, print_fields, print_json
from soundalike.cli.params import ExampleCommand, json_option, library_option, model_option
from soundalike.show.amounts import show_count

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundalike.recommend.clusters import Group

__all__ = ["clusters"]


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike clusters", "the groups that your library falls into"),
        ("soundalike clusters --groups 5", "five large ones"),
        ("soundalike clusters --json", "the same for programs"),
    ),
)
@groups_option
@again_option
@model_option
@library_option
@json_option
def clusters(
    n_groups: int | None, again: bool, model: str | None, library: str | None, as_json: bool
) -> None:
    """Show the groups that the library falls into.

    A group is named by the words or genres that it has more of than the rest of the library, and
    shown with its most typical tracks. A track that has as much to do with other groups as with its
    own belongs clearly to none.

    The groups are those of `soundalike map`, and stay as they are when tracks are added, until
    --again.
    """
    from soundalike.show.map_data import clusters_document
    from soundalike.show.map_words import new_words, unclear_words

    _, found, groups = mapped(library, model, n_groups=n_groups, again=again)
    if as_json:
        print_json(clusters_document(found, groups))
        return
    of_all = f"{show_count(len(groups), 'group')} of {show_count(len(found), 'track')}"
    echo(bold(f"{of_all}; {unclear_words(found)}"))
    if new := new_words(found):
        echo(f"{new}.")
    _print(groups)


def _print(groups: Sequence[Group]) -> None:
    from soundalike.show.map_words import group_facts

    for group in groups:
        echo()
        heading = one_line(f"{group.number} {group.name}")
        echo(bold(heading), dim(f"  {show_count(group.size, 'track')}"))
        print_fields(group_facts(group))
