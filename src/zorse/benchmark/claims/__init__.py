'''The papers' headline claims, one module a paper, named as the method's module.

A claim module is short::

    """ESZSL beats direct attribute prediction."""

    CLAIM = "One closed-form line outperforms direct attribute prediction (Table 2)."  # one sentence, from the paper
    BASELINE = "DAP"                                       # what the paper compares with
    METRIC = "mean class accuracy over unseen classes"     # larger is better, in [0, 1]
    TASKS = ("awa19", "tiny160", "digits")                 # names that zorse.benchmark.tasks knows
    SEEDS = 5                                              # optional; default 5
    NOTE = "why it does not hold here, or what to know"    # optional

    def run(task, seed) -> tuple[float, float]:
        """Ours and the baseline on one task, both fitted on its training classes alone."""

    def inputs() -> str:                                   # optional
        """What else the cells depend on, such as an encoder's fingerprint; where it changes, they are run anew."""

    def compare() -> Agreement:                            # optional
        """Agreement with an independent implementation or a naive one."""

The framework runs every task with every seed. Seed 0 takes the task's own split; every other seed draws other unseen
classes, so that a closed form varies too. A task that needs the data pack is left out, and named, where the pack is
absent. A hyper-parameter is chosen by :func:`zorse.benchmark.tune`, which holds out whole classes of the training
set. ``zorse reproduce NAME`` runs a claim and writes ``results/NAME.json``; ``zorse.catalogue`` reads a paper's state
from there. An interval above 0 means that the claim held; a claim that does not hold stays, with its ``NOTE``.

The interval speaks of drawing other classes from the same data: the splits share samples.
'''
