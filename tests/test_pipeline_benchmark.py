"""The benchmark of the whole pipeline: what each stage took, from what `dvc repro` prints."""

from benchmarks.pipeline import seconds_of


def test_a_stage_takes_from_its_first_line_to_the_first_of_the_next():
    lines = [
        (0.0, "hello"),
        (1.0, "Running stage 'ingest':"),
        (3.5, "> python -m stages.ingest"),
        (5.0, "Running stage 'finetune@gold':"),
        (9.0, "Use `dvc push`"),
    ]
    assert seconds_of(lines) == {"ingest": 4.0, "finetune@gold": 4.0}
