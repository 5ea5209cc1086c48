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
const tries = new Map();
const lines = new Map();
let isSending = false;
let rounds = 0;
let wake = () => {};

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
const keyField = () => form?.querySelector("[name=key]");

// What became of a press, each in a line of its own: one that is refused is read while another is still sent.
const show = (press, tone, text, link) => {
  if (!said.firstChild) said.append(document.createElement("div"));
  const line = lines.get(press.body.key) ?? document.createElement("p");
  lines.set(press.body.key, line);
  said.firstChild.append(line);
  said.hidden = false;
  said.className = `note tone-${tone}`;
  const isOneOfMany = said.firstChild.childElementCount > 1 && !text.includes(press.said);
  line.replaceChildren(isOneOfMany ? `“${press.said}” ${text}` : text);
  if (link) line.append(Object.assign(document.createElement("a"), { href: link.href, textContent: link.text, className: "button" }));
  return line;
};

// --- sending ---

let csrf = document.querySelector('#act input[name="csrf"]')?.value ?? "";
const username = () => document.querySelector("[data-user]")?.dataset.user || board?.username || "";

// The network's fault, and nothing else: only then is waiting and sending again of any use.
class NotReached extends Error {}

const reach = async (path, options = {}) => {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), SEND_TIMEOUT_MS);
  try {
    const answer = await fetch(path, { ...options, signal: limit.signal }).catch(() => {
      throw new NotReached();
    });
    const reply = await answer.json().catch(() => null);
    return { ok: answer.ok, status: answer.status, reply, retryAfter: Number(answer.headers.get("retry-after") ?? 5) };
  } finally {
    clearTimeout(timer);
  }
};

const readBoard = async () => {
  const answer = await reach("/api/emergencies/board");
  if (answer.ok && answer.reply) {
    const { csrf: secret, ...rest } = answer.reply;
    csrf = secret;
    localStorage.setItem(BOARD, JSON.stringify(rest));
  }
  return answer;
};

const REFUSED = new Set([400, 403, 404, 409, 413, 422]);

// What became of one try: "done" and "refused" are final; "again" is not; "sign-in" waits for a person.
const endOf = ({ ok, status, reply, retryAfter }) => {
  if (ok && reply) return { end: "done", reply };
  if (status === 401) return { end: "sign-in" };
  const { code, message } = reply?.error ?? {};
  if (code === "stale-form") csrf = "";
  else if (status === 429) return { end: "again", ms: 1000 * retryAfter, message };
  else if (REFUSED.has(status) && message) return { end: "refused", message };
  return { end: "again", message };
};

const tryOnce = async (press) => {
  if (!csrf) {
    const answer = await readBoard();
    if (!csrf) return endOf({ ...answer, ok: false });
  }
  const headers = { "content-type": "application/json", "x-csrf-token": csrf };
  return endOf(await reach("/api/emergencies", { method: "POST", headers, body: JSON.stringify(press.body) }));
};

const isOfForm = (press) => Boolean(form?.hidden) && keyField().value === press.body.key;

// What this browser cannot do by script, it does as it does without: the same press, by the same key.
const sendPlain = () => {
  form.hidden = false;
  HTMLFormElement.prototype.submit.call(form);
};

const finish = (press, reply) => {
  drop(press.body.key);
  const isHeld = reply.state === "waiting";
  const href = isHeld ? `/khan-cap/cho/${reply.press}` : `/khan-cap/luot/${reply.broadcast}`;
  if (isHeld) show(press, "warn", gettext("Đã nhận. Chờ người thứ hai xác nhận. "), { href, text: gettext("Xem ai xác nhận được") });
  else show(press, "good", gettext("Đã nhận. "), { href, text: gettext("Xem từng cụm loa") });
  location.assign(href);
};

const tellAgain = (press, message) => {
  const number = tries.get(press.body.key);
  if (message) show(press, "warn", gettext("Chưa gửi được (lần {number}): {message} Máy tự gửi lại.", { number, message }));
  else show(press, "warn", gettext("Đang gửi… (lần {number}). Tin được giữ trên máy, tự gửi lại khi có mạng.", { number: number + 1 }));
};

