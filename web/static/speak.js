// Speaking live: the browser's recorder makes short pieces, which are sent in order, each until the server has it.

const place = document.querySelector("[data-speak]");
const choose = place.querySelector("[data-choose]");
const own = place.querySelector("[data-own]");
const talking = place.querySelector("[data-talking]");
const problem = place.querySelector("[data-problem]");
const problemText = place.querySelector("[data-problem-text]");
const state = place.querySelector("[data-state]");
const time = place.querySelector("[data-time]");
const level = place.querySelector("meter");
const stopButton = place.querySelector("[data-stop]");
const result = place.querySelector("[data-result]");
const doneNote = place.querySelector("[data-done-note]");
const PIECE_MS = 100;
const AGAIN_MS = 400;
const GIVE_UP_MS = 10_000;
const MOST_BYTES = 400_000;
const KINDS = ["audio/webm;codecs=opus", "audio/mp4", "audio/ogg;codecs=opus"];
const NOT_ALLOWED = gettext("Trình duyệt chưa được phép dùng micrô. Hãy cho phép rồi thử lại.");
const NO_MICROPHONE = gettext("Không tìm thấy micrô trên máy này.");
const LINE_LOST = gettext("Mất mạng: lời nói không đến được máy chủ, đã dừng phát.");
const NOT_SECURE = gettext(
  "Máy này chưa nói được: trình duyệt chỉ cho dùng micrô khi trang mở bằng https. Micrô ở trụ sở thì vẫn dùng được.",
);

const complain = (text) => {
  problemText.textContent = text;
  problem.hidden = !text;
};
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const ask = async (method, path, body, type) => {
  const headers = { "x-csrf-token": place.dataset.csrf };
  if (type) headers["content-type"] = type;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), GIVE_UP_MS);
  let answer, said;
  try {
    answer = await fetch(path, { method, headers, body, signal: limit.signal });
    said = await answer.json().catch(() => ({}));
  } finally {
    clearTimeout(timer);
  }
  if (answer.ok) return said;
  throw Object.assign(new Error(said.error?.message ?? gettext("Máy chủ không trả lời được.")), { isRefused: true });
};

// Pieces wait here while one is on its way: on a slow line they go together.
class Sending {
  constructor(address) {
    this.address = address;
    this.pieces = [];
    this.part = 0;
    this.isOver = false;
    this.news = () => {};
  }

  put(piece) {
    this.pieces.push(piece);
    this.news();
  }

  end() {
    this.isOver = true;
    this.news();
  }

  async run() {
    for (;;) {
      if (!this.pieces.length) {
        if (this.isOver) return;
        await new Promise((resolve) => (this.news = resolve));
        continue;
      }
      let count = 1;
      let size = this.pieces[0].size;
      while (count < this.pieces.length && (size += this.pieces[count].size) < MOST_BYTES) count += 1;
      await this.send(new Blob(this.pieces.splice(0, count)));
    }
  }

  async send(sound) {
    const since = performance.now();
    for (;;) {
      try {
        await ask("POST", `${this.address}/sound/${this.part}`, sound, "application/octet-stream");
        this.part += 1;
        return;
      } catch (error) {
        if (error.isRefused) throw error;
        if (performance.now() - since > GIVE_UP_MS) throw new Error(LINE_LOST, { cause: error });
        await pause(AGAIN_MS);
      }
    }
  }
}

const watchLevel = (microphone) => {
  const context = new AudioContext();
  const ear = context.createAnalyser();
  context.createMediaStreamSource(microphone).connect(ear);
  const wave = new Float32Array(ear.fftSize);
  const look = setInterval(() => {
    ear.getFloatTimeDomainData(wave);
    level.value = Math.min(1, 3 * Math.sqrt(wave.reduce((sum, one) => sum + one * one, 0) / wave.length));
  }, 100);
  return () => {
    clearInterval(look);
    context.close();
  };
};

// What the page says of the poles: the chime first, then the speaker's own time.
const follow = (address, over) => {
  let last = null;
  const show = () => {
    if (!last?.speaks_at) return;
    const seconds = Math.floor((Date.now() - last.seenAt + last.serverAt - Date.parse(last.speaks_at)) / 1000);
    const isHeard = seconds >= 0;
    const poles = last.listeners ? gettext(" {number} cụm loa đang nối.", { number: last.listeners }) : "";
    state.textContent = isHeard ? gettext("Bà con đang nghe. Hãy nói.") + poles : gettext("Loa đang nổi nhạc hiệu, xin chờ…");
    const shown = Math.max(0, seconds);
    time.textContent = `${Math.floor(shown / 60)}:${String(shown % 60).padStart(2, "0")}`;
  };
  const look = async () => {
    try {
      last = await ask("GET", address);
      last.seenAt = Date.now();
      last.serverAt = Date.parse(last.now);
      if (last.is_over) over();
    } catch (error) {
      if (error.isRefused) over(error.message);
    }
  };
  const clocks = [setInterval(show, 200), setInterval(look, 1000)];
  look();
  return () => clocks.forEach(clearInterval);
};

const speak = async (zones) => {
  let microphone;
  try {
    const wanted = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    microphone = await navigator.mediaDevices.getUserMedia({ audio: wanted });
  } catch (error) {
    complain(error.name === "NotAllowedError" ? NOT_ALLOWED : NO_MICROPHONE);
    return;
  }
  const closers = [() => microphone.getTracks().forEach((track) => track.stop())];
  try {
    const key = crypto.randomUUID();
    const opened = await ask("POST", "/api/live", JSON.stringify({ zones, key }), "application/json");
    const address = `/api/live/${opened.broadcast}`;
    result.href = `/luot-phat/${opened.broadcast}`;
    choose.hidden = doneNote.hidden = true;
    talking.hidden = false;
    stopButton.focus();
    const sending = new Sending(address);
    const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    const recorder = new MediaRecorder(microphone, { mimeType, audioBitsPerSecond: 32_000 });
    recorder.addEventListener("dataavailable", (event) => event.data.size && sending.put(event.data));
    recorder.addEventListener("stop", () => sending.end());
    const end = () => recorder.state === "recording" && recorder.stop();
    closers.push(watchLevel(microphone), follow(address, end));
    stopButton.onclick = end;
    recorder.start(PIECE_MS);
    try {
      await sending.run();
    } finally {
      end();
      await ask("POST", `${address}/stop`).catch(() => {});
    }
    doneNote.hidden = false;
  } catch (error) {
    complain(error.message);
  } finally {
    closers.forEach((close) => close());
    talking.hidden = true;
    choose.hidden = false;
  }
};

if (!window.isSecureContext) complain(NOT_SECURE);
else if (navigator.mediaDevices && window.MediaRecorder) {
  own.hidden = false;
  own.querySelector("input").checked = true;
}
// The microphone at the office is the server's affair: that form is sent as it is.
choose.addEventListener("submit", (event) => {
  const form = new FormData(choose);
  complain("");
  const zones = form.getAll("zones");
  if (zones.length && form.get("microphone") === "office") return;
  event.preventDefault();
  event.stopPropagation();
  if (zones.length) speak(zones);
  else complain(gettext("Hãy chọn nơi phát."));
});
