// Another order for the rows of a list: by dragging a handle, or by the keyboard.
//
// A handle is a button. Space or Enter lifts its row; then the arrows move it, Home and End move it to
// the ends; Space or Enter drops it, Escape puts it back; Tab drops it too. What happens is said by a
// live region. The row itself stays in the document while others move past it, so it keeps the focus.

import { el, iconButton, isCalm, setStyle } from "./dom.js";

const EDGE_PX = 72;
const FASTEST_PX = 16;
const HELP = "Press Space to lift, the arrow keys to move, Space to drop, Escape to put it back.";
let made = 0;

/**
 * Make a list (an <ol>) reorderable. `nameOf(row)` is what to call a row; `onmove(from, to)` is called
 * when one was dropped elsewhere. Returns {handle, element}: `handle(name)` makes the handle of a row,
 * which has to be inside it; `element` has the live region, to be put beside the list.
 */
export function reorderable(list, { nameOf, onmove, scroller = document.getElementById("main") }, signal) {
  made += 1;
  const help = el("p", { class: "hidden-text", id: `reorder-${made}` }, HELP);
  const live = el("p", { class: "hidden-text", role: "status", "aria-live": "assertive" });
  let lifted = null;
  const rows = () => [...list.children];
  const rowOf = (handle) => rows().find((row) => row.contains(handle));
  const say = (text) => { live.textContent = text; };
  const place = (row) => `${rows().indexOf(row) + 1} of ${rows().length}`;

  /** Let the others move past a row until it is at a place. */
  function moveTo(row, to) {
    const all = rows();
    const from = all.indexOf(row);
    const passed = from < to ? all.slice(from + 1, to + 1) : all.slice(to, from);
    if (passed.length === 0) return;
    const tops = passed.map((each) => each.getBoundingClientRect().top);
    if (from < to) row.before(...passed);
    else row.after(...passed);
    if (isCalm()) return;
    passed.forEach((each, i) => {
      const moved = tops[i] - each.getBoundingClientRect().top;
      each.animate([{ transform: `translateY(${moved}px)` }, { transform: "none" }], { duration: 160, easing: "ease-out" });
    });
  }

  function lift(handle) {
    const row = rowOf(handle);
    lifted = { row, handle, from: rows().indexOf(row) };
    row.classList.add("is-lifted");
    handle.setAttribute("aria-pressed", "true");
    say(`${nameOf(row)} lifted, ${place(row)}. ${HELP}`);
  }

  function drop(isKept = true) {
    if (!lifted) return;
    const { row, handle, from } = lifted;
    lifted = null;
    row.classList.remove("is-lifted");
    handle.setAttribute("aria-pressed", "false");
    if (!isKept) moveTo(row, from);
    const to = rows().indexOf(row);
    say(isKept ? `${nameOf(row)} dropped, ${place(row)}.` : `${nameOf(row)} is where it was, ${place(row)}.`);
    if (to !== from) onmove(from, to);
  }

  function onKey(event, handle) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isOn = lifted?.handle === handle;
    if (event.key === " " || event.key === "Enter") {
      if (isOn) drop();
      else lift(handle);
    } else if (!isOn) return;
    else if (event.key === "Escape") drop(false);
    else {
      const at = rows().indexOf(lifted.row);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows().length - 1 }[event.key];
      if (to === undefined) return;
      moveTo(lifted.row, Math.max(0, Math.min(rows().length - 1, to)));
      lifted.row.scrollIntoView({ block: "nearest" });
      say(`${place(lifted.row)}.`);
    }
    event.preventDefault();
    event.stopPropagation();
  }

  function onPointer(event, handle) {
    if (event.button !== 0) return;
    drop();
    event.preventDefault();
    handle.focus({ preventScroll: true });
    const row = rowOf(handle);
    const from = rows().indexOf(row);
    const grabbed = event.clientY - row.getBoundingClientRect().top;
    let pointer = event.clientY;
    let frame = 0;
    const gone = new AbortController();
    const layoutTop = () => row.getBoundingClientRect().top - (row.shift ?? 0);
    row.classList.add("is-lifted", "is-dragged");
    row.shift = 0;

    function follow() {
      const top = pointer - grabbed;
      const middle = top + row.offsetHeight / 2;
      for (;;) {
        const [before, after] = [row.previousElementSibling, row.nextElementSibling];
        const at = rows().indexOf(row);
        if (before && middle < middleOf(before)) moveTo(row, at - 1);
        else if (after && middle > middleOf(after)) moveTo(row, at + 1);
        else break;
      }
      const shift = top - layoutTop();
      setStyle(row, { transform: `translateY(${shift}px)` });
      row.shift = shift;
    }

    function middleOf(other) {
      // Where it comes to lie, not where it is on its way.
      return list.getBoundingClientRect().top + (other.offsetTop - list.offsetTop) + other.offsetHeight / 2;
    }

    function scroll() {
      const { top, bottom } = scroller.getBoundingClientRect();
      const over = pointer < top + EDGE_PX ? pointer - top - EDGE_PX : Math.max(0, pointer - bottom + EDGE_PX);
      if (over) {
        scroller.scrollTop += Math.sign(over) * Math.min(FASTEST_PX, Math.abs(over) / 4);
        follow();
      }
      frame = requestAnimationFrame(scroll);
    }

    function end(isKept) {
      gone.abort();
      cancelAnimationFrame(frame);
      row.classList.remove("is-lifted", "is-dragged");
      row.style.removeProperty("transform");
      if (!isKept) moveTo(row, from);
      const to = rows().indexOf(row);
      if (to === from) return;
      say(`${nameOf(row)} dropped, ${place(row)}.`);
      onmove(from, to);
    }

    const listening = { signal: gone.signal };
    addEventListener("pointermove", (moved) => { pointer = moved.clientY; follow(); }, listening);
    addEventListener("pointerup", () => end(true), listening);
    addEventListener("pointercancel", () => end(false), listening);
    addEventListener("keydown", (key) => { if (key.key === "Escape") end(false); }, listening);
    signal.addEventListener("abort", () => end(false), listening);
    frame = requestAnimationFrame(scroll);
  }

  function handle(name) {
    const found = iconButton("drag", `Move ${name}`, null, {
      class: "icon-button handle", "aria-describedby": help.id, "aria-pressed": "false",
      onkeydown: (event) => onKey(event, found),
      onpointerdown: (event) => onPointer(event, found),
      onblur: () => { if (lifted?.handle === found) drop(); },
    });
    return found;
  }

  return { handle, element: el("div", {}, help, live) };
}
