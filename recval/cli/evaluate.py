"""`recval evaluate`: the metrics of another system's scores, on the data and split of a recipe or run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recval.cli.files import check_table, write_frame
from recval.cli.output import show_facts, show_json, show_table
from recval.cli.parameters import AsJson, Force, examples
from recval.cli.progress import working
from recval.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

    from recval.data import Split
    from recval.ranking import Evaluation, ExternalScores, ItemSets

app = typer.Typer()


@app.command(
    epilog=examples(
        "recval evaluate theirs.csv runs/bpr --out theirs.parquet",
        "recval evaluate lists.parquet dvr-ml100k --user uid --item iid --rank place --metric recall@20 --json",
    )
)
def evaluate(
    scores: Annotated[Path, typer.Argument(metavar="SCORES", help="A .csv, .tsv or .parquet file: user, item, score.")],
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="What fixes data, split and metrics: a run's folder, or a recipe.")
    ],
    metric: Annotated[
        list[str] | None, typer.Option(help="What to evaluate; may be repeated; by default as the recipe says.")
    ] = None,
    user: Annotated[str, typer.Option(help="The column of users.")] = "user",
    item: Annotated[str, typer.Option(help="The column of items.")] = "item",
    score: Annotated[str, typer.Option(help="The column of scores; higher is better.")] = "score",
    rank: Annotated[str | None, typer.Option(help="The column of ranks, 1 is best, in place of scores.")] = None,
    out: Annotated[Path | None, typer.Option(help="A file for the metrics of each user: .parquet or .csv.")] = None,
    force: Force = False,
    json: AsJson = False,
) -> None:
    """Evaluate what another system scored, as recval evaluates its own models.

    An item without a score is never recommended, nor is one that the user has a training or validation interaction
    with. What is written with --out can be compared: recval compare RUN FILE.
    """
    if out is not None:
        check_table(out, force=force, endings=(".parquet", ".csv"))
    with working("evaluating"):
        from recval.ranking import Evaluator

        split, metrics = _protocol(config)
        by = {"score": score} if rank is None else {"rank": rank}
        frame = _read(scores, {"user": user, "item": item, **by})
        scorer = _scorer(frame, split)
        evaluation = Evaluator(split.test, _seen(split), metric or metrics, train=split.train)(scorer)
        if out is not None:
            _write(out, evaluation, split)
        counts = {"users": len(evaluation.per_user), **_counts(frame, split)}
    if json:
        show_json({"metrics": evaluation.means, **counts})
    else:
        show_table(("metric", str(scores)), list(evaluation.means.items()))
        show_facts({name.replace("_", " "): count for name, count in counts.items()})


def _protocol(config: str) -> tuple[Split, tuple[str, ...]]:
    """Return the split and the metrics of a run's folder or a recipe.

    Raises:
        DataError: the data is no longer what it was in the run.
    """
    from recval.declarations import find, read
    from recval.recipes import Recipe
    from recval.recipes.trained import split_of
    from recval.store.run import Run

    if not Path(config).is_dir():
        recipe = read(find("configs", config), Recipe)
        return recipe.split_data(), recipe.metrics
    run = Run.open(config)
    recipe = read(run.recipe_path, Recipe)
    return split_of(run, recipe), recipe.metrics


def _read(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    """Return the columns of a file, by role.

    Raises:
        ConfigError: the ending says no format.
        DataError: a column is missing, or an id.
    """
    import pyarrow as pa

    from recval.data.columns import checked_ids
    from recval.data.delimited import read_delimited
    from recval.errors import unknown
    from recval.store.files import read_table

    if path.suffix == ".parquet":
        table = read_table(path)
    elif path.suffix in (".csv", ".tsv"):
        types = {columns["user"]: pa.string(), columns["item"]: pa.string()}
        table = read_delimited(path, "\t" if path.suffix == ".tsv" else ",", types)
    else:
        raise ConfigError(f"{path}: scores are read from a .csv, .tsv or .parquet file")
    for name in columns.values():
        if name not in table.column_names:
            raise DataError(f"{path}: {unknown('column', name, table.column_names)}")
    arrays = {role: table[name].combine_chunks() for role, name in columns.items()}
    for role in ("user", "item"):
        arrays[role] = checked_ids(arrays[role], role, lambda row: f"{path}, row {row}" if row >= 0 else str(path))
    return pa.table(arrays).to_pandas()


def _scorer(frame: pd.DataFrame, split: Split) -> ExternalScores:
    """Return the scores as a scorer; what is not of the data is left out, and counted by `_counts`."""
    import warnings

    from recval.ranking import UnknownIdsWarning, ranks_from_frame, scores_from_frame

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownIdsWarning)
        if "rank" in frame:
            return ranks_from_frame(frame, split.users, split.items)
        return scores_from_frame(frame, split.users, split.items)


def _counts(frame: pd.DataFrame, split: Split) -> dict[str, int]:
    """Return how many pairs there are, how many of them count for nothing, and why."""
    import numpy as np
    import pyarrow as pa

    users, items = (
        vocabulary.find(pa.array(frame[role])) for role, vocabulary in (("user", split.users), ("item", split.items))
    )
    known = (users >= 0) & (items >= 0)
    seen = _seen(split).contains(users[known], items[known][:, None])
    return {
        "pairs": len(frame),
        "unknown_pairs": int((~known).sum()),
        "unknown_users": frame["user"][users < 0].nunique(),
        "unknown_items": frame["item"][items < 0].nunique(),
        "seen_pairs": int(seen.sum()),
        "users_without_scores": len(np.setdiff1d(split.test.user, users[known])),
    }


def _seen(split: Split) -> ItemSets:
    from recval.ranking import ItemSets

    return ItemSets.of(split.train, split.valid)


def _write(path: Path, evaluation: Evaluation, split: Split) -> None:
    import pandas as pd

    from recval.ranking.systems import write_per_user

    names = pd.Index(split.users.names(evaluation.per_user.index.to_numpy()), name="user")
    per_user = evaluation.per_user.set_axis(names)
    if path.suffix == ".parquet":
        write_per_user(path, per_user, split.fingerprint()["sha256"])
    else:
        write_frame(path, per_user.reset_index())
