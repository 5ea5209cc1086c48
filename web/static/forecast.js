// The audible forecast: everything the pole will sound, one after the other, as long as it will sound.
// Without this each clip has a player of its own.

const hear = document.getElementById("hear");
const audio = hear.querySelector("audio");
const said = hear.querySelector("[data-said]");
const lines = [...document.querySelectorAll("[data-line][data-sounds-ms]")].map((line) => ({
  title: line.querySelector("[data-title]").textContent,
  at: line.querySelector("b").textContent,
  lasts: Number(line.dataset.soundsMs) / 1000,
  clips: [...line.querySelectorAll("audio")].map((one) => one.src),
}));
let line = 0;
let clip = 0;
let heard = 0;

function load() {
  const { title, at, clips } = lines[line];
  audio.src = clips[clip];
  said.textContent = `${at}: ${title}`;
}
function next() {
  heard += audio.duration || 0;
  clip += 1;
  if (clip >= lines[line].clips.length || heard >= lines[line].lasts) {
    line += 1;
    clip = 0;
    heard = 0;
  }
  if (line >= lines.length) {
    line = 0;
    load();
    said.textContent = "Hết 24 giờ tới.";
    return;
  }
  load();
  audio.play();
}

if (lines.length) {
  hear.hidden = false;
  load();
  audio.addEventListener("ended", next);
  // What the pole will break off is broken off here as well.
  audio.addEventListener("timeupdate", () => {
    if (!audio.paused && heard + audio.currentTime > lines[line].lasts + 0.25) next();
  });
}
