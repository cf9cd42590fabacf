"""From a photo and a prompt to masks: open once, prompt as often as you like."""
