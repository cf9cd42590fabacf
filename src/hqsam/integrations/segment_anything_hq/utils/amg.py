"""The mask generator's helpers at their official path."""

from hqsam.integrations.segment_anything.utils.amg import *  # noqa: F403
