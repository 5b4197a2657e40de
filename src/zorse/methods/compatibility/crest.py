"""CREST: attributes look for patches and patches for attributes; both opinions are joined by their evidence."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from zorse.core import Paper, Traits, read_samples
from zorse.nn.attention import attend
from zorse.nn.evidence import evidence_of, evidential_loss, joined, opinion
from zorse.nn.losses import self_calibration
from zorse.templates import PatchClassifier
from zorse.training import Clock


class CREST(PatchClassifier):
    r"""Cross-modal resonance through evidential deep learning: two attention branches that know how unsure they are.

    Patches v_p and learned attribute tokens t_j look at each other. In the first branch an attribute gathers what it
    finds, F_j = sum_p a_jp v_p, and scores psi_j = t_j^T W_1 F_j; in the second a patch gathers its attributes,
    S_p = v_p + sum_j b_pj t_j, and all of them score, psi_j = t_j^T W_2 mean_p S_p. A branch has the evidence
    e_c = softplus(psi^T a_c + l) for class c, with a learned level l, hence alpha = e + 1, S = sum alpha, belief e / S
    and uncertainty C / S over C classes. Dempster's rule joins both,

        b = (b1 b2 + b1 u2 + b2 u1) / (1 - conflict),   u = u1 u2 / (1 - conflict),

    and all three opinions are trained by digamma(S) - digamma(alpha_y) + w KL(Dir(alpha~) || Dir(1)), w growing to 1.

    Parameters
    ----------
    hidden : int, default=128
        Length of projected patches and of attribute tokens.
    annealing : int, default=10
        Epochs until w is 1.
    calibration : float, default=0.1
        Weight of leaving probability to unseen classes of the table.
    epochs : int, default=30
    batch_size : int, default=50
    lr : float, default=0.001
        Of Adam.
    weight_decay : float, default=0.0001
    random_state : int, RandomState or None
        Of initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        "patch" and "show" (what a patch brings and is found by), "tokens" (its weight holds the t_j), "level", and the
        maps "found" (W_1) and "region" (W_2).
    mean_, spread_ : ndarray of shape (d,) and float
        What patches are centred on and divided by.
    history_ : list of dict
        Mean loss of each epoch.

    Notes
    -----
    Scores are logarithms of the joined belief, which ranks as the expected probability (e + 1) / S does, so that
    ``predict_proba`` is belief without what is uncertain; :meth:`uncertainty` tells that.

    Differs from the paper: patches are given, where the paper starts from the grid of a ResNet or a ViT; attribute
    tokens are learned, where the paper has word vectors of their names; its contrastive terms and its handling of hard
    negatives are left out, as there is no code to read them in; scales of scores, widths, steps and epochs are ours.

    Cost: O(epochs n p (d h + k h)) to fit for p patches and hidden h; O(n p (d h + k h) + n k c) to score.

    References
    ----------
    Huang, Qiao, Chen, Chen, Li, Sun, Chen and Li, "CREST: cross-modal resonance through evidential deep learning for
    enhanced zero-shot learning", ACM Multimedia 2024.
    """

    paper = Paper(
        title="CREST: Cross-modal Resonance through Evidential Deep Learning for Enhanced Zero-Shot Learning",
        authors="Haojian Huang, Xiaozhen Qiao, Zhuo Chen, Haodong Chen, Bingyu Li, Zhe Sun, Mulin Chen, Xuelong Li",
        venue="ACM Multimedia",
        year=2024,
        url="https://arxiv.org/abs/2404.09640",
        aka=("CREST",),
        seed=27,
    )
    traits = Traits(takes="patches", open_candidates=False)

    def __init__(
        self,
        hidden: int = 128,
        annealing: int = 10,
        calibration: float = 0.1,
        epochs: int = 30,
        batch_size: int = 50,
        lr: float = 0.001,
        weight_decay: float = 0.0001,
        random_state=None,
        device: str = "auto",
    ):
        self.hidden = hidden
        self.annealing = annealing
        self.calibration = calibration
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    @torch.no_grad()
    def uncertainty(self, X) -> np.ndarray:
        """How little evidence there is for any candidate, shape (n,), from 0 to 1."""
        X, phi = read_samples(self, X), self._phi(self.candidates_.vectors, self._ready())
        return torch.cat([self._joined(x, phi)[1][:, 0] for _, x in self._blocks(X)]).double().cpu().numpy()

    def _build(self, x: Tensor, phi: Tensor) -> nn.ModuleDict:
        h = self.hidden
        net = nn.ModuleDict(
            {
                **{name: nn.Linear(x.shape[-1], h) for name in ("patch", "show")},
                **{name: nn.Linear(h, h, bias=False) for name in ("found", "region")},
                "tokens": nn.Linear(phi.shape[1], h, bias=False),
                "level": nn.Linear(1, 2, bias=False),
            }
        )
        # Little evidence to begin with, so that no direction of class vectors must learn to deny every seen class.
        nn.init.constant_(cast(Tensor, net["level"].weight), -math.log(len(phi)))
        return net

    def _branches(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Attribute scores (b, k) of both branches, and where attributes look (b, k, p)."""
        net, root = self.networks_, self.hidden**0.5
        patches, keys = (net[name](x.flatten(1, 2)) for name in ("patch", "show"))
        tokens = net["tokens"].weight.T * root
        found, looks = attend(tokens, keys, patches)
        of_attributes = (net["found"](found) * tokens).sum(dim=2)
        gathered, _ = attend(keys, tokens.expand(len(x), -1, -1), tokens)
        of_patches = net["region"]((patches + gathered).mean(dim=1)) @ tokens.T
        return of_attributes / root, of_patches / root, looks

    def _opinions(self, x: Tensor, phi: Tensor) -> list[Tensor]:
        """Logits (b, c) of both branches."""
        levels = cast(Tensor, self.networks_["level"].weight)[:, 0]
        return [scores @ phi.T + level for scores, level in zip(self._branches(x)[:2], levels, strict=True)]

    def _joined(self, x: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        # In double precision: an unseen class may have next to no evidence, and still more than another one.
        first, second = (opinion(nn.functional.softplus(logits.double())) for logits in self._opinions(x, phi))
        return joined(first, second)

    def _compatibility(self, x: Tensor, phi: Tensor) -> Tensor:
        belief, _ = self._joined(x, phi)
        return belief.clamp_min(torch.finfo(belief.dtype).tiny).log()

    def _loss(self, x: Tensor, target: Tensor, phi: Tensor, n_seen: int, clock: Clock) -> Tensor:
        weight = min(1.0, clock.epoch / self.annealing) if self.annealing else 1.0
        logits = self._opinions(x, phi)
        evidence = [nn.functional.softplus(l[:, :n_seen]) for l in logits]
        evidence.append(evidence_of(joined(opinion(evidence[0]), opinion(evidence[1]))))
        losses = [evidential_loss(e, target, weight) for e in evidence]
        losses += [self.calibration * self_calibration(l, n_seen) for l in logits]
        return torch.stack(losses).sum()

    def _attention(self, x: Tensor, phi: Tensor) -> Tensor:
        scores, _, looks = self._branches(x)
        return self._share_of(scores, looks, phi).reshape(x.shape[:3])

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and short."""
        return [{"hidden": 32, "epochs": 40, "batch_size": 24, "lr": 0.005, "random_state": 0, "device": "cpu"}]
