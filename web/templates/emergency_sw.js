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

// Only the server's first word is waited for so long: a page that has begun to come may take its time.
const page = async (request) => {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), PATIENCE_MS);
  try {
    return await fetch(request, { signal: limit.signal });
  } catch {
    return (await caches.match(OFFLINE)) ?? Response.error();
  } finally {
    clearTimeout(timer);
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
