// The audible forecast: everything the pole will sound, one after the other, as long and as loud as it will sound.
// Without this each clip has a player of its own.

const RELAY_NOTICE_MS = 4000;
const hear = document.getElementById("hear");
const audio = hear.querySelector("audio");
const said = hear.querySelector("[data-said]");
const lines = [...document.querySelectorAll("[data-line][data-sounds-ms]")].map((line) => ({
  title: line.querySelector("[data-title]").textContent,
  at: line.querySelector("b").textContent,
  lasts: Number(line.dataset.soundsMs) / 1000,
  loudness: Math.min(1, 10 ** (Number(line.dataset.gainDb) / 20)),
  pieces: [...line.querySelectorAll("audio, [data-relay-ms]")].map((one) => ({
    source: one.src,
    relay: one.dataset.relayMs ? one.textContent : "",
    lasts: Number(one.dataset.relayMs ?? 0) / 1000,
  })),
}));
let line = 0;
let piece = 0;
let heard = 0;
let notice = 0;

function load() {
  const { title, at, pieces, loudness } = lines[line];
  said.textContent = `${at}: ${title}`;
  audio.src = pieces[piece].source;
  audio.volume = loudness;
}
function rewind() {
  line = 0;
  piece = lines[0].pieces.findIndex((one) => !one.relay);
  heard = 0;
  load();
}
function play() {
  const { title, at, pieces } = lines[line];
  if (!pieces[piece].relay) {
    load();
    audio.play();
    return;
  }
  audio.pause();
  // Minutes of silence would be waited for in vain: it is said, and passed over.
  said.textContent = `${at}: ${title}. ${pieces[piece].relay}`;
  notice = setTimeout(() => next(pieces[piece].lasts), RELAY_NOTICE_MS);
}
function next(lasted) {
  heard += lasted;
  piece += 1;
  if (piece >= lines[line].pieces.length || heard >= lines[line].lasts) {
    line += 1;
    piece = 0;
    heard = 0;
  }
  if (line >= lines.length) {
    rewind();
    said.textContent = gettext("Hết 24 giờ tới.");
    return;
  }
  play();
}

if (lines.length) {
  hear.hidden = false;
  rewind();
  audio.addEventListener("ended", () => next(audio.duration || 0));
  audio.addEventListener("play", () => clearTimeout(notice));
  // What the pole will break off is broken off here as well.
  audio.addEventListener("timeupdate", () => {
    if (!audio.paused && heard + audio.currentTime > lines[line].lasts + 0.25) next(audio.currentTime);
  });
}
