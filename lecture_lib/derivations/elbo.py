"""The ledger of lecture 03: the KL divergence, four routes to the bound, and what becomes of it."""

from lecture_lib.derivations import elbo_ascent as ascent
from lecture_lib.derivations import elbo_bayes as bayes
from lecture_lib.derivations import elbo_decoder as decoder
from lecture_lib.derivations import elbo_divergence as divergence
from lecture_lib.derivations import elbo_routes as routes
from lecture_lib.derivations import elbo_samples as samples

LINES = [*divergence.LINES, *routes.LINES, *bayes.LINES, *ascent.LINES, *decoder.LINES, *samples.LINES]
