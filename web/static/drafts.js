// What is typed is kept on this machine as it is typed, until the server has it: a lost session costs no word.

const KEPT_MS = 7 * 24 * 3600 * 1000;
const user = document.querySelector("[data-user]")?.dataset.user;
const prefix = `loalang.draft/${user}/`;
const form = document.querySelector("form[data-draft]");
const key = prefix + location.pathname.slice(1);
const SENT = "loalang.sent";

const isTyped = ([name, value]) =>
  typeof value === "string" && !["csrf", "bulletin", "span"].includes(name) && !/^(written|spoken|choice):/.test(name);
const typed = () => [...new FormData(form)].filter(isTyped);
const sameAs = (fields) => {
  const text = (rows) => JSON.stringify(rows.filter(([name]) => name !== "revision"));
  return text(fields) === text(typed());
};
const read = (name) => JSON.parse(localStorage.getItem(name) ?? "null");
const ours = () => Object.keys(localStorage).filter((name) => name.startsWith(prefix));

if (user) {
  for (const name of ours()) if (Date.now() - read(name).at > KEPT_MS) localStorage.removeItem(name);
  // Only what this very window sent, and what was then said to be done, is with the server.
  const sent = sessionStorage.getItem(SENT);
  sessionStorage.removeItem(SENT);
  if (sent && document.querySelector("[data-done]")) localStorage.removeItem(sent);
  document.querySelector("form[action='/dang-xuat']")?.addEventListener("submit", () => {
    for (const name of ours()) localStorage.removeItem(name);
  });
}

if (user && form) {
  const first = typed();
  const draft = read(key);
  // A page that only shows again what was typed has given nothing to the server yet.
  const isKept = !draft || !sameAs(draft.fields);
  const keep = () => {
    try {
      if (isKept && sameAs(first)) localStorage.removeItem(key);
      else localStorage.setItem(key, JSON.stringify({ at: Date.now(), fields: typed() }));
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
    }
  };
  let soon;
  for (const kind of ["input", "change"]) {
    form.addEventListener(kind, () => {
      clearTimeout(soon);
      soon = setTimeout(keep, 300);
    });
  }
  form.addEventListener("submit", () => {
    clearTimeout(soon);
    keep();
    sessionStorage.setItem(SENT, key);
  });

  const found = document.querySelector("[data-draft-found]");
  if (draft && isKept) {
    found.hidden = false;
    const language = document.documentElement.lang === "vi" ? "vi-VN" : "en-GB";
    found.querySelector("time").textContent = new Date(draft.at).toLocaleString(language, {
      hour: "2-digit", minute: "2-digit", day: "2-digit", month: "2-digit",
    });
    found.querySelector("[data-take]").addEventListener("click", () => {
      // Sent to be shown again, so that its parts come back too; nothing is stored by that.
      const again = Object.assign(document.createElement("form"), { method: "post", action: form.getAttribute("action") });
      const fields = [...draft.fields, ["csrf", new FormData(form).get("csrf")], ["act", "read"]];
      for (const [name, value] of fields) {
        again.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
      }
      document.body.append(again);
      again.submit();
    });
    found.querySelector("[data-drop]").addEventListener("click", () => {
      localStorage.removeItem(key);
      found.hidden = true;
    });
  }
}
