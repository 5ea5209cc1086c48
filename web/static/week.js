// Dragging in the week. A drop opens the page that shows what it would meet and asks "only this day" or "every week";
// the block's own link opens the same page, so nothing here is needed.

const week = document.getElementById("week");
const STEP = 5;
const LONGEST = 240;
const MOVED_BY = 6;
const top = Number(week.dataset.top);

const clock = (minute) =>
  `${String(Math.floor(minute / 60)).padStart(2, "0")}:${String(Math.round(minute % 60)).padStart(2, "0")}`;
const snapped = (minute, least, most) => Math.min(most, Math.max(least, Math.round(minute / STEP) * STEP));
const minuteHeight = (column) => column.getBoundingClientRect().height / Number(week.dataset.minutes);
const columns = () => [...week.querySelectorAll("[data-on]")].filter((one) => one.offsetParent);
const columnAt = (x) => columns().find((one) => x >= one.getBoundingClientRect().left && x < one.getBoundingClientRect().right);

function open(block, changes) {
  const address = new URL(block.querySelector("a.what").href);
  for (const [name, value] of Object.entries(changes)) address.searchParams.set(name, value);
  location.assign(address);
}

function moved(block, sign, event, start) {
  const own = block.closest("[data-on]");
  const column = columnAt(event.clientX) ?? own;
  const minute = snapped(Number(block.dataset.minute) + (event.pageY - start.pageY) / minuteHeight(own), top, 24 * 60 - STEP);
  const aside = column.getBoundingClientRect().left - own.getBoundingClientRect().left;
  const down = (minute - Number(block.dataset.minute)) * minuteHeight(own);
  block.style.transform = `translate(${aside}px, ${down}px)`;
  sign.textContent = `${column.dataset.on.split("-").reverse().slice(0, 2).join("/")} ${clock(minute)}`;
  return { sang: column.dataset.on, gio: clock(minute) };
}

function stretched(block, sign, event, start) {
  const grown = (event.pageY - start.pageY) / minuteHeight(block.closest("[data-on]"));
  const minutes = snapped(Math.max(Number(block.dataset.length), 1) + grown, STEP, LONGEST);
  sign.textContent = gettext("dài nhất {minutes} phút", { minutes });
  return { phut: minutes };
}

week.addEventListener("pointerdown", (start) => {
  const block = start.target.closest("[data-moves]");
  if (!block || start.button !== 0) return;
  const change = start.target.closest(".stretch") ? stretched : moved;
  // On a touch screen a finger that only scrolls must not move anything: it holds still first.
  const isTouch = start.pointerType === "touch" && change === moved;
  const sign = document.createElement("span");
  sign.className = "drop-time";
  let wanted = null;
  let isHeld = !isTouch;
  const hold = setTimeout(() => {
    isHeld = true;
    block.classList.add("is-dragged");
  }, 350);

  const move = (event) => {
    const isFar = Math.hypot(event.pageX - start.pageX, event.pageY - start.pageY) > MOVED_BY;
    if (!isHeld) {
      if (isFar) end();
      return;
    }
    if (!wanted && !isFar) return;
    event.preventDefault();
    if (!wanted) {
      block.setPointerCapture(start.pointerId);
      block.classList.add("is-dragged");
      block.append(sign);
    }
    wanted = change(block, sign, event, start);
  };
  const drop = (event) => {
    if (wanted) {
      event.preventDefault();
      block.addEventListener("click", (click) => click.preventDefault(), { once: true, capture: true });
      open(block, wanted);
    }
    end();
  };
  const cancel = (event) => {
    if (event.type === "pointercancel" || event.key === "Escape") end();
  };
  const still = (event) => {
    if (isHeld) event.preventDefault();
  };
  function end() {
    clearTimeout(hold);
    block.classList.remove("is-dragged");
    block.style.transform = "";
    sign.remove();
    block.removeEventListener("touchmove", still);
    for (const [kind, listener] of listeners) document.removeEventListener(kind, listener);
  }
  const listeners = [["pointermove", move], ["pointerup", drop], ["pointercancel", cancel], ["keydown", cancel]];
  for (const [kind, listener] of listeners) document.addEventListener(kind, listener);
  block.addEventListener("touchmove", still, { passive: false });
});

week.addEventListener("dragstart", (event) => event.preventDefault());

// With the keyboard: Alt and the arrows move the block that has the focus, Enter opens the page for it.
let waiting = null;
week.addEventListener("keydown", (event) => {
  const block = event.target.closest?.("[data-moves]");
  const steps = { ArrowUp: -STEP, ArrowDown: STEP }[event.key];
  if (!block || (event.key !== "Enter" && !(event.altKey && steps))) return;
  if (event.key === "Enter") {
    if (waiting?.block !== block) return;
    event.preventDefault();
    open(block, { gio: clock(waiting.minute) });
    return;
  }
  event.preventDefault();
  const from = waiting?.block === block ? waiting.minute : Number(block.dataset.minute);
  waiting = { block, minute: Math.min(24 * 60 - STEP, Math.max(0, from + steps)) };
  const shift = (waiting.minute - Number(block.dataset.minute)) * minuteHeight(block.closest("[data-on]"));
  block.style.transform = `translateY(${shift}px)`;
  block.querySelector("b").textContent = clock(waiting.minute);
});
