// Who has heard a bulletin to its end has said so: then approving is one press.

document.addEventListener(
  "ended",
  (event) => {
    const audio = event.target;
    const heard = audio.closest("[data-whole]")?.closest("[data-decide]")?.querySelector("input[name=heard]");
    if (!heard) return;
    let seconds = 0;
    for (let range = 0; range < audio.played.length; range += 1) {
      seconds += audio.played.end(range) - audio.played.start(range);
    }
    // Nobody has heard what was skipped.
    if (seconds >= 0.9 * audio.duration) heard.checked = true;
  },
  true,
);
