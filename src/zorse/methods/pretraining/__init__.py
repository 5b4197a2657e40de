"""The pretraining family: encoders learned from images and texts, and what they are used for."""
