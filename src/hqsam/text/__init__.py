"""Objects by words: a zero-shot detector's boxes for labels, as prompts for masks."""
