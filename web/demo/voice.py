"""Which voice the demo speaks with: the one asked for, else the Vietnamese Piper voice, else espeak-ng."""
