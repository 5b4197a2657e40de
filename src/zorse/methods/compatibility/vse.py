"""VSE: classes are told apart by which prototypes their parts look like, and descriptions predict just that."""

from __future__ import annotations

import warnings
from typing import cast

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor, nn

from zorse.core import InputError, Paper
from zorse.nn.ranking import hinges
from zorse.templates import PatchClassifier
from zorse.training import Clock


class VSE(PatchClassifier):
    r"""Visually semantic embedding: an image is which of K prototypes each of its M parts resembles.

    Channels that peak at the same places form a part. Part m attends to patches by a softmax over its channels and has
    the mean feature z_m; a Gaussian mixture with K prototypes turns it into

        pi_mk = softmax_k(-||z_m - mu_mk||^2 / (2 w_m)),

    and pi, M distributions beside each other, is the visually semantic embedding: visual, and of so few dimensions that
    a class vector a can tell it. With g linear it minimises ||pi - g(a_y)||^2, hinges
    max(0, margin + ||pi - g(a_y)||^2 - ||pi - g(a_c)||^2) over wrong classes, and the spread of part features around
    the prototypes that answer for them. In the end g is ridge regression from class vectors to class means of pi, and

        score(x, c) = -(pi - g(a_c))^T S^-1 (pi - g(a_c))

    with S the covariance within classes.

    Parameters
    ----------
    parts : int, default=4
        Number M of parts.
    prototypes : int, default=16
        Number K of prototypes a part, at most as many as there are samples.
    margin : float, default=0.5
        Of the hinges.
    spread : float, default=0.1
        Weight of the spread around prototypes.
    ridge : float, default=1.0
        Penalty of the last regression, above 0.
    shrinkage : float, default=0.1
        Share of a multiple of the identity in S, above 0 and at most 1.
    epochs : int, default=30
    batch_size : int, default=50
    lr : float, default=0.001
        Of Adam.
    weight_decay : float, default=0.0
    random_state : int, RandomState or None
        Of clustering, initialisation and shuffling.
    device : str, default="auto"

    Attributes
    ----------
    networks_ : ModuleDict
        "group" (the channels of each part), "prototypes" (the mu_mk) and "semantic" (g while training).
    widths_ : Tensor of shape (M,)
        The w_m, mean squared distance of the first clustering's features to their prototypes.
    whiten_ : Tensor of shape (M K, M K)
        A root of S^-1.
    to_visual_, at_centre_ : Tensors of shape (k, M K) and (M K,)
        The last g, its slope and its value at ``centre_``.
    mean_, spread_ : ndarray of shape (d,) and float
        What patches are centred on and divided by.
    history_ : list of dict
        Mean loss of each epoch.

    Raises
    ------
    InputError
        If there are no parts or fewer than two prototypes, or ``shrinkage`` is out of range.

    Notes
    -----
    Differs from the paper: patches are given and stay as they are; the mixture has equal weights and one fixed width a
    part; the paper's graphical model is learned by these losses, weights and widths being ours. Each sign of a given
    feature is a channel.

    Cost: O(n d p) for grouping and O(epochs n (M p d + M K d + s M K)) to fit for p patches and s seen classes;
    O(n (M p d + M K d + c M K)) to score.

    References
    ----------
    Zhu, Wang and Saligrama, "Generalized zero-shot recognition based on visually semantic embedding", CVPR 2019.
    """

    paper = Paper(
        title="Generalized Zero-Shot Recognition Based on Visually Semantic Embedding",
        authors="Pengkai Zhu, Hanxiao Wang, Venkatesh Saligrama",
        venue="CVPR",
        year=2019,
        url="https://arxiv.org/abs/1811.07993",
        aka=("VSE", "visually semantic embedding"),
        seed=29,
    )

    def __init__(
        self,
        parts: int = 4,
        prototypes: int = 16,
        margin: float = 0.5,
        spread: float = 0.1,
        ridge: float = 1.0,
        shrinkage: float = 0.1,
        epochs: int = 30,
        batch_size: int = 50,
        lr: float = 0.001,
        weight_decay: float = 0.0,
        random_state=None,
        device: str = "auto",
    ):
        self.parts = parts
        self.prototypes = prototypes
        self.margin = margin
        self.spread = spread
        self.ridge = ridge
        self.shrinkage = shrinkage
        self.epochs = epochs
        self.batch_size = batch_size
        self.lr = lr
        self.weight_decay = weight_decay
        self.random_state = random_state
        self.device = device

    def _build(self, x: Tensor, phi: Tensor) -> nn.ModuleDict:
        if self.parts < 1 or self.prototypes < 2 or not 0 < self.shrinkage <= 1:
            told = f"{self.parts} parts, {self.prototypes} prototypes and shrinkage {self.shrinkage}"
            raise InputError(f"expected a part, two prototypes and a shrinkage in (0, 1], or more; got {told}")
        m, count, d = self.parts, min(self.prototypes, len(x)), x.shape[-1]
        layers = {"group": nn.Linear(2 * d, m, bias=False), "prototypes": nn.Linear(d, m * count, bias=False)}
        net = nn.ModuleDict(layers | {"semantic": nn.Linear(phi.shape[1], m * count)}).to(x.device)
        some = x[:: max(len(x) // 500, 1)]
        peaks = _signed(some).argmax(dim=1).T.cpu().numpy()
        at = np.concatenate([peaks // x.shape[2], peaks % x.shape[2]], axis=1)
        group = nn.functional.one_hot(torch.as_tensor(_clustered(at, m)[0]).long(), m).T.float().to(x.device)
        group = group / group.sum(dim=1, keepdim=True).clamp_min(1)
        stands_out = (_signed(some) @ group.T).std(dim=(0, 1)).clamp_min(1e-6)
        with torch.no_grad():
            layers["group"].weight.copy_(group / stands_out[:, None])
            features, _ = self._parts(some, net)
            found = [_clustered(features[:, i].cpu().numpy(), count) for i in range(m)]
            means = torch.as_tensor(np.stack([centres for _, centres in found]), device=x.device)
            layers["prototypes"].weight.copy_(means.flatten(0, 1))
            nearest = torch.cdist(features.transpose(0, 1), means).square().amin(dim=2)
        self.widths_ = nearest.mean(dim=1).clamp_min(1e-6).cpu()
        return net

    def _parts(self, x: Tensor, net: nn.ModuleDict) -> tuple[Tensor, Tensor]:
        """Features z (b, M, d) and attention (b, M, p), which sums to 1."""
        looks = net["group"](_signed(x)).softmax(dim=1).transpose(1, 2)
        return looks @ x.flatten(1, 2), looks

    def _posterior(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Of features (b, M, d): pi (b, M, K), and squared distances to the prototypes, the same shape."""
        means = cast(Tensor, self.networks_["prototypes"].weight).unflatten(0, (self.parts, -1))
        apart = torch.cdist(z.transpose(0, 1), means).square().transpose(0, 1)
        return (-apart / (2 * self.widths_.to(z))[:, None]).softmax(dim=2), apart

    def _compatibility(self, x: Tensor, phi: Tensor) -> Tensor:
        pi = self._posterior(self._parts(x, self.networks_)[0])[0].flatten(1).double() @ self.whiten_.to(x.device)
        g = self._predicted(phi).double() @ self.whiten_.to(x.device)
        return 2 * pi @ g.T - pi.square().sum(dim=1, keepdim=True) - g.square().sum(dim=1)

    def _predicted(self, phi: Tensor) -> Tensor:
        return self.at_centre_.to(phi) + (phi - self.centre_.to(phi)) @ self.to_visual_.to(phi)

    def _loss(self, x: Tensor, target: Tensor, phi: Tensor, n_seen: int, clock: Clock) -> Tensor:
        z, _ = self._parts(x, self.networks_)
        pi, _ = self._posterior(z)
        flat, g = pi.flatten(1), self.networks_["semantic"](phi[:n_seen])
        apart = (flat[:, None] - g).square().sum(dim=2)
        own = apart.gather(1, target[:, None]).mean()
        # The prototypes follow the features they answer for, as in EM; features do not follow them.
        around = (pi.detach() * self._posterior(z.detach())[1]).sum(dim=2).mean() / x.shape[-1]
        return own + hinges(-apart, target, self.margin).sum(dim=1).mean() + self.spread * around

    def _finish(self, x: Tensor, target: Tensor, phi: Tensor) -> None:
        blocks = [self._posterior(self._parts(block, self.networks_)[0])[0].flatten(1) for block in x.split(256)]
        pi = torch.cat(blocks).double()
        means = torch.stack([pi[target == i].mean(dim=0) for i in range(len(phi))])
        within = (pi - means[target]).T @ (pi - means[target]) / len(pi)
        eye = torch.eye(len(within), dtype=pi.dtype, device=pi.device)
        level = within.diagonal().mean().clamp_min(1e-6)
        S = (1 - self.shrinkage) * within + self.shrinkage * level * eye
        self.whiten_ = torch.linalg.cholesky(torch.linalg.inv(S)).cpu().contiguous()
        A = (phi - phi.mean(dim=0)).double()
        gram = A.T @ A + self.ridge * torch.eye(A.shape[1], dtype=A.dtype, device=A.device)
        slope = torch.linalg.solve(gram, A.T @ (means - means.mean(dim=0)))
        self.to_visual_ = slope.float().cpu().contiguous()
        self.at_centre_ = means.mean(dim=0).float().cpu()

    def _attention(self, x: Tensor, phi: Tensor) -> Tensor:
        # A part looks at a patch; the patch speaks for the class by the prototypes that it resembles itself.
        _, looks = self._parts(x, self.networks_)
        each, _ = self._posterior(x.flatten(0, 2)[:, None].expand(-1, self.parts, -1))
        expected = (self._predicted(phi) - self.at_centre_.to(phi)).unflatten(1, (self.parts, -1))
        speaks = torch.einsum("bpmk,bmk->bmp", each.unflatten(0, (len(x), -1)), expected)
        return (looks * speaks.clamp(min=0)).sum(dim=1).reshape(x.shape[:3])

    @classmethod
    def example_params(cls) -> list[dict]:
        """Small and short."""
        few = {"parts": 3, "prototypes": 8, "epochs": 15, "batch_size": 24, "lr": 0.005, "ridge": 0.1}
        return [few | {"random_state": 0, "device": "cpu"}]


def _signed(x: Tensor) -> Tensor:
    """Each sign of each feature as a channel, patches in a row, (b, p, 2 d)."""
    return torch.cat([x.clamp(min=0), (-x).clamp(min=0)], dim=3).flatten(1, 2)


def _clustered(rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Cluster of each row and the clusters' means (k, d), by k-means from a draw of torch's generator."""
    k = min(k, len(rows))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than clusters: some stay empty
        clusters = KMeans(k, n_init=1, random_state=int(torch.randint(2**31, ()))).fit(rows.astype(np.float64))
    return clusters.labels_, clusters.cluster_centers_.astype(np.float32)
