"""What an experiment itself says of effects, whatever predicts them; also where treatment was not given at random.

- `randomness`: whether treatment was given at random; `overlap`: whether arms can be compared at all.
- `doubly_robust`: an unbiased, noisy effect of each treatment on each customer, the average ones, what a policy earns.
- `propensity` and `outcomes`: the two models that it is made of, cross-fitted.
"""
