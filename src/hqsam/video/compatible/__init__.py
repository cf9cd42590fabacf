"""The two official video predictors, decision for decision: those of SysCV/sam-hq and of facebookresearch/sam2."""
