// Reading along: while a sound is heard, the sentence that is said is marked. Without this the text is simply there.

const shown = (words) => {
  const text = document.createElement("p");
  text.className = "script said";
  text.lang = "vi";
  const sentences = words.map(({ text: said, at }) => {
    const sentence = document.createElement("span");
    sentence.textContent = said;
    text.append(sentence, " ");
    return { sentence, at };
  });
  return { text, sentences };
};

const follow = async (audio) => {
  const answer = await fetch(audio.dataset.words, { credentials: "same-origin" });
  if (!answer.ok) return;
  const { sentences: words } = await answer.json();
  if (!words.length) return;
  const { text, sentences } = shown(words);
  audio.after(text);
  const mark = () => {
    const now = audio.currentTime * 1000;
    for (const { sentence, at } of sentences) {
      sentence.classList.toggle("is-said", at.some(([begins, ends]) => begins <= now && now < ends));
    }
  };
  audio.addEventListener("timeupdate", mark);
  mark();
};

for (const audio of document.querySelectorAll("audio[data-words]")) {
  audio.addEventListener("play", () => follow(audio), { once: true });
}
