"""How the RecBole bridge builds a model: names, parameters, seeds, and what it leaves untouched."""

import importlib
import os
import random
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from recbole_samples import interactions

from recval.backbones.recbole import build, catalogue, default_parameters, models
from recval.errors import ConfigError, DataError, ModelError


@pytest.fixture
def debugging():
    """Restores torch's search for NaN, which importing RecBole's sequential models turns on."""
    before = torch.is_anomaly_enabled()
    yield
    torch.autograd.set_detect_anomaly(before)


@pytest.mark.usefixtures("debugging")
@pytest.mark.parametrize(("family", "package"), catalogue.FAMILIES.items())
def test_the_models_are_those_that_recbole_exports(family, package):
    from recbole.model.abstract_recommender import AbstractRecommender

    module = importlib.import_module(f"recbole.model.{package}")
    exported = {
        key
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, AbstractRecommender) and value is not AbstractRecommender
    }
    assert models(family) == sorted(exported)
    assert {catalogue.family_of(catalogue.class_of(name)) for name in models(family)} == {family}


def test_there_are_92_models():
    assert len(models()) == sum(len(models(family)) for family in catalogue.FAMILIES) == 92


def test_defaults_are_recboles_with_numbers_as_numbers():
    assert default_parameters("BPR") == {"embedding_size": 64}
    assert default_parameters("NGCF")["reg_weight"] == 1e-5
    assert default_parameters("FISM")["reg_weights"] == [1e-2, 1e-2]
    assert default_parameters("DMF")["inter_matrix_type"] == "01"
    assert default_parameters("LightGCN") == {
        "require_pow": False,
        "embedding_size": 64,
        "n_layers": 2,
        "reg_weight": 1e-5,
    }
    assert default_parameters("Random") == {}
    assert default_parameters("STAMP") == {"embedding_size": 64, "loss_type": "CE", "MAX_ITEM_LIST_LENGTH": 50}
    assert default_parameters("LR") == {"embedding_size": 10, "features": []}


def test_defaults_belong_to_the_caller():
    default_parameters("NGCF")["hidden_size_list"].append(1)
    assert default_parameters("NGCF")["hidden_size_list"] == [64, 64, 64]


def test_parameters_reach_the_model():
    model = build(
        "NGCF", interactions(), {"embedding_size": 5, "hidden_size_list": (4, np.int64(3)), "reg_weight": 1}
    ).model
    assert model.user_embedding.weight.shape == (8, 5)
    assert model.item_embedding.weight.shape == (12, 5)
    assert model.hidden_size_list == [5, 4, 3]
    assert build("SimpleX", interactions(), {"negative_weight": 0.5}).model.negative_weight == 0.5


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("LightGCN", {"n_layer": 2}, r"unknown parameter of RecBole's LightGCN 'n_layer', did you mean 'n_layers'\?"),
        ("BPR", {"require_pow": True}, r"unknown parameter .*'require_pow' .*\(allowed: embedding_size\)"),
        ("BPR", {"embedding_size": 64.0}, "'embedding_size' of RecBole's BPR must be an integer .* got 64.0"),
        ("BPR", {"embedding_size": True}, "must be an integer"),
        ("LightGCN", {"reg_weight": "1e-5"}, "must be a number .* got '1e-5' of type str"),
        ("LightGCN", {"require_pow": 1}, "must be true or false"),
        ("NGCF", {"hidden_size_list": 64}, "must be a list"),
        ("NGCF", {"hidden_size_list": [64, "64"]}, "must be a list"),
        ("ItemKNN", {"knn_method": 3}, "must be a string"),
        ("NeuMF", {"mf_pretrain_path": 3}, "must be a path or null"),
    ],
)
def test_a_wrong_parameter_is_named(name, parameters, message):
    with pytest.raises(ConfigError, match=message) as error:
        build(name, interactions(), parameters)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("LightGNC", {}, r"unknown RecBole model 'LightGNC', did you mean 'LightGCN'\?"),
        ("KGAT", {}, "RecBole's KGAT needs the package dgl, which the bridge does not provide"),
        ("KSR", {}, "RecBole's KSR needs embeddings of entities that were trained elsewhere"),
        ("NNCF", {"neigh_info_method": "louvain"}, "RecBole's NNCF needs the module '(networkx|community)'"),
        ("DMF", {"inter_matrix_type": "rating"}, r"RecBole cannot build DMF with .*Value_field \[rating\]"),
        ("BPR", {"embedding_size": -3}, "RecBole cannot build BPR with {'embedding_size': -3}"),
    ],
)
def test_a_model_that_cannot_be_built_says_why(name, parameters, message):
    with pytest.raises(ModelError, match=message) as error:
        build(name, interactions(), parameters)
    assert "\n" not in str(error.value)


