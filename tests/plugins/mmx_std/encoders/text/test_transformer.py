from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_model, save_model
from transformers import AutoModel, BertConfig, PreTrainedTokenizerFast

from mmx.errors import AssetError, ConfigError
from mmx.interfaces import Encoder
from mmx_std.encoders.text.bag import TextBag
from mmx_std.encoders.text.tokenizers import CLS, PAD, SEP
from mmx_std.encoders.text.transformer import PretrainedText, TextTransformer, quick_gelu, segments
from tests.plugins.mmx_std.encoders.text.test_tokenizers import Captions
from tests.plugins.mmx_std.padding import assert_padding_ignored

RAWS = ["a red cube falls over the blue floor", "one ball", ""]


def transformer(**options: object) -> TextTransformer:
    torch.manual_seed(0)
    sizes = {"width": 16, "depth": 2, "heads": 2, "vocabulary": 300, "tokens": 24}
    return TextTransformer(Captions(), **{**sizes, **options}).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize("pooling", ["sum", "mean", "normalised"])
def test_a_bag_is_the_formula(pooling: str) -> None:
    encoder = TextBag(Captions(), width=4, pooling=pooling, vocabulary=50)  # type: ignore[arg-type]
    assert isinstance(encoder, Encoder)
    ids = encoder.prepare("a red red cube")
    table = encoder.table.weight.tolist()
    total = [sum(table[i][d] for i in ids.tolist()) for d in range(4)]
    length = math.sqrt(sum(value**2 for value in total))
    scale = {"sum": 1, "mean": 4, "normalised": length}[pooling]
    assert len(ids) == 4
    torch.testing.assert_close(encoder(ids[None]).pooled_BD[0], torch.tensor([value / scale for value in total]))
    torch.testing.assert_close(encoder(ids.flip(0)[None]).pooled_BD, encoder(ids[None]).pooled_BD)


@pytest.mark.parametrize("pooling", ["sum", "mean", "normalised"])
def test_a_bag_ignores_padding_and_an_empty_text_is_zeros(pooling: str) -> None:
    encoder = TextBag(Captions(), width=4, pooling=pooling, vocabulary=50)  # type: ignore[arg-type]
    assert_padding_ignored(encoder, RAWS[:2])
    assert encoder.prepare("").tolist() == [PAD]
    assert encoder(encoder.prepare("")[None]).pooled_BD.tolist() == [[0, 0, 0, 0]]


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_what_is_attended_to_is_the_sum_of_the_softmaxes(norm: str) -> None:
    """One head, two blocks: softmax(q k / sqrt(d)) of each real query over real keys, summed."""
    encoder = transformer(norm=norm, heads=1).train()
    ids = [encoder.prepare(raw) for raw in RAWS[:2]]
    x_BT = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
    real_BT = x_BT != PAD
    found_BT = encoder.attended(x_BT, real_BT)
    assert encoder.training and found_BT.shape == x_BT.shape
    for row, ids_T in enumerate(ids):
        hidden_TD = encoder.entry(encoder._embedded(ids_T[None]))
        total_T = torch.zeros(len(ids_T))
        for block in encoder.blocks:
            read_TD = (block.norm1(hidden_TD) if norm == "pre" else hidden_TD)[0]  # type: ignore[operator]
            part = block.self_attn
            q, k, _ = (read_TD @ part.in_proj_weight.T + part.in_proj_bias).split(16, 1)  # type: ignore[union-attr, operator]
            total_T = total_T + (q @ k.T / 4).softmax(1).sum(0)
            hidden_TD = block(hidden_TD)
        torch.testing.assert_close(found_BT[row, : len(ids_T)], total_T.detach(), rtol=1e-4, atol=1e-4)
    assert float(found_BT[1, len(ids[1]) :].abs().sum()) == 0


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("activation", ["gelu", "quick-gelu"])
@pytest.mark.parametrize(
    ("causal", "pooling"), [(False, "cls"), (False, "mean"), (True, "eot"), (True, "mean"), (False, "pooler")]
)
def test_a_transformer_ignores_padding(norm: str, activation: str, causal: bool, pooling: str) -> None:
    encoder = transformer(norm=norm, activation=activation, causal=causal, pooling=pooling)
    assert isinstance(encoder, Encoder)
    assert_padding_ignored(encoder, RAWS)


