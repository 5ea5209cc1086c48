// Choosing a stretch on the waveform; the two fields of the form stay the truth, and do without this.

const place = document.querySelector("[data-waveform]");
const form = document.querySelector("[data-trim]");
const { start, end } = form.elements;
const hear = form.querySelector("[data-hear]");
const [{ default: WaveSurfer }, { default: Regions }] = await Promise.all([
  import(place.dataset.wavesurfer),
  import(place.dataset.regions),
]);
const style = getComputedStyle(document.documentElement);
const tone = (name) => style.getPropertyValue(name).trim();
const number = (field) => Number(field.value.replace(",", "."));
const length = Number(place.dataset.length);

place.hidden = false;
const regions = Regions.create();
const wave = WaveSurfer.create({
  container: place,
  media: document.querySelector("[data-whole]"),
  peaks: [JSON.parse(place.dataset.peaks).map((percent) => percent / 100)],
  duration: length,
  normalize: true,
  height: 96,
  waveColor: tone("--line-strong"),
  progressColor: tone("--brand"),
  cursorColor: tone("--ink"),
  cspNonce: place.dataset.nonce,
  plugins: [regions],
});

wave.on("ready", () => {
  const chosen = regions.addRegion({
    start: number(start),
    end: number(end),
    minLength: 0.3,
    color: "rgba(43, 132, 137, 0.25)",
  });
  chosen.on("update-end", () => {
    start.value = chosen.start.toFixed(2);
    end.value = chosen.end.toFixed(2);
  });
  for (const field of [start, end]) {
    field.addEventListener("change", () => {
      if (0 <= number(start) && number(start) < number(end) && number(end) <= length) {
        chosen.setOptions({ start: number(start), end: number(end) });
      }
    });
  }
  hear.hidden = false;
  hear.addEventListener("click", () => wave.play(number(start), number(end)));
  place.dataset.ready = "yes";
});
