"""The shape of the code: layers that point one way, a lazy API, modules of a readable size."""

from __future__ import annotations

import ast
import graphlib
import importlib.util
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import soundalike

PACKAGE = Path(soundalike.__file__).parent

# Each layer may import those before it. Modules not named here are in the layer of their folder;
# what pulls a model tries it out before it is installed, so that one lies above the analyzer.
LAYERS = [
    ["urls"],
    ["errors", "_version"],
    [
        "arguments",
        "closing",
        "facets",
        "files",
        "locks",
        "pace",
        "partial",
        "plain",
        "playlists",
        "remote",
        "remote_sftp",
        "threads",
        "times",
    ],
    ["audio"],
    ["frontends", "descriptors"],
    ["models", "analysis"],
    ["analyzer"],
    ["models.pull"],
    ["workers"],
    ["similarity", "words"],
    ["library"],
    ["recommend"],
    ["show"],
    ["evaluate", "integrations"],
    ["research"],
    ["server"],
    ["cli", "__main__"],
]
HEAVY = (
    "torch",
    "matplotlib",
    "sqlalchemy",
    "alembic",
    "numpy",
    "onnxruntime",
    "av",
    "jinja2",
    "fastapi",
    "httpx",
    "ray",
    "fsspec",
    "uvicorn",
)

# What a question about tracks that are analysed has no use for. A command may load it where it is
# used; loaded before, each would make all commands wait.
OF_OTHERS = (
    "soundalike.analyzer",
    "soundalike.audio.codepages",
    "soundalike.audio.decoder",
    "soundalike.audio.reader",
    "soundalike.frontends.decoded",
    "soundalike.frontends.spread",
    "soundalike.frontends.streams",
    "soundalike.integrations",
    "soundalike.library.by_words",
    "soundalike.library.database_search",
    "soundalike.library.evidence",
    "soundalike.library.exchange",
    "soundalike.library.forget",
    "soundalike.library.judgements",
    "soundalike.library.link_records",
    "soundalike.library.link_store",
    "soundalike.library.listen_import",
    "soundalike.library.listens",
    "soundalike.library.matching",
    "soundalike.library.playlist_entries",
    "soundalike.library.playlist_records",
    "soundalike.library.scan.folders",
    "soundalike.library.scan.scan",
    "soundalike.library.scan.store",
    "soundalike.library.scan_records",
    "soundalike.library.storage.postgresql",
    "soundalike.library.tag_records",
    "soundalike.library.taste_records",
    "soundalike.library.told",
    "soundalike.library.version_records",
    "soundalike.library.versions",
    "soundalike.library.word_records",
    "soundalike.playlists",
    "soundalike.recommend.playlist",
    "soundalike.recommend.records",
    "soundalike.recommend.taste",
    "soundalike.research",
    "soundalike.server",
    "soundalike.similarity.passages",
    "soundalike.words.query",
    "soundalike.workers",
)
LIBRARY = Path(__file__).parent / "data" / "libraries" / "0008.db"


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@cache
def imports(path: Path) -> tuple[str, ...]:
    """Names of the modules that a file imports, wherever in it that happens."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(found)


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def layer(module: str) -> int:
    """The number of the layer of a module, named from the package on, such as models.pull."""
    names = module.split(".")
    own = next((n for n, parts in enumerate(LAYERS) if ".".join(names[:2]) in parts), None)
    return next(n for n, parts in enumerate(LAYERS) if names[0] in parts) if own is None else own


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_layers_point_one_way(path: Path) -> None:
    relative = path.relative_to(PACKAGE).with_suffix("")
    own = relative.parts[0]
    here = layer(".".join(relative.parts)) if own != "__init__" else 0
    if own == "__init__":
        return  # the lazy public API names everything
    for name in imports(path):
        if name.split(".")[0] != "soundalike" or part_of(name) in ("__init__", "__version__"):
            continue
        part = part_of(name)
        assert layer(name.partition(".")[2]) <= here, (
            f"{relative} imports {name}, which lies above it"
        )
        if own != "cli" and own != "research":
            assert part != "research", f"{relative}: the runtime imports {name}"


def test_no_module_imports_itself_round_a_corner() -> None:
    """Wherever the import stands: in a function or for the type checker alone, it is a circle."""
    names = {
        ".".join(("soundalike", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): path
        for path in modules()
    }
    del names["soundalike"]  # the lazy public API names everything
    graph = {
        name: {found for found in imports(path) if found in names and found != name}
        for name, path in names.items()
    }
    assert sum(map(len, graph.values())) > 400  # it is the package that was looked at
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_research_knows_torch(path: Path) -> None:
    if path.relative_to(PACKAGE).parts[0] == "research":
        return
    roots = {name.split(".")[0] for name in imports(path)}
    if path == PACKAGE / "models" / "onnx_graph.py":
        roots.discard("onnx")  # what the converters write with, in their extras
    assert not roots & {"torch", "librosa", "sklearn", "pandas", "onnx"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_stay_readable(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_is_private_is_used_in_its_own_module(path: Path) -> None:
    """An attribute with an underscore is one that the file itself gives to something."""
    public = {"_asdict", "_replace", "_exit"}  # of named tuples, of os
    public.add("_strip_protocol")  # of fsspec, which has no other way from an address to a name
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    private = {each.attr for each in found if each.attr.startswith("_") and each.attr[1] != "_"}
    owned = {each.attr for each in found if getattr(each.value, "id", "") in ("self", "cls")}
    owned |= {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert not private - owned - public


def test_the_public_api_is_sorted_and_complete() -> None:
    assert soundalike.__all__ == sorted(soundalike.__all__)
    for name in soundalike.__all__:
        assert getattr(soundalike, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        soundalike.nonsense  # noqa: B018


@pytest.mark.parametrize("statement", ["import soundalike", "import soundalike.cli"])
def test_an_import_loads_nothing_heavy(statement: str) -> None:
    code = f"import sys; {statement}; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(HEAVY) & set(loaded)


def loaded_by(*arguments: str) -> set[str]:
    """The modules that the program has loaded when it is done."""
    code = (
        "import sys\n"
        "from soundalike.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "print('MODULES', *sorted(sys.modules))\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    ).stdout
    return set(printed.split("MODULES")[1].split())


def test_help_loads_nothing_heavy() -> None:
    assert not set(HEAVY) & loaded_by("--help")


def test_a_question_loads_what_it_needs(tmp_path: Path) -> None:
    here = shutil.copyfile(LIBRARY, tmp_path / "library.db")
    loaded = loaded_by("similar", "2", "--library", str(here))
    assert {"sqlalchemy", "numpy", "soundalike.library.search"} <= loaded  # it was answered
    assert not (set(HEAVY) - {"sqlalchemy", "numpy"}) & loaded
    assert not set(OF_OTHERS) & loaded


def test_what_a_question_has_no_use_for_is_there() -> None:
    """A module of another name would be loaded unnoticed."""
    for name in OF_OTHERS:
        assert importlib.util.find_spec(name) is not None
