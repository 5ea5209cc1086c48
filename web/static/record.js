// Recording in the browser: what was recorded becomes the form's file, and is sent as any other file is.

const place = document.querySelector("[data-recorder]");
const form = document.getElementById("send");
const file = form.elements.file;
const problem = place.querySelector("[data-record-problem]");
const begin = place.querySelector("[data-record]");
const stop = place.querySelector("[data-stop]");
const time = place.querySelector("[data-time]");
const playback = place.querySelector("[data-playback]");
const KINDS = { "audio/webm": "webm", "audio/mp4": "m4a", "audio/ogg": "ogg" };
const NOT_ALLOWED = gettext("Trình duyệt chưa được phép dùng micrô. Hãy cho phép rồi thử lại.");
const NO_MICROPHONE = gettext("Không tìm thấy micrô trên máy này.");

const say = (text) => {
  problem.textContent = text;
  problem.hidden = !text;
};
const show = (seconds) => {
  time.textContent = `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
};

const keep = (pieces, type) => {
  const kind = type.split(";")[0];
  const sound = new File(pieces, `ghi-am.${KINDS[kind] ?? "webm"}`, { type: kind });
  const chosen = new DataTransfer();
  chosen.items.add(sound);
  file.files = chosen.files;
  if (playback.src) URL.revokeObjectURL(playback.src);
  playback.src = URL.createObjectURL(sound);
  playback.hidden = false;
};

const record = async () => {
  say("");
  let microphone;
  try {
    microphone = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
  } catch (error) {
    say(error.name === "NotAllowedError" ? NOT_ALLOWED : NO_MICROPHONE);
    return;
  }
  const type = Object.keys(KINDS).find((kind) => MediaRecorder.isTypeSupported(kind));
  const recorder = new MediaRecorder(microphone, type ? { mimeType: type } : {});
  const pieces = [];
  const since = performance.now();
  const clock = setInterval(() => {
    const seconds = (performance.now() - since) / 1000;
    show(seconds);
    if (seconds > Number(place.dataset.minutes) * 60) recorder.stop();
  }, 250);
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  recorder.addEventListener("stop", () => {
    clearInterval(clock);
    for (const track of microphone.getTracks()) track.stop();
    begin.hidden = false;
    stop.hidden = true;
    keep(pieces, recorder.mimeType || "audio/webm");
    begin.focus();
  });
  stop.onclick = () => recorder.stop();
  begin.hidden = true;
  stop.hidden = false;
  show(0);
  recorder.start(1000);
  stop.focus();
};

if (navigator.mediaDevices && window.MediaRecorder) {
  place.hidden = false;
  begin.addEventListener("click", record);
}
file.addEventListener("change", () => {
  const isTooLong = file.files[0]?.size > Number(file.dataset.most);
  const megabytes = Math.floor(file.dataset.most / 1e6);
  file.setCustomValidity(isTooLong ? gettext("Tệp quá lớn: tối đa {megabytes} MB.", { megabytes }) : "");
  file.reportValidity();
});
form.addEventListener("submit", () => (form.querySelector("[data-sending]").hidden = false));
