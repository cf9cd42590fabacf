"""The network. Read `hq_sam.py` first; every size is in `config.py`."""