@pytest.mark.parametrize("norm", ["pre", "post"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("activation", ["gelu", "quick-gelu"])
def test_a_block_is_the_formula(norm: str, causal: bool, activation: str) -> None:
    encoder = transformer(norm=norm, causal=causal, activation=activation, depth=1, pooling="mean").double()
    ids = encoder.prepare(("red cube", "a ball"))
    hidden = encoder.token.weight[ids] + encoder.position.weight[: len(ids)]
    hidden = hidden + encoder.segment.weight[segments(ids[None])[0]]
    block = encoder.blocks[0]

    def attention(x: torch.Tensor) -> torch.Tensor:
        qkv = x @ block.self_attn.in_proj_weight.T + block.self_attn.in_proj_bias
        query, key, value = qkv.split(16, -1)
        heads = []
        for head in range(2):
            part = slice(8 * head, 8 * head + 8)
            scores = query[:, part] @ key[:, part].T / math.sqrt(8)
            for i in range(len(x)):
                for j in range(len(x)):
                    if causal and j > i:
                        scores[i, j] = -torch.inf
            heads.append(scores.softmax(-1) @ value[:, part])
        return torch.cat(heads, -1) @ block.self_attn.out_proj.weight.T + block.self_attn.out_proj.bias

    def forward(x: torch.Tensor) -> torch.Tensor:
        inner = x @ block.linear1.weight.T + block.linear1.bias
        sigmoid = 1 / (1 + (-1.702 * inner).exp())
        inner = inner * sigmoid if activation == "quick-gelu" else inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
        return inner @ block.linear2.weight.T + block.linear2.bias

    if norm == "pre":
        hidden = hidden + attention(block.norm1(hidden))
        expected = encoder.exit(hidden + forward(block.norm2(hidden)))
    else:
        hidden = block.norm1(encoder.entry(hidden) + attention(encoder.entry(hidden)))
        expected = block.norm2(hidden + forward(hidden))
    torch.testing.assert_close(encoder(ids[None]).tokens_BTD[0], expected)


@pytest.mark.parametrize("positions", ["sinusoid", "none"])
def test_the_arrangement_of_the_transformer_paper(positions: str) -> None:
    """Embeddings times sqrt(d) plus waves, no norm before the blocks, LN(x + Sub(x)), ReLU, and no segments."""
    encoder = transformer(
        norm="post", entry_norm=False, positions=positions, segments=False, scaled=True, activation="relu",
        hidden=20, depth=1, pooling="mean",
    )  # fmt: skip
    assert {name.partition(".")[0] for name, _ in encoder.named_parameters()} == {"token", "blocks"}
    ids = encoder.prepare("red cube falls")
    x = encoder.token.weight[ids] * 4
    if positions == "sinusoid":
        waves = [
            [(math.cos if i % 2 else math.sin)(p / 10000 ** ((i - i % 2) / 16)) for i in range(16)]
            for p in range(len(ids))
        ]
        x = x + torch.tensor(waves)
    block = encoder.blocks[0]
    x = block.norm1(x + block.self_attn(x[None], x[None], x[None])[0][0])
    assert block.linear1.out_features == 20
    inner = (x @ block.linear1.weight.T + block.linear1.bias).relu() @ block.linear2.weight.T + block.linear2.bias
    torch.testing.assert_close(encoder(ids[None]).tokens_BTD[0], block.norm2(x + inner), rtol=1e-4, atol=1e-5)
    assert float(encoder.token.weight.std()) == pytest.approx(16**-0.5, rel=0.05)


def test_the_pooler_is_a_dense_layer_and_tanh_of_the_first_token() -> None:
    encoder = transformer(pooling="pooler")
    features = encoder(encoder.prepare("red cube")[None])
    assert encoder.pooler is not None
    x = features.tokens_BTD[0, 0]
    torch.testing.assert_close(features.pooled_BD[0], (encoder.pooler.weight @ x + encoder.pooler.bias).tanh())


def test_weights_start_from_a_cut_normal_and_biases_at_zero() -> None:
    for name, parameter in transformer(initial=0.1, pooling="pooler", norm="post").named_parameters():
        if parameter.dim() >= 2:
            assert float(parameter.abs().max()) <= 0.2, name
            if parameter.numel() > 500:
                assert float(parameter.std()) == pytest.approx(0.088, rel=0.1), name  # 0.88 of it is left by the cut
        else:
            assert (parameter == (0 if name.endswith("bias") else 1)).all(), name


def test_dropout_reaches_the_embeddings() -> None:
    encoder = transformer(dropout=0.5, depth=1).train()
    with torch.no_grad():
        for block in encoder.blocks:
            block.linear2.weight.zero_(), block.linear2.bias.zero_()
            block.self_attn.out_proj.weight.zero_(), block.self_attn.out_proj.bias.zero_()
    encoder.exit = torch.nn.Identity()
    share = float((encoder(encoder.prepare("red cube " * 8)[None]).tokens_BTD == 0).float().mean())
    assert share == pytest.approx(0.5, abs=0.12)


def test_a_causal_token_does_not_see_what_follows() -> None:
    encoder = transformer(causal=True, pooling="eot")
    first, second = encoder.prepare("red cube falls"), encoder.prepare("red cube falls")
    second[-2] = CLS
    one, two = encoder(first[None]).tokens_BTD[0], encoder(second[None]).tokens_BTD[0]
    torch.testing.assert_close(one[:-2], two[:-2])
    assert not torch.allclose(one[-2:], two[-2:])


@pytest.mark.parametrize("pooling", ["cls", "eot", "mean"])
def test_pooling_takes_the_place_it_names(pooling: str) -> None:
    encoder = transformer(pooling=pooling)
    ids = [encoder.prepare(text) for text in ("red cube falls over", "ball")]
    x = torch.zeros(2, len(ids[0]), dtype=torch.int64)
    mask = torch.zeros(2, len(ids[0]), dtype=torch.bool)
    for row, value in enumerate(ids):
        x[row, : len(value)], mask[row, : len(value)] = value, True
    features = encoder(x, mask)
    for row, value in enumerate(ids):
        tokens = features.tokens_BTD[row, : len(value)]
        expected = {"cls": tokens[0], "eot": tokens[-1], "mean": tokens.mean(0)}[pooling]
        torch.testing.assert_close(features.pooled_BD[row], expected)


def test_segments_change_after_the_first_separator() -> None:
    assert segments(torch.tensor([[CLS, 9, SEP, 8, 7, SEP]])).tolist() == [[0, 0, 0, 1, 1, 1]]


def test_quick_gelu_is_its_formula() -> None:
    for value in (-2.0, -0.1, 0.0, 0.7, 3.0):
        assert float(quick_gelu(torch.tensor(value))) == pytest.approx(value / (1 + math.exp(-1.702 * value)), abs=1e-6)


def test_long_texts_are_cut_and_keep_their_end() -> None:
    encoder = transformer(tokens=6)
    ids = encoder.prepare("red cube " * 40)
    assert len(ids) == 6
    assert int(ids[-1]) == SEP
    assert encoder(ids[None]).tokens_BTD.shape == (1, 6, 16)


def test_a_restored_encoder_gives_the_same_features(tmp_path: Path) -> None:
    trained = transformer()
    save_model(trained, str(tmp_path / "model.safetensors"))
    sizes = {"width": 16, "depth": 2, "heads": 2, "vocabulary": 300, "tokens": 24}
    restored = TextTransformer(None, **sizes).eval()  # type: ignore[arg-type]
    load_model(restored, str(tmp_path / "model.safetensors"))
    ids = restored.prepare(RAWS[0])
    assert torch.equal(ids, trained.prepare(RAWS[0]))
    torch.testing.assert_close(restored(ids[None]).pooled_BD, trained(ids[None]).pooled_BD)


def test_sizes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="does not divide"):
        transformer(heads=3)
    with pytest.raises(ConfigError, match="attends to nothing else"):
        transformer(causal=True)


@pytest.mark.parametrize("model", ["bert", "distilbert-base-uncased", "roberta", "org/gpt2-thing", "t5", "clip"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_a_tiny_model_of_any_class_ignores_padding(model: str, pooling: str) -> None:
    torch.manual_seed(0)
    encoder = PretrainedText(Captions(), model, tiny=True, pooling=pooling, tokens=24)  # type: ignore[arg-type]
    assert isinstance(encoder, Encoder)
    assert encoder.out_dim == 32
    assert_padding_ignored(encoder, RAWS, tolerance=1e-4)


def test_an_unknown_class_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean"):
        PretrainedText(Captions(), "brt", tiny=True)


def test_a_local_folder_is_loaded_with_its_own_tokenizer(tmp_path: Path) -> None:
    words = transformer().tokenizer
    PreTrainedTokenizerFast(tokenizer_object=words._tokenizer, pad_token="[PAD]").save_pretrained(tmp_path)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = AutoModel.from_config(BertConfig(vocab_size=300, **sizes)).eval()
    model.save_pretrained(tmp_path)
    encoder = PretrainedText(None, str(tmp_path), tokens=16).eval()
    ids = encoder.prepare("a red cube")
    assert torch.equal(ids, words.encode("a red cube"))
    with torch.no_grad():
        expected = model(input_ids=ids[None]).last_hidden_state
        features = encoder(ids[None])
    torch.testing.assert_close(features.tokens_BTD, expected)
    torch.testing.assert_close(features.pooled_BD, expected[:, 0])


def test_a_model_that_is_not_here_is_one_clear_line() -> None:
    with pytest.raises(AssetError, match=r"'no-such/model' is neither .* tiny=true") as caught:
        PretrainedText(None, "no-such/model")
    assert "\n" not in str(caught.value)


def test_without_blocks_tokens_are_their_embeddings() -> None:
    encoder = transformer(depth=0, norm="post", entry_norm=False)
    ids = encoder.prepare(("a red cube", "one ball"))
    place, kinds = encoder.position.weight[: len(ids)], segments(ids[None])[0]
    expected = encoder.token.weight[ids] + place + encoder.segment.weight[kinds]
    torch.testing.assert_close(encoder(ids[None]).tokens_BTD[0], expected)
