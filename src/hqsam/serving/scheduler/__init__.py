"""Queues, sessions, models and jobs: what runs when, and for whom."""
