// The emergency button, better than a plain form: held to send, kept on the phone until the server says it has it.
// A press has a key of its own, so that sending it again is the same press; nothing is sent twice, nothing is lost.

const STORE = "loalang.presses";
const BOARD = "loalang.board";
const HOLD_MS = 1200;
const SEND_TIMEOUT_MS = 8000;
const FRESH_MS = 10 * 60_000;
const PAUSES_MS = [500, 1000, 2000, 3000, 5000];

const said = document.getElementById("press-state");
const form = document.querySelector("form[data-press]");
let isSending = false;

const kept = () => {
  try {
    return JSON.parse(localStorage.getItem(STORE) ?? "[]");
  } catch {
    return [];
  }
};
const keep = (presses) => localStorage.setItem(STORE, JSON.stringify(presses));
const drop = (key) => keep(kept().filter((press) => press.body.key !== key));

const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const show = (tone, text, link) => {
  said.hidden = false;
  said.className = `note tone-${tone}`;
  said.replaceChildren(document.createElement("div"));
  said.firstChild.append(text);
  if (link) {
    const anchor = Object.assign(document.createElement("a"), { href: link.href, textContent: link.text, className: "button" });
    said.firstChild.append(anchor);
  }
};

// --- sending ---

let csrf = document.querySelector('#act input[name="csrf"]')?.value ?? "";
const username = () => document.querySelector("[data-user]")?.dataset.user || board?.username || "";

const readBoard = async () => {
  const answer = await fetch("/api/emergencies/board", { signal: AbortSignal.timeout(SEND_TIMEOUT_MS) });
  if (!answer.ok) throw Object.assign(new Error("board"), { status: answer.status });
  const { csrf: secret, ...rest } = await answer.json();
  csrf = secret;
  localStorage.setItem(BOARD, JSON.stringify(rest));
  return rest;
};

const post = (body) =>
  fetch("/api/emergencies", {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": csrf },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
  });

const REFUSED = new Set([403, 404, 409, 413, 422]);

// What became of one try: "done" and "refused" are final; "again" and "wait" are not; "sign-in" waits for a person.
const tryOnce = async (press) => {
  if (!csrf) await readBoard();
  const answer = await post(press.body);
  const reply = await answer.json().catch(() => null);
  if (answer.ok && reply) return { end: "done", reply };
  if (answer.status === 401) return { end: "sign-in" };
  if (reply?.error?.code === "stale-form") {
    csrf = "";
    return { end: "again" };
  }
  if (answer.status === 429) return { end: "wait", ms: 1000 * Number(answer.headers.get("retry-after") ?? 5) };
  if (REFUSED.has(answer.status) && reply?.error) return { end: "refused", message: reply.error.message };
  return { end: "again" };
};

const sleep = (ms) =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    const wake = () => (clearTimeout(timer), done());
    addEventListener("online", wake, { once: true });
  });

const finish = (press, { reply }) => {
  drop(press.body.key);
  if (reply.state === "waiting") {
    show("warn", gettext("Đã nhận. Chờ người thứ hai xác nhận. "), { href: `/khan-cap/cho/${reply.press}`, text: gettext("Xem ai xác nhận được") });
    location.assign(`/khan-cap/cho/${reply.press}`);
    return;
  }
  show("good", gettext("Đã nhận. "), { href: `/khan-cap/luot/${reply.broadcast}`, text: gettext("Xem từng cụm loa") });
  location.assign(`/khan-cap/luot/${reply.broadcast}`);
};

const send = async (press) => {
  for (let tries = 0; ; tries += 1) {
    const again = gettext("Đang gửi… (lần {number}). Tin được giữ trên máy, tự gửi lại khi có mạng.", { number: tries + 1 });
    show("warn", tries ? again : gettext("Đang gửi…"));
    const result = await tryOnce(press).catch((error) => ({ end: error.status === 401 ? "sign-in" : "again" }));
    if (result.end === "done") return finish(press, result);
    if (result.end === "sign-in") {
      show("bad", gettext("Chưa gửi được: phiên đăng nhập đã hết. Tin vẫn được giữ trên máy. "), { href: "/dang-nhap?tiep=/khan-cap", text: gettext("Đăng nhập để gửi") });
      return;
    }
    if (result.end === "refused") {
      drop(press.body.key);
      show("bad", gettext("Không gửi được: {message}", { message: result.message }));
      if (form) reopen();
      return;
    }
    await sleep(result.ms ?? PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]);
  }
};

const sendKept = async () => {
  if (isSending || !said) return;
  isSending = true;
  try {
    for (const press of kept()) {
      if (username() && press.user && press.user !== username()) continue; // somebody else's phone before
      const age = Date.now() - press.pressedAt;
      if (press.isAsked || (age >= 0 && age < FRESH_MS)) await send(press);
      else ask(press);
    }
  } finally {
    isSending = false;
  }
};

