// The commune's map: villages and poles drawn by Leaflet on a plain ground, from what the page itself holds.

const L = window.L;
const COUNTRY = [[8.5, 102.1], [23.4, 109.5]];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function pointOf(text) {
  const [latitude, longitude] = text.split(",").map(Number);
  return L.latLng(latitude, longitude);
}

async function draw(holder) {
  const map = L.map(holder, {attributionControl: false, zoomControl: false, zoomSnap: 0.5, maxZoom: 20});
  L.control.zoom({zoomInTitle: gettext("Phóng to"), zoomOutTitle: gettext("Thu nhỏ")}).addTo(map);
  L.control.scale({imperial: false}).addTo(map);
  map.fitBounds(COUNTRY);
  const answer = await fetch(holder.dataset.shapes);
  const shapes = answer.ok ? await answer.json() : {villages: [], ground: null};
  const seen = L.latLngBounds([]);
  const borders = new Map();
  if (shapes.ground) {
    L.imageOverlay(shapes.ground.address, shapes.ground.corners, {alt: gettext("Ảnh nền của bản đồ")}).addTo(map);
    seen.extend(shapes.ground.corners);
  }
  for (const village of shapes.villages) {
    const border = village.outline.map(([longitude, latitude]) => [latitude, longitude]);
    const shape = L.polygon(border, {color: colour("--brand"), weight: 2, fillOpacity: 0.08, interactive: holder.dataset.map === "choose"});
    borders.set(village.slug, shape);
    // By the northern edge: in the middle stand the poles.
    const box = shape.addTo(map).getBounds();
    const at = [box.getNorth() - 0.12 * (box.getNorth() - box.getSouth()), box.getCenter().lng];
    const name = document.createElement("span");
    name.textContent = village.name;
    L.tooltip({permanent: true, direction: "center", className: "village-name"}).setLatLng(at).setContent(name).addTo(map);
    seen.extend(border);
  }
  return {map, seen, borders};
}

function show({map, seen}) {
  if (seen.isValid()) map.fitBounds(seen.pad(0.08), {maxZoom: 17, animate: false});
}

// A pole on the map says what its line in the list says: the list is what the server sends again and again.
function signOf(row) {
  const sign = document.createElement("span");
  sign.className = `sign sign-${row.dataset.sign}`;
  return L.divIcon({className: `map-pole ${[...row.classList].find((name) => name.startsWith("tone-"))}`, html: sign, iconSize: [44, 44]});
}

function aboutPole(row) {
  const about = document.createElement("div");
  for (const part of row.children) about.append(part.cloneNode(true), document.createElement("br"));
  return about;
}

function watch(drawn) {
  const poles = new Map();
  const follow = () => {
    const gone = new Set(poles.keys());
    for (const row of document.querySelectorAll(".pole[data-at]")) {
      const slug = row.dataset.node;
      gone.delete(slug);
      const said = row.outerHTML;
      const known = poles.get(slug);
      if (known?.said === said) continue;
      const name = [...row.children].slice(0, 2).map((part) => part.textContent.trim()).join(": ");
      const marker = known?.marker ?? L.marker(pointOf(row.dataset.at), {icon: signOf(row)}).addTo(drawn.map).bindPopup("");
      marker.setLatLng(pointOf(row.dataset.at)).setIcon(signOf(row)).setPopupContent(aboutPole(row));
      const element = marker.getElement();
      element.title = name;
      element.setAttribute("aria-label", name);
      element.dataset.pole = slug;
      poles.set(slug, {marker, said});
    }
    for (const slug of gone) {
      poles.get(slug).marker.remove();
      poles.delete(slug);
    }
    hideIfEmpty();
  };
  // A commune that has placed nothing yet is shown no empty map.
  const hideIfEmpty = () => {
    const holder = drawn.map.getContainer();
    const wasHidden = holder.hidden;
    holder.hidden = poles.size === 0 && !drawn.seen.isValid();
    if (wasHidden && !holder.hidden) drawn.map.invalidateSize();
  };
  follow();
  for (const {marker} of poles.values()) drawn.seen.extend(marker.getLatLng());
  show(drawn);
  document.addEventListener("htmx:sseMessage", follow);
}

