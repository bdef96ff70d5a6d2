"""`recval uplift`: whose spending changes when treated, whom to treat, and what that earns."""

from __future__ import annotations

import typer

from recval.cli import uplift_demo, uplift_evaluate, uplift_fit, uplift_score, uplift_study, uplift_target

app = typer.Typer(
    no_args_is_help=True,
    help=(
        "Whose spending changes when treated, whom to treat, and what that earns.\n\n"
        "Learn from an experiment in which some customers were treated (sent an e-mail, given a coupon) and some were "
        "not: fit. Predict for other customers how much more each would spend if treated: score. Choose whom to treat "
        "with a given budget: target."
    ),
)
for module in (uplift_demo, uplift_fit, uplift_evaluate, uplift_score, uplift_target, uplift_study):
    app.registered_commands.extend(module.app.registered_commands)
