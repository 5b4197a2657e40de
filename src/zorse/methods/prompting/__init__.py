"""The prompting family."""