// A pole is placed by touching the map, dragging its sign, or typing two numbers.
function place(drawn) {
  const [latitude, longitude] = ["latitude", "longitude"].map((name) => document.getElementById(name));
  const read = () => {
    const [at, along] = [latitude, longitude].map((field) => field.value.trim().replace(",", "."));
    return at && along && isFinite(at) && isFinite(along) ? L.latLng(Number(at), Number(along)) : null;
  };
  const row = document.querySelector(".pole[data-node]");
  let marker = null;
  const put = (point) => {
    if (!marker) {
      marker = L.marker(point, {icon: signOf(row), draggable: true, title: gettext("Vị trí cụm loa")}).addTo(drawn.map);
      marker.getElement().setAttribute("aria-label", gettext("Vị trí cụm loa"));
      marker.on("dragend", () => write(marker.getLatLng()));
    }
    marker.setLatLng(point);
  };
  const write = (point) => {
    latitude.value = point.lat.toFixed(6);
    longitude.value = point.lng.toFixed(6);
    put(point);
  };
  drawn.map.on("click", (event) => write(event.latlng));
  for (const field of [latitude, longitude]) field.addEventListener("change", () => read() && put(read()));
  const here = document.querySelector("[data-here]");
  here?.addEventListener("click", () => {
    const said = document.getElementById("here-said");
    said.textContent = gettext("Đang tìm vị trí của điện thoại…");
    navigator.geolocation.getCurrentPosition(
      ({coords}) => {
        write(L.latLng(coords.latitude, coords.longitude));
        drawn.map.setView(marker.getLatLng(), 18);
        said.textContent = gettext("Sai số khoảng {metres} mét. Hãy bấm Lưu.", {metres: Math.round(coords.accuracy)});
      },
      () => (said.textContent = gettext("Điện thoại không cho biết vị trí. Hãy chạm vào bản đồ.")),
      {enableHighAccuracy: true, timeout: 20_000},
    );
  });
  if (read()) {
    put(read());
    drawn.seen.extend(read());
  }
  show(drawn);
  if (read()) drawn.map.setView(read(), Math.max(drawn.map.getZoom(), 16), {animate: false});
}

// A village is drawn point by point; the text under the map is what is sent.
function outline(drawn) {
  const text = document.getElementById("outline");
  const line = L.polygon([], {color: colour("--live"), weight: 3, fillOpacity: 0.12, interactive: false}).addTo(drawn.map);
  const corners = L.layerGroup().addTo(drawn.map);
  const read = () =>
    text.value.split("\n").filter((one) => /\d\s*,\s*-?\d/.test(one)).map(pointOf).filter((at) => isFinite(at.lat) && isFinite(at.lng));
  const write = (points) => {
    text.value = points.map((at) => `${at.lat.toFixed(6)}, ${at.lng.toFixed(6)}`).join("\n");
    text.dispatchEvent(new Event("input", {bubbles: true}));
  };
  const redraw = () => {
    const points = read();
    line.setLatLngs(points);
    corners.clearLayers();
    points.forEach((at, number) => {
      const corner = L.marker(at, {draggable: true, icon: L.divIcon({className: "map-corner", iconSize: [18, 18]}), title: gettext("Điểm {number}", {number: number + 1})});
      corner.on("drag", () => line.setLatLngs(points.with(number, corner.getLatLng())));
      corner.on("dragend", () => write(points.with(number, corner.getLatLng())));
      corner.addTo(corners).getElement().setAttribute("aria-label", gettext("Điểm {number}", {number: number + 1}));
    });
    return points;
  };
  drawn.map.on("click", (event) => write([...read(), event.latlng]));
  document.querySelector("[data-undo]").addEventListener("click", () => write(read().slice(0, -1)));
  document.querySelector("[data-clear]").addEventListener("click", () => write([]));
  text.addEventListener("input", redraw);
  for (const at of redraw()) drawn.seen.extend(at);
  show(drawn);
}

// Villages are chosen by touching them; their ticks in the form say the same.
function choose(drawn) {
  for (const [slug, border] of drawn.borders) {
    const tick = document.querySelector(`input[name=zones][value="${CSS.escape(slug)}"]`);
    const paint = () => border.setStyle({fillOpacity: tick.checked ? 0.5 : 0.08});
    border.on("click", () => tick.click());
    tick.addEventListener("change", paint);
    paint();
  }
  show(drawn);
}

const kinds = {watch, place, outline, choose};
for (const holder of document.querySelectorAll("[data-map]")) {
  kinds[holder.dataset.map](await draw(holder));
  holder.dataset.ready = "yes";
}