// One try. Gives how long to wait before the next, in ms; none when nothing more is to be done on this page.
const send = async (press) => {
  const key = press.body.key;
  if (!tries.has(key)) show(press, "warn", gettext("Đang gửi…"));
  tries.set(key, (tries.get(key) ?? 0) + 1);
  let result;
  try {
    result = await tryOnce(press);
  } catch (error) {
    if (!(error instanceof NotReached) && isOfForm(press) && form.getAttribute("action")) {
      drop(key);
      sendPlain();
      return null;
    }
    result = { end: "again" };
  }
  if (result.end === "done") {
    finish(press, result.reply);
    return null;
  }
  if (result.end === "sign-in") {
    const link = { href: "/dang-nhap?tiep=/khan-cap", text: gettext("Đăng nhập để gửi") };
    show(press, "bad", gettext("Chưa gửi được: phiên đăng nhập đã hết. Tin vẫn được giữ trên máy. "), link);
    return null;
  }
  if (result.end === "refused") {
    drop(key);
    show(press, "bad", gettext("Không gửi được: {message}", { message: result.message }));
    lines.delete(key);
    if (isOfForm(press)) reopen();
    return 0;
  }
  tellAgain(press, result.message);
  return result.ms ?? 0;
};

const isOwn = (press) => !(username() && press.user && press.user !== username()); // somebody else's phone before
const isFresh = (press) => {
  const age = Date.now() - (press.askedAt ?? press.pressedAt);
  return age >= 0 && age < FRESH_MS;
};

// Every press that is fresh, once, the newest first, also one that is made meanwhile.
const sendRound = async () => {
  const tried = new Set();
  let pause = 0;
  for (;;) {
    const press = kept().filter((one) => isOwn(one) && isFresh(one) && !tried.has(one.body.key)).pop();
    if (!press) return pause;
    tried.add(press.body.key);
    const wait = await send(press);
    if (wait === null) return null;
    pause = Math.max(pause, wait);
  }
};

const sendKept = async () => {
  if (!said) return;
  wake();
  if (isSending) return;
  isSending = true;
  try {
    while (kept().some((press) => isOwn(press) && isFresh(press))) {
      const wait = await sendRound();
      if (wait === null) return;
      const pause = Math.max(wait, PAUSES_MS[Math.min(rounds, PAUSES_MS.length - 1)]);
      rounds += 1;
      if (kept().some(isOwn)) {
        await new Promise((done) => {
          wake = done;
          setTimeout(done, pause);
        });
      }
    }
    const old = kept().filter(isOwn).pop();
    if (old) ask(old);
  } finally {
    isSending = false;
  }
};

// An old press, or one from before the phone's clock was set, is not sent without asking: the danger may be over.
const ask = (press) => {
  const line = show(press, "bad", gettext("Có một tin bấm trước đây chưa gửi được: “{said}”. ", { said: press.said }));
  const button = (text, tone, act) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, className: tone });
    made.addEventListener("click", () => {
      line.remove();
      lines.delete(press.body.key);
      said.hidden = !said.textContent;
      act();
      void sendKept();
    });
    line.append(made);
  };
  button(gettext("Gửi ngay"), "alarm", () => {
    keep(kept().map((one) => (one.body.key === press.body.key ? { ...one, askedAt: Date.now() } : one)));
  });
  button(gettext("Bỏ tin này"), "", () => {
    drop(press.body.key);
    if (isOfForm(press)) reopen();
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
  keyField().value = newKey();
  form.hidden = false;
};

const isComplete = () => {
  const boxes = [...form.querySelectorAll("input[type=checkbox][name=zones]")];
  boxes[0]?.setCustomValidity(boxes.some((box) => box.checked) ? "" : gettext("Hãy chọn nơi phát."));
  return form.reportValidity();
};

const press = () => {
  if (form.hidden || !isComplete()) return;
  const body = bodyOf();
  const others = kept().filter((one) => one.body.key !== body.key);
  try {
    keep([...others, { body, said: form.dataset.said, user: username(), pressedAt: Date.now() }]);
  } catch {
    sendPlain(); // this phone keeps nothing: full, or a private window
    return;
  }
  form.hidden = true; // a second tap finds no button
  rounds = 0;
  history.replaceState(null, "", "/khan-cap"); // loading the page again sends the same press, not a new one
  navigator.vibrate?.(200);
  void sendKept();
};

const wireButton = () => {
  keyField().value = newKey();
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
  const pin = form.querySelector("[name=pin]");
  pin.closest(".field").hidden = !message.needs_pin;
  pin.required = message.needs_pin;
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
