"""Engines that run exported graphs: by onnxruntime or OpenVINO, without PyTorch's model."""
