// A pole's clock and punctuality, drawn by uPlot, which is fetched once the page itself can be used.

const card = document.querySelector("[data-graphs]");
if (document.readyState !== "complete") {
  await new Promise((done) => window.addEventListener("load", done, {once: true}));
}
await new Promise((done, failed) => {
  const library = Object.assign(document.createElement("script"), {src: card.dataset.library, onload: done, onerror: failed});
  document.head.append(library);
});
const answer = await fetch(card.dataset.graphs);
const data = answer.ok ? await answer.json() : {clock: [[]], lateness: [[]]};
const locale = document.documentElement.lang === "en" ? "en-GB" : "vi-VN";
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(name).trim();
const axis = {stroke: colour("--ink-soft"), grid: {stroke: colour("--line")}};
const day = new Intl.DateTimeFormat(locale, {day: "2-digit", month: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false});
const when = {label: gettext("Lúc"), value: (_, seconds) => (seconds == null ? "–" : day.format(seconds * 1000))};
const milliseconds = (_, value) => (value == null ? "–" : `${value.toLocaleString(locale, {maximumFractionDigits: 1})} ms`);
const series = {
  clock: [
    {label: gettext("Đồng hồ lệch"), stroke: colour("--brand"), width: 2, value: milliseconds},
    {label: gettext("Sai số"), stroke: colour("--warn"), width: 2, dash: [6, 4], value: milliseconds},
  ],
  lateness: [{label: gettext("Bắt đầu muộn"), stroke: colour("--live"), width: 2, points: {show: true}, value: milliseconds}],
};

for (const holder of card.querySelectorAll("[data-graph]")) {
  const kind = holder.dataset.graph;
  if (!data[kind][0].length) {
    holder.removeAttribute("role");
    holder.className = "soft";
    holder.textContent = `${holder.getAttribute("aria-label")}: ${gettext("chưa có số đo.")}`;
    holder.removeAttribute("aria-label");
    continue;
  }
  const graph = new window.uPlot(
    {
      width: holder.clientWidth,
      height: 200,
      // One measurement alone has no span: it is shown in its day.
      scales: {x: {range: (_, first, last) => (last - first < 3600 ? [last - 86400, last + 600] : [first, last])}},
      series: [when, ...series[kind]],
      axes: [{...axis, values: (_, at) => at.map((seconds) => day.format(seconds * 1000)), space: 110}, {...axis, size: 64}],
    },
    data[kind],
    holder,
  );
  new ResizeObserver(() => graph.setSize({width: holder.clientWidth, height: 200})).observe(holder);
}
card.dataset.ready = "yes";
