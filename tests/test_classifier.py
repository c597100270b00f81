"""The classifier: an encoder, and a head over its states at the positions that the head reads."""

import pytest
import torch
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, RobertaConfig, RobertaModel

from relseed.classifier.model import Batch, Classifier
from tests.sentences import marker_classifier


def six_inputs(vocabulary: int) -> Batch:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([12, 5, 9, 12, 7, 3])
    ids = torch.randint(5, vocabulary, (6, 12), generator=generator)
    attention = (torch.arange(12) < lengths.unsqueeze(1)).long()
    return Batch(ids, attention, torch.stack([torch.zeros(6, dtype=torch.long), lengths - 1], dim=1))


SMALL = {"vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}


def logits_and_gradients(model: Classifier) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    logits = model.eval()(six_inputs(64))
    logits.square().sum().backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    return logits.detach(), gradients


@pytest.mark.parametrize(
    "build", [lambda: BertModel(BertConfig(**SMALL)), lambda: RobertaModel(RobertaConfig(**SMALL))]
)
def test_the_last_layer_at_the_positions_that_the_head_reads_alone_gives_thelogits_and_gradients_of_the_whole(build):
    torch.manual_seed(1)
    model = marker_classifier(build(), 4)
    assert model.restricted
    logits, gradients = logits_and_gradients(model)
    model.restricted = False
    whole_logits, whole_gradients = logits_and_gradients(model)
    torch.testing.assert_close(logits, whole_logits)
    torch.testing.assert_close(gradients, whole_gradients)


def test_an_encoder_built_otherwise_is_computed_whole():
    config = DistilBertConfig(vocab_size=64, dim=32, n_layers=2, n_heads=2, hidden_dim=48)
    model = marker_classifier(DistilBertModel(config), 4)
    assert not model.restricted
    assert model(six_inputs(64)).shape == (6, 4)


def test_an_encoder_whose_last_layer_is_restricted_keeps_the_names_of_its_weights():
    encoder = BertModel(BertConfig(**SMALL))
    names = set(encoder.state_dict())
    marker_classifier(encoder, 4)
    assert set(encoder.state_dict()) == names
