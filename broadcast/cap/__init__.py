"""The Common Alerting Protocol 1.2 (OASIS): alerts of other offices in, our own emergencies out. See docs/cap.md."""
