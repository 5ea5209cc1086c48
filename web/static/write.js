// Beside the typing: a press on a changed span opens it; sentences are heard one after another, each marked in the text.

const reading = document.getElementById("reading");
const sound = document.getElementById("sound");

const makeButtons = () => {
  for (const mark of reading.querySelectorAll("mark[data-at]")) {
    mark.setAttribute("role", "button");
    mark.tabIndex = 0;
  }
};
const open = (mark) => {
  reading.querySelector("select[name=span]").value = mark.dataset.at;
  reading.querySelector("[data-open-span]").click();
};
reading.addEventListener("click", (event) => {
  const mark = event.target.closest("mark[data-at]");
  if (mark) open(mark);
});
reading.addEventListener("keydown", (event) => {
  const mark = event.target.closest("mark[data-at]");
  if (!mark || (event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  open(mark);
});

const startOf = (element) => Number(element.dataset.from);
const markSaid = (from, before) => {
  for (const sentence of reading.querySelectorAll("[data-from]")) {
    const isSaid = startOf(sentence) >= from && startOf(sentence) < before;
    sentence.classList.toggle("is-said", isSaid);
    if (isSaid) sentence.scrollIntoView({ block: "nearest" });
  }
};
const playInTurn = () => {
  const rows = [...sound.querySelectorAll("[data-sentences] li")];
  const players = rows.map((row) => row.querySelector("audio"));
  rows.forEach((row, place) => {
    const next = players[place + 1];
    players[place].addEventListener("play", () => {
      for (const other of players) if (other !== players[place]) other.pause();
      markSaid(startOf(row), next ? startOf(rows[place + 1]) : Infinity);
      if (next) next.preload = "auto";
    });
    players[place].addEventListener("ended", () => {
      markSaid(0, 0);
      // Who has opened another sentence meanwhile hears that one.
      if (next?.isConnected && players.every((player) => player.paused)) next.play();
    });
  });
  // A browser that lets nothing play by itself leaves the players to be pressed.
  players[0]?.play().catch((error) => {
    if (error.name !== "NotAllowedError" && error.name !== "AbortError") throw error;
  });
};

document.body.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target === reading) {
    makeButtons();
    document.getElementById("choice-title")?.focus();
  }
  if (event.detail.target === sound) playInTurn();
});
makeButtons();
