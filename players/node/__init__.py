"""The box at the pole: it keeps the timetable and the clips, plays at the agreed instant and tells what sounded."""
