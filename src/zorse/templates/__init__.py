"""Method skeletons: the algorithm with a hole where the paper's idea goes."""

from zorse.templates.adversarial import AdversarialGenerator, drawn, leaky
from zorse.templates.attribute_prediction import AttributePrediction
from zorse.templates.bilinear import BilinearClassifier
from zorse.templates.compositional import PairClassifier, Words, feasibility, words_of
from zorse.templates.encoder_trainer import EncoderTrainer, HeadTrainer, Lesson
from zorse.templates.feature_adapter import FeatureAdapter, added
from zorse.templates.feature_generator import FeatureGenerator
from zorse.templates.final_classifier import FinalClassifier
from zorse.templates.gated import GatedClassifier, pseudo_unseen, some_of_each
from zorse.templates.graph_classifier import GraphClassifier
from zorse.templates.learned_vectors import LearnedVectorsGenerator
from zorse.templates.network import NetworkClassifier
from zorse.templates.patch_network import PatchClassifier, PatchTagger
from zorse.templates.plain import RidgeToVectors, SoftmaxRegression
from zorse.templates.prompted import PromptedClassifier
from zorse.templates.ranking import RankingClassifier
from zorse.templates.synthetic import SyntheticClassifier
from zorse.templates.text_prototypes import TextPrototypes
from zorse.templates.training_data import TrainingData
from zorse.templates.traits_of import TraitsOf
from zorse.templates.transductive import TransductiveClassifier
from zorse.templates.wrapper import WrapperClassifier

__all__ = [
    "AdversarialGenerator",
    "AttributePrediction",
    "BilinearClassifier",
    "EncoderTrainer",
    "FeatureAdapter",
    "FeatureGenerator",
    "FinalClassifier",
    "GatedClassifier",
    "GraphClassifier",
    "HeadTrainer",
    "LearnedVectorsGenerator",
    "Lesson",
    "NetworkClassifier",
    "PairClassifier",
    "PatchClassifier",
    "PatchTagger",
    "PromptedClassifier",
    "RankingClassifier",
    "RidgeToVectors",
    "SoftmaxRegression",
    "SyntheticClassifier",
    "TextPrototypes",
    "TrainingData",
    "TraitsOf",
    "TransductiveClassifier",
    "Words",
    "WrapperClassifier",
    "added",
    "drawn",
    "feasibility",
    "leaky",
    "pseudo_unseen",
    "some_of_each",
    "words_of",
]
