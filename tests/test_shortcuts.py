"""What makes training quicker and changes no result: dropout by bytes, and the embedding rows in use alone."""

import pytest
import torch
from torch import nn

from relseed.training.dropout import ByteDropout, use_byte_dropout
from relseed.training.trimmed_embedding import restore, trim


def test_byte_dropout_zeroes_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    dropped = ByteDropout(0.1).train()(torch.ones(1000, 1001))
    assert (dropped == 0).float().mean() == pytest.approx(26 / 256, abs=1e-3)
    assert dropped.mean() == pytest.approx(1.0, abs=1e-3)


def test_byte_dropout_masks_gradients_as_it_masks_values():
    states = torch.ones(64, requires_grad=True)
    dropped = ByteDropout(0.5).train()(states)
    dropped.sum().backward()
    assert torch.equal(dropped.detach(), states.grad)


def test_byte_dropout_is_the_identity_outside_training():
    states = torch.randn(5)
    assert torch.equal(ByteDropout(0.5).eval()(states), states)


def test_byte_dropout_takes_the_place_of_every_dropout_of_a_model():
    model = nn.Sequential(nn.Dropout(0.1), nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.25)))
    use_byte_dropout(model)
    assert [module.p for module in model.modules() if isinstance(module, ByteDropout)] == [0.1, 0.25]
    assert not any(isinstance(module, nn.Dropout) for module in model.modules())


class TinyEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.words, self.out = nn.Embedding(50, 4), nn.Linear(4, 3)

    def get_input_embeddings(self):
        return self.words

    def set_input_embeddings(self, new):
        self.words = new

    def forward(self, ids):
        return self.out(self.words(ids)).mean(1)


def trained(encoder: TinyEncoder) -> None:
    embedding = encoder.get_input_embeddings().weight
    optimizer = torch.optim.AdamW(
        [{"params": [embedding], "weight_decay": 0.0}, {"params": encoder.out.parameters()}], lr=0.1
    )
    for step in range(5):
        ids = torch.tensor([[3, 7, 7], [40, 3, 11 + step]])
        nn.functional.cross_entropy(encoder(ids), torch.tensor([0, 2])).backward()
        optimizer.step()
        optimizer.zero_grad()


def test_training_the_rows_in_use_gives_the_weights_that_training_all_rows_gives():
    dense, trimmed = TinyEncoder(), TinyEncoder()
    trained(dense)
    whole = trim(trimmed, [3, 7, 40, *range(11, 16)])
    trained(trimmed)
    restore(trimmed, whole)
    assert torch.equal(dense.words.weight, trimmed.words.weight)
    assert torch.equal(dense.out.weight, trimmed.out.weight)


def test_a_token_outside_the_trimmed_vocabulary_is_an_error_not_a_guess():
    encoder = TinyEncoder()
    trim(encoder, [1, 2])
    with pytest.raises(IndexError):
        encoder(torch.tensor([[5]]))


def test_the_trimmed_embedding_lies_where_the_whole_one_does():
    encoder = TinyEncoder().to("meta")
    trim(encoder, [1, 2])
    assert encoder(torch.zeros(2, 5, dtype=torch.int64, device="meta")).device.type == "meta"