// An old press, or one from before the phone's clock was set, is not sent without asking: the danger may be over.
const ask = (press) => {
  show("bad", gettext("Có một tin bấm trước đây chưa gửi được: “{said}”. ", { said: press.said }));
  const button = (text, tone, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, className: tone });
    made.addEventListener("click", act);
    said.firstChild.append(made);
  };
  button(gettext("Gửi ngay"), "alarm", () => {
    keep(kept().map((one) => (one.body.key === press.body.key ? { ...one, isAsked: true } : one)));
    void sendKept();
  });
  button(gettext("Bỏ tin này"), "", () => {
    drop(press.body.key);
    said.hidden = true;
  });
};

// --- the button ---

const bodyOf = () => {
  const data = new FormData(form);
  const text = (name) => data.get(name) ?? "";
  const slots = {};
  for (const [name, value] of data) if (name.startsWith("slot-")) slots[name.slice(5)] = value;
  return {
    key: text("key"),
    kind: text("kind") || "alert",
    zones: data.getAll("zones"),
    text: text("text"),
    template: text("template"),
    slots,
    follows: text("follows"),
    drill: text("drill") === "1",
    pin: text("pin"),
  };
};

const reopen = () => {
  form.querySelector("[name=key]").value = newKey();
  form.hidden = false;
};

const press = () => {
  if (form.hidden || !form.reportValidity()) return;
  const body = bodyOf();
  const others = kept().filter((one) => one.body.key !== body.key);
  keep([...others, { body, said: form.dataset.said, user: username(), pressedAt: Date.now() }]);
  form.hidden = true; // a second tap finds no button
  history.replaceState(null, "", "/khan-cap"); // loading the page again sends the same press, not a new one
  navigator.vibrate?.(200);
  void sendKept();
};

const wireButton = () => {
  form.querySelector("[name=key]").value = newKey();
  const button = form.querySelector("button.hold");
  const how = button.querySelector("small");
  how.textContent = gettext("Nhấn giữ hơn một giây");
  let timer = 0;
  let armedAt = -Infinity;
  const begin = () => {
    if (timer) return;
    button.classList.add("is-held");
    timer = setTimeout(() => (end(), press()), HOLD_MS);
  };
  const end = () => {
    clearTimeout(timer);
    timer = 0;
    button.classList.remove("is-held");
  };
  button.addEventListener("pointerdown", (event) => event.isPrimary && event.button === 0 && begin());
  for (const kind of ["pointerup", "pointerleave", "pointercancel", "blur"]) button.addEventListener(kind, end);
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  button.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (!event.repeat) begin();
  });
  button.addEventListener("keyup", end);
  // A screen reader or a switch clicks without pointer or key: twice within ten seconds is meant.
  button.addEventListener("click", (event) => {
    event.preventDefault();
    if (event.detail !== 0 || event.pointerType) return;
    if (event.timeStamp - armedAt < 10_000) return press();
    armedAt = event.timeStamp;
    how.textContent = gettext("Bấm lần nữa để phát");
  });
  form.addEventListener("submit", (event) => event.preventDefault());
};

// --- the page without a network: what the phone remembers ---

let board = null;
try {
  board = JSON.parse(localStorage.getItem(BOARD) ?? "null");
} catch {
  board = null;
}

const choose = (message) => {
  form.hidden = false;
  form.dataset.said = message.said;
  form.querySelector("[name=template]").value = message.key;
  form.querySelector("[name=text]").value = "";
  form.querySelector("[name=pin]").closest(".field").hidden = !message.needs_pin;
  form.querySelector("[data-what]").textContent = message.said;
  form.querySelector("button.hold").focus();
};

const buildOffline = (place) => {
  const names = form.querySelector("[data-where]");
  for (const [index, zone] of board.zones.entries()) {
    const label = Object.assign(document.createElement("label"), { className: "pick danger" });
    const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "zones", value: zone.slug });
    box.checked = board.zones.length === 1 && index === 0;
    label.append(box, zone.name);
    names.append(label);
  }
  for (const message of board.messages) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: message.title });
    button.addEventListener("click", () => choose(message));
    place.append(button);
  }
};

// --- pole by pole ---

const progress = document.getElementById("progress");
if (progress) {
  const lost = document.getElementById("not-live");
  const events = new EventSource(progress.dataset.events);
  events.addEventListener("emergency", (event) => {
    lost.hidden = true;
    progress.innerHTML = event.data;
  });
  events.addEventListener("ended", () => location.assign("/dang-nhap?tiep=/khan-cap"));
  events.addEventListener("error", () => (lost.hidden = false));
}

if (form) wireButton();
const offline = document.getElementById("offline-messages");
if (offline && board) buildOffline(offline);
if (said) {
  void sendKept();
  addEventListener("online", () => void sendKept());
  addEventListener("pageshow", (event) => event.persisted && void sendKept());
}
if (document.querySelector("[data-user]") && document.querySelector("[data-board]")) readBoard().catch(() => undefined);
if ("serviceWorker" in navigator && document.querySelector("[data-app]")) {
  navigator.serviceWorker.register("/khan-cap-sw.js", { scope: "/khan-cap" }).catch(() => undefined);
}
