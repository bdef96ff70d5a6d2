"""An off-the-shelf learner plays the environment: the script of docs/learners.md, run as it stands there."""

import re
from pathlib import Path

import pytest

pytest.importorskip("stable_baselines3", reason="the example learns with stable-baselines3 (recval[learners])")

SCRIPT = re.search(
    r"```python\n(.*?)```", (Path(__file__).parents[2] / "docs" / "learners.md").read_text(encoding="utf8"), re.DOTALL
).group(1)


@pytest.mark.slow
def test_ppo_learns_to_raise_the_reward():
    """With each of three seeds it does better than random weights, by more than a tenth of what these lose."""
    from stable_baselines3.common.env_checker import check_env

    names = {}
    exec(SCRIPT, names)
    check_env(names["env"], warn=False)
    assert names["agent"].num_timesteps == 4000
    at_random, learned = names["at_random"], names["learned"]
    assert len(learned) == 3
    assert min(learned) > at_random + 0.1 * abs(at_random)
