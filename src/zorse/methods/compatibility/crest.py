"""CREST: attributes look for patches and patches for attributes; both opinions are joined by their evidence."""

from __future__ import annotations

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
    S_p = sum_j b_pj t_j, scores r_p = v_p^T W_2 S_p, and hands its score on, psi_j = sum_p r_p v_p^T W_3 t_j. A branch
    has the evidence e_c = softplus(psi^T a_c) for class c, hence alpha = e + 1, S = sum alpha, belief e / S and
    uncertainty C / S over C classes. Dempster's rule joins both,

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
        "patch", "tokens" (its weight holds the t_j), and the maps "found" (W_1), "region" (W_2), "hand_on" (W_3).
    mean_, spread_ : ndarray of shape (d,) and float
        What patches are centred on and divided by.
    history_ : list of dict
        Mean loss of each epoch.

    Notes
    -----
    Scores are logarithms of the expected probabilities (e + 1) / S of the joined opinion, over the candidates.

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
        return nn.ModuleDict(
            {
                "patch": nn.Linear(x.shape[-1], h),
                "tokens": nn.Linear(phi.shape[1], h, bias=False),
                **{name: nn.Linear(h, h, bias=False) for name in ("found", "region", "hand_on")},
            }
        )

    def _branches(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Attribute scores (b, k) of both branches, and where attributes look (b, k, p)."""
        net = self.networks_
        patches, tokens = net["patch"](x.flatten(1, 2)), net["tokens"].weight.T * self.hidden**0.5
        found, looks = attend(tokens, patches, patches)
        of_attributes = (net["found"](found) * tokens).sum(dim=2)
        gathered, _ = attend(patches, tokens.expand(len(x), -1, -1), tokens)
        regions = (net["region"](gathered) * patches).sum(dim=2)
        of_patches = (regions[:, None] @ patches @ net["hand_on"](tokens).T)[:, 0]
        return of_attributes / self.hidden**0.5, of_patches / (self.hidden * patches.shape[1]), looks

    def _opinions(self, x: Tensor, phi: Tensor) -> list[Tensor]:
        """Logits (b, c) of both branches."""
        return [scores @ phi.T for scores in self._branches(x)[:2]]

    def _joined(self, x: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
        first, second = (opinion(nn.functional.softplus(logits)) for logits in self._opinions(x, phi))
        return joined(first, second)

    def _compatibility(self, x: Tensor, phi: Tensor) -> Tensor:
        belief, uncertainty = self._joined(x, phi)
        return (belief + uncertainty / len(phi)).log()

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
