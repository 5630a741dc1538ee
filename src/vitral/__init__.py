"""Vitral: train convolutional and recurrent networks at full speed and see through them while they learn."""
