"""``soundalike completion``: what makes a shell complete commands, options and words of titles."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem, get_completion_class

from soundalike.cli.output import echo
from soundalike.cli.params import ExampleCommand

__all__ = ["SEPARATOR", "complete_track", "completion"]

SEPARATOR = "+"
"""What stands between two tracks, where a command takes several."""

_SHELLS = ("bash", "zsh", "fish")
_PROGRAM = "soundalike"
# As click makes it of the program's name; the scripts set it.
_VARIABLE = "_SOUNDALIKE_COMPLETE"


@click.command(
    cls=ExampleCommand,
    examples=(
        ("soundalike completion bash", 'for ~/.bashrc: eval "$(soundalike completion bash)"'),
        ("soundalike completion zsh", "the same for ~/.zshrc, after compinit"),
        ("soundalike completion fish", "for ~/.config/fish/completions/soundalike.fish"),
    ),
)
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print the script that lets a shell complete commands.

    With it, the Tab key completes commands, options, files, and words from the artists, titles and
    albums in your library.
    """
    found = get_completion_class(shell)
    assert found is not None
    from soundalike.cli.app import cli

    echo(found(cli, {}, _PROGRAM, _VARIABLE).source().rstrip("\n"))


def complete_track(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """A TRACK: words of the library that go with those before, and files.

    A shell takes the files only where there is no such word.
    """
    from soundalike.library.completion import complete_words

    before = [] if param.nargs == 1 else [*(ctx.params.get(param.name or "") or ())]
    if SEPARATOR in before:
        before = before[len(before) - before[::-1].index(SEPARATOR) :]
    found = complete_words(ctx.params.get("library"), before, incomplete)
    return [
        CompletionItem(incomplete, type="file"),
        *(CompletionItem(word) for word in found),
    ]
