"""The model as graphs for other runtimes: an encoder, a decoder, and masks of the image's size, as ONNX files."""
