// What the emergency page needs to open without a network. It keeps files that hold no secret, and nothing else.
const NAME = {{ ("loalang-khan-cap-" ~ version) | tojson }};
const OFFLINE = "/khan-cap/ngoai-tuyen";
const FILES = {{ files | tojson }};
const PATIENCE_MS = 6000;

self.addEventListener("install", (event) => {
  const fetched = FILES.map((path) => new Request(path, { cache: "reload" }));
  event.waitUntil(caches.open(NAME).then((cache) => cache.addAll(fetched)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  const isOld = (name) => name.startsWith("loalang-khan-cap-") && name !== NAME;
  const clear = caches.keys().then((names) => Promise.all(names.filter(isOld).map((name) => caches.delete(name))));
  event.waitUntil(clear.then(() => self.clients.claim()));
});

const page = async (request) => {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
  } catch {
    return (await caches.match(OFFLINE)) ?? Response.error();
  }
};

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" || new URL(request.url).origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    event.respondWith(page(request));
  } else if (FILES.includes(new URL(request.url).pathname + new URL(request.url).search)) {
    event.respondWith(caches.match(request).then((known) => known ?? fetch(request)));
  }
});
