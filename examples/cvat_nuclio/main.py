"""What Nuclio imports: the names in `handler: main:handler` of function.yaml."""

from hqsam.integrations.cvat.nuclio import handler, init_context

__all__ = ["handler", "init_context"]
