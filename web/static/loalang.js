// What the pages do better with JavaScript. Every form also works without this file.

const root = document.documentElement;
root.classList.add("has-js");

// The texts of all our modules, which come after this one. They are Vietnamese; a page in another language brings its own.
const table = document.querySelector("meta[name=texts]");
const translations = table ? JSON.parse(table.content) : {};
globalThis.gettext = (text, places = {}) =>
  (translations[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => places[name] ?? whole);

// A double click does nothing twice. The button's own name and value are already in the form's data.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  queueMicrotask(() => {
    for (const button of document.querySelectorAll("button[type=submit]")) {
      if (button.form === form) button.setAttribute("aria-disabled", "true");
    }
  });
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
});

// Enter in a field that has a button of its own presses that one, not the form's first.
document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.("input[data-enter]");
  if (!field || event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  document.getElementById(field.dataset.enter).click();
});

// What was done is said once: not again when the page is loaded again, and not for ever on a page that stays open.
const done = document.querySelector("[data-done]");
if (done) {
  const here = new URL(location.href);
  here.searchParams.delete("da");
  history.replaceState(history.state, "", here);
  setTimeout(() => done.remove(), 10_000);
}

// What cannot be undone asks once.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-ask]");
  if (button && !window.confirm(button.dataset.ask)) event.preventDefault();
});

// Leaving with changes asks.
let isChanged = false;
document.addEventListener("input", (event) => {
  if (event.target.closest("form[data-keeps]")) isChanged = true;
});
document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-keeps]")) isChanged = false;
});
// A lost session leads to the sign-in: what was typed is kept (drafts.js) and waits on the page that comes back.
document.addEventListener("htmx:beforeOnLoad", (event) => {
  if (event.detail.xhr.status === 401) isChanged = false;
});
window.addEventListener("beforeunload", (event) => {
  if (isChanged) event.preventDefault();
});

// The date and the time are only asked for when they are wanted.
const showWhen = () => {
  for (const pair of document.querySelectorAll("[data-needs]")) {
    const chosen = document.querySelector(`input[name="${pair.dataset.needs}"]:checked`);
    pair.hidden = Boolean(chosen) && chosen.value !== pair.dataset.value;
  }
};
document.addEventListener("change", showWhen);
showWhen();

// What a browser's own date field shows depends on its language; this line says it the way of the page.
const weekdays = [
  gettext("Chủ nhật"), gettext("Thứ hai"), gettext("Thứ ba"), gettext("Thứ tư"),
  gettext("Thứ năm"), gettext("Thứ sáu"), gettext("Thứ bảy"),
];
const sayWhen = () => {
  for (const said of document.querySelectorAll("[data-says]")) {
    const [on, minute] = said.dataset.says.split(" ").map((id) => document.getElementById(id));
    const [year, month, day] = on.value.split("-").map(Number);
    const isChosen = on.value && minute.value && !on.closest("[hidden]");
    const weekday = weekdays[new Date(year, month - 1, day).getDay()];
    const date = on.value.split("-").reverse().join("/");
    said.textContent = isChosen ? gettext("{weekday}, {date} lúc {minute}", { weekday, date, minute: minute.value }) : "";
  }
};
for (const kind of ["change", "input"]) document.addEventListener(kind, sayWhen);
sayWhen();

// Time left, counted here from the server's own instants.
const sayLeft = () => {
  for (const left of document.querySelectorAll("[data-until]")) {
    const seconds = Math.max(0, Math.round((Date.parse(left.dataset.until) - Date.now()) / 1000));
    const minutes = Math.floor(seconds / 60);
    const rest = String(seconds % 60).padStart(2, "0");
    left.textContent = minutes
      ? gettext("còn {minutes} phút {rest} giây", { minutes, rest })
      : gettext("còn {seconds} giây", { seconds });
  }
};
setInterval(sayLeft, 1000);
document.addEventListener("htmx:sseMessage", sayLeft);
sayLeft();

// The live page says when it is not live.
const sign = document.getElementById("not-live");
if (sign) {
  document.body.addEventListener("htmx:sseOpen", () => (sign.hidden = true));
  document.body.addEventListener("htmx:sseError", () => (sign.hidden = false));
  document.body.addEventListener("htmx:sseBeforeMessage", (event) => {
    if (event.detail.type === "ended") window.location.assign("/dang-nhap");
  });
}
