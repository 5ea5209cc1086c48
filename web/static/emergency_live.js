// An emergency pole by pole, as it goes; and whether a press that waits was confirmed.

const place = document.querySelector("[data-events]");
const lost = document.getElementById("not-live");
const PAUSE_MS = 3000;
const SIGN_IN = "/dang-nhap?tiep=/khan-cap";

// A browser opens a line anew by itself when it breaks, but never when the server answered anything but 200.
const openAgain = async () => {
  const answer = await fetch(place.dataset.events, { headers: { accept: "text/event-stream" }, cache: "no-store" }).catch(() => null);
  void answer?.body?.cancel();
  if (answer?.status === 401) location.assign(SIGN_IN);
  else if (answer?.ok) open();
  else setTimeout(openAgain, PAUSE_MS);
};

const open = () => {
  const events = new EventSource(place.dataset.events);
  events.addEventListener("open", () => (lost.hidden = true));
  for (const kind of ["emergency", "held"]) events.addEventListener(kind, (event) => (place.innerHTML = event.data));
  events.addEventListener("ended", () => {
    events.close();
    location.assign(SIGN_IN);
  });
  events.addEventListener("error", () => {
    lost.hidden = false;
    if (events.readyState === EventSource.CLOSED) setTimeout(openAgain, PAUSE_MS);
  });
};

open();
