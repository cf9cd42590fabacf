"""Evaluation of masks: the paper's suites and any folder, prompt protocols, metrics and reports."""
