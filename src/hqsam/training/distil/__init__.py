"""Knowledge distillation: a student learns what a teacher sees in photos without masks (MobileSAM, Zhang et al., 2023).

`teacher` answers prompts that it finds for itself, `answer_cache` keeps the answers, `losses` holds the student to
them, and `held_out` makes masks to validate beside. `distillation` joins them for the training loop.
"""
