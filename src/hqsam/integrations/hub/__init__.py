"""Models on the Hugging Face Hub: a checkpoint, its card and a picture are pushed in one commit."""

from hqsam.integrations.hub.push import Pushed, prepare, push

__all__ = ["Pushed", "prepare", "push"]