def test_no_file_of_the_working_directory_is_picked_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dataset").mkdir()
    np.save(tmp_path / "dataset" / "item_emb.npy", np.zeros((11, 64)))
    with pytest.raises(ModelError, match=r"cannot build LDiffRec .* '/dev/null/item_emb\.npy'"):
        build("LDiffRec", interactions(), {"n_cate": 2})


def test_without_recbole_the_command_to_install_it_is_named(monkeypatch):
    monkeypatch.setattr(catalogue, "find_spec", lambda name: None)
    for call in (models, lambda: default_parameters("BPR"), lambda: build("BPR", interactions())):
        with pytest.raises(ModelError, match=r"pip install --no-deps recbole==1\.2\.1"):
            call()


def test_no_interactions_are_refused():
    with pytest.raises(DataError, match="needs interactions"):
        build("LightGCN", interactions(n=0))


@pytest.mark.parametrize("name", ["BPR", "NeuMF", "LightGCN", "NGCF", "NNCF", "SimpleX", "NCEPLRec"])
def test_the_seed_alone_decides_the_weights(name):
    parameters = {"rank": 3} if name == "NCEPLRec" else None
    built = []
    for noise in (0, 1):
        torch.manual_seed(noise)
        np.random.seed(noise)
        random.seed(noise)
        before = generators()
        built.append(build(name, interactions(), parameters, seed=2**62 + 1).eval())
        assert generators() == before
    first, second = (backbone.state_dict().values() for backbone in built)
    assert all(map(torch.equal, first, second))
    assert torch.equal(*(backbone.score(torch.arange(7)) for backbone in built))


def generators():
    """The states of all global generators, comparable."""
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


def test_another_seed_gives_other_weights():
    first, second = (build("BPR", interactions(), seed=seed).state_dict() for seed in (1, 2))
    assert not torch.equal(first["model.user_embedding.weight"], second["model.user_embedding.weight"])


def run(program, folder, *arguments):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("CUDA_VISIBLE_DEVICES", None)
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_building_and_training_leave_no_trace(tmp_path):
    program = """
        import logging, os, sys, threading
        import numpy as np, pyarrow as pa, scipy.sparse, torch, yaml
        from recval.backbones import Batch
        from recval.backbones.recbole import build
        from recval.data import Interactions, Vocabulary

        before = [dict(vars(module)) for module in (np, scipy.sparse, torch, yaml)]
        resolvers = dict(yaml.SafeLoader.yaml_implicit_resolvers), dict(yaml.FullLoader.yaml_implicit_resolvers)
        ids = Vocabulary(pa.array(range(4)))
        data = Interactions(pa.table({"user": [0, 1, 2, 3, 0], "item": [0, 1, 2, 3, 1]}), ids, ids)
        batch = Batch(torch.arange(5), *(torch.tensor(codes) for codes in (data.user, data.item, [3, 2, 1, 0, 2])))
        for name in ("BPR", "NeuMF", "LightGCN", "NGCF", "FISM"):
            backbone = build(name, data)
            backbone.loss_per_sample(batch).mean().backward()
            backbone.eval().score(torch.arange(4))
        assert build("BPR", data).model.embedding_size == 64
        build("SINE", Interactions(data.table.append_column("time", [[0.0, 1.0, 2.0, 3.0, 4.0]]), ids, ids))

        assert not torch.is_anomaly_enabled()
        for module, names in zip((np, scipy.sparse, torch, yaml), before):
            assert all(vars(module)[key] is value for key, value in names.items()), module
        assert not hasattr(np, "float_")
        assert not hasattr(scipy.sparse.dok_matrix, "_update")
        assert resolvers == (yaml.SafeLoader.yaml_implicit_resolvers, yaml.FullLoader.yaml_implicit_resolvers)
        assert threading.active_count() == 1
        assert logging.getLogger().handlers == logging.getLogger().filters == []
        assert not {"ray", "recbole.quick_start", "recbole.trainer", "recbole.config"} & set(sys.modules)
        assert "CUDA_VISIBLE_DEVICES" not in os.environ
    """
    done = run(program, tmp_path, "--seed=7", "--embedding_size=3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_recbole_is_not_imported_before_a_model_is_built(tmp_path):
    program = """
        import sys
        import recval.backbones.recbole
        assert "SGL" in recval.backbones.recbole.models()
        assert recval.backbones.recbole.default_parameters("SGL")
        assert not {name for name in sys.modules if name.startswith("recbole.")}, "imported"
    """
    assert run(program, tmp_path).returncode == 0
