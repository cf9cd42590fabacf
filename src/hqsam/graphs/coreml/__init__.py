"""The model as Core ML packages, for programs on Apple's systems: an encoder, a decoder, masks of the image's size."""
