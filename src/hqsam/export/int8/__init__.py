"""Encoders in int8: calibrated on the user's photos, with the layers in float that would cost too much of the masks."""
