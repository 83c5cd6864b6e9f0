"""The ledger of lecture 05: gradients through sampling, in the order of the lecture."""

from lecture_lib.derivations import (
    reparameterization_bound,
    reparameterization_families,
    reparameterization_landing,
    reparameterization_path,
    reparameterization_score,
    reparameterization_setting,
    reparameterization_variance,
)

LINES = [
    *reparameterization_setting.LINES,
    *reparameterization_score.LINES,
    *reparameterization_path.LINES,
    *reparameterization_variance.LINES,
    *reparameterization_bound.LINES,
    *reparameterization_landing.LINES,
    *reparameterization_families.LINES,
]
