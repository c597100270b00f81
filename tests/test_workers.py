"""Work that several processes share: what they find is what one finds, on this machine and on a Ray cluster."""

import os
import socket
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec

import psutil
import pytest

from relseed.criteria import cache, grammar
from relseed.criteria.criterion import Score, Scoring
from relseed.pipeline import workers
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.pipeline.workers import Workers, mapped
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema
from tests.graph import PARAMS, ROOT
from tests.workers import TOKEN, doubling, nodes

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="needs Ray: pip install 'relseed[ray]'")
ALONE, TWO = Workers(count=1, address=None), Workers(count=2, address=None)
GAZETTE = ROOT / "data/gazette"


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(ROOT)
    for name, value in TOKEN.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Workers]:
    """Two workers of a Ray cluster of two nodes."""
    with nodes(2) as address:
        yield Workers(count=2, address=address)


@pytest.fixture
def doubled(tmp_path):
    """Numbers doubled by workers, each of which has a part: with the processes of the worker and its parent."""

    def doubled(several: Workers, *numbers: int, most: int = 100) -> Iterator[tuple[int, int, int]]:
        count = min(several.count, len(numbers))
        return mapped(partial(doubling, tmp_path, count, most), numbers, several, threads=1)

    return doubled


@pytest.mark.parametrize(("count", "numbers"), [(1, (1, 2, 3)), (2, (1,)), (2, ())])
def test_one_worker_or_one_chunk_of_work_is_for_this_process_and_needs_no_ray(monkeypatch, doubled, count, numbers):
    monkeypatch.setitem(sys.modules, "ray", None)
    found = doubled(Workers(count=count, address="nowhere:1"), *numbers)
    assert list(found) == [(2 * number, os.getpid(), os.getppid()) for number in numbers]


def test_several_workers_without_ray_are_an_error_with_the_cure(monkeypatch, doubled):
    monkeypatch.setattr(workers, "find_spec", lambda _: None)
    with pytest.raises(UserError, match=r"workers\.count is 2, .* need Ray: `pip install 'relseed\[ray\]'`"):
        list(doubled(TWO, 1, 2))


@pytest.mark.parametrize("address", ["auto", "ray://host:1", "host", "host:port"])
def test_an_address_is_a_host_and_a_port(address):
    with pytest.raises(UserError, match=r"workers\.address: "):
        Params({"workers": {"count": 2, "address": address}}).section("workers", Workers)


@needs_ray
def test_an_address_where_no_cluster_answers_is_an_error_with_the_cure(doubled):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(UserError, match=rf"cannot join a Ray cluster at 127\.0\.0\.1:{port} .* `ray start --head`"):
        list(doubled(Workers(count=2, address=f"127.0.0.1:{port}"), 1, 2))


@needs_ray
def test_two_workers_return_what_they_find_in_order_until_an_error_ends_them(doubled):
    found, started = [], set()
    with pytest.raises(UserError, match=f"7 is too great \\(on {socket.gethostname()}\\)"):
        for each in doubled(TWO, *range(8), most=6):
            found.append(each)
            started |= set(psutil.Process().children(recursive=True))
    assert [number for number, *_ in found] == [0, 2, 4, 6, 8, 10, 12]
    assert len({pid for _, pid, _ in found}) == 2
    assert {pid for _, *pids in found for pid in pids} <= {process.pid for process in started}
    assert psutil.wait_procs(started, timeout=30)[1] == []


@needs_ray
def test_the_nodes_of_a_cluster_share_the_work(cluster, doubled):
    found = list(doubled(cluster, *range(8)))
    assert [number for number, *_ in found] == [2 * number for number in range(8)]
    assert len({raylet for *_, raylet in found}) == 2  # one on each node, which starts its workers


@needs_ray
def test_scores_from_two_nodes_are_those_from_one_process(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 8)
    both = []
    for by in (ALONE, cluster):
        monkeypatch.setenv("DVC_ROOT", str(tmp_path / str(by.count)))  # what is kept for one is not known to the other
        both.append(scores(by))
    assert both[0] == both[1]
    assert len({score.value for score in both[0]}) > 1


def scores(by: Workers) -> list[Score]:
    """The grammar of some of Gazette's sentences; Harper is nothing that can be sent to another process."""
    settings = grammar.Settings.model_validate(PARAMS["criteria"]["grammar"] | {"reads": str(GAZETTE)})
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    seeds, examples = (read_examples(GAZETTE / f"{split}.jsonl", TASK, schema)[:40] for split in ("train", "test"))
    examples[::3] = [each.model_copy(update={"text": f"{each.text} This are an mistake."}) for each in examples[::3]]
    scoring = Scoring(settings, TASK, schema, seeds)
    return cache.CachedScorer("grammar", grammar, scoring, by)(examples)


def test_a_folder_that_another_machine_lacks_is_an_error_that_names_the_machine(tmp_path):
    row = workers._Worker(tmp_path / "gone", b"")({"chunk": b""})
    assert row["problem"].startswith(f"there is no {tmp_path / 'gone'}: share this folder between the machines")
    assert socket.gethostname() in row["problem"]
