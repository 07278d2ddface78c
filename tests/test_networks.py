"""The networks: shapes, sizes, options, and that each can learn."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from soundalike.errors import InvalidArgument
from soundalike.research.networks import NETWORKS, build, normalise, parameter_count

MUSIC = sorted(set(NETWORKS) - {"cifar-cnn"})
SMALL = {
    "cifar-cnn": {"channels": [4, 4], "hidden": [8, 8, 8]},
    "cnn-lstm": {"channels": [4, 4, 4], "hidden": 8},
    "gru": {"hidden": 8},
    "student": {"widths": [8, 8, 8, 16], "blocks": [1, 1, 1, 1], "drop_path": 0.0},
    "lstm": {"hidden": 8},
    "paper-cnn": {"channels": [4, 4, 8, 8, 8], "hidden": [16, 16, 16, 8], "dropout": 0.0},
    "resnet": {"widths": [8, 8, 8, 16], "blocks": [1, 1, 1, 1], "drop_path": 0.0},
    "rnn": {"hidden": 8},
}


def inputs(name: str, n: int = 2) -> torch.Tensor:
    shape = (n, 3, 32, 32) if name == "cifar-cnn" else (n, 128, 128)
    return torch.rand(shape) if name == "cifar-cnn" else 20 * torch.randn(shape) - 40


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_logits_and_embedding_have_their_shapes(name: str) -> None:
    network = build(name, {"n_labels": 4, **SMALL[name]}).eval()
    output = network(inputs(name, 3))
    assert output.logits.shape == (3, 4)
    assert output.embedding.shape[0] == 3
    assert output.embedding.shape[1] <= 256
    head = getattr(
        network, "trunk", network
    ).head  # the logits stand on the embedding and on nothing else
    assert torch.allclose(head(output.embedding), output.logits, atol=1e-6)


# The student is the resnet with more on top of it, and is compared with none of the others.
@pytest.mark.parametrize("name", sorted(set(MUSIC) - {"student"}))
def test_music_networks_have_about_as_many_parameters(name: str) -> None:
    ours = parameter_count(build(name))
    assert abs(ours / parameter_count(build("resnet")) - 1) < 0.1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # tanh(W x + b + V h + c), twice, and a head
        ("rnn", 128 * 8 + 8 * 8 + 16 + 2 * 64 + 16 + 90),
        ("lstm", 4 * (128 * 8 + 8 * 8 + 16 + 2 * 64 + 16) + 90),
        ("gru", 3 * (128 * 8 + 8 * 8 + 16 + 2 * 64 + 16) + 90),
        ("cifar-cnn", 304 + 404 + (100 * 8 + 8) + 2 * 72 + 90),
    ],
)
def test_parameters_are_those_of_the_formula(name: str, expected: int) -> None:
    assert parameter_count(build(name, SMALL[name])) == expected


@pytest.mark.parametrize("name", MUSIC)
def test_loudness_does_not_matter(name: str) -> None:
    torch.manual_seed(0)
    network = build(name, SMALL[name]).eval()
    x = inputs(name)
    with torch.inference_mode():
        assert torch.allclose(network(x).logits, network(x + 12).logits, atol=1e-3)


def test_elman_is_tanh_step_by_step() -> None:
    """The RNN is the recurrence of the textbook, written out."""
    torch.manual_seed(0)
    network = build("rnn", {"hidden": 5, "layers": 1, "pool": "last"}).eval()
    x = inputs("rnn", 1)[:, :, :7]
    weights = network.recurrent[0]
    state = torch.zeros(5)
    for frame in normalise(x)[0].T:
        state = torch.tanh(
            weights.weight_ih_l0 @ frame
            + weights.bias_ih_l0
            + weights.weight_hh_l0 @ state
            + weights.bias_hh_l0
        )
    assert torch.allclose(network(x).embedding[0], state, atol=1e-5)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_each_learns_four_examples_by_heart(name: str) -> None:
    torch.manual_seed(1)
    network = build(name, {"n_labels": 4, **SMALL[name]})
    x, labels = inputs(name, 4), torch.arange(4)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    first = last = 0.0
    for step in range(40):
        loss = F.cross_entropy(network(x).logits, labels)
        first = loss.item() if step == 0 else first
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        last = loss.item()
    assert last < 0.5 * first


def test_an_unknown_network_is_named_with_those_there_are() -> None:
    with pytest.raises(
        InvalidArgument, match="unknown network 'transformer'; available: cifar-cnn, cnn-"
    ):
        build("transformer")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lstm", {"wings": 2}, "network lstm: .*wings"),
        ("gru", {"pool": "max"}, "pool must be one of mean, last, not 'max'"),
        (
            "paper-cnn",
            {"channels": [1, 2]},
            "5 convolutions and 4 hidden linear layers, not 2 and 4",
        ),
        ("paper-cnn", {"n_frames": 31}, "need 32 by 32, not 128 by 31"),
        ("cifar-cnn", {"hidden": [1]}, "2 convolutions and 3 hidden linear layers, not 2 and 1"),
        ("cnn-lstm", {"n_mels": 100}, "multiple of 32 bands, not 3 over 100"),
    ],
)
def test_bad_options_are_named(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        build(name, options)


@pytest.mark.parametrize(
    ("name", "shape"), [("paper-cnn", (1, 128, 38)), ("cifar-cnn", (1, 3, 28, 28))]
)
def test_inputs_of_another_size_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidArgument, match="takes"):
        build(name)(torch.zeros(shape))
