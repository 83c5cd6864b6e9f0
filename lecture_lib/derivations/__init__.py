"""The derivations of the lectures, line by line: one module for each lecture, and LINES in it, in the lecture's order.

`ledger` says what a line is and tries it. A lecture of the name `04_gaussian_kl` has its lines in `gaussian_kl`.
"""
