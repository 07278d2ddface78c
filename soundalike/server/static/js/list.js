// A list of any length, of which only the rows that can be seen exist.
//
// Rows have one height. Pages are fetched as they come into sight (not those that only fly by), and
// kept, the last ones at least. For a screen reader it is a grid that says how long it is.

import { debounced, el, setStyle } from "./dom.js";

const PAGE = 100;
const MOST_PAGES = 60;
const BEYOND = 8;
const FETCH_AFTER_MS = 60;

/**
 * @param {object} options
 *   rowHeight  pixels
 *   scroller   the element that scrolls (the list itself has its full height)
 *   fetchPage  async (offset, limit, signal) => {total, items}
 *   makeRow    (item, index) => the row's element, role="row"; item is null while it is on its way
 *   head       a row of column headers, or null
 *   label      what the list is called
 *   onkey      (event, item, index) for keys that the list does not know
 *   ontotal    (total) when the number of items is known
 *   onrender   () after rows came in
 *   onproblem  (error) when a page cannot be had
 */
export class VirtualList {
  #options;
  #pages = new Map();
  #fetching = new Map();
  #rows = new Map();
  #total = 0;
  #active = 0;
  #generation = 0;
  #frame = 0;
  #fetchSoon = debounced(() => this.#fetchShown(), FETCH_AFTER_MS);

  constructor(options, signal) {
    this.#options = options;
    this.body = el("div", { class: "rows", role: "rowgroup" });
    this.element = el("div", { class: "list", role: "grid", "aria-label": options.label, "aria-rowcount": -1 }, options.head && el("div", { class: "list-head", role: "rowgroup" }, options.head), this.body);
    options.scroller.addEventListener("scroll", () => this.#renderSoon(), { passive: true, signal });
    addEventListener("resize", () => this.#renderSoon(), { signal });
    signal.addEventListener("abort", () => this.#giveUp());
    this.body.addEventListener("keydown", (event) => this.#onKey(event));
    this.body.addEventListener("focusin", (event) => this.#onFocus(event));
  }

  get total() { return this.#total; }
  get active() { return this.#active; }

  /** The item at a place; null while it is not here. */
  item(index) {
    return this.#pages.get(Math.floor(index / PAGE))?.[index % PAGE] ?? null;
  }

  /** Items from a place on, as many as are here in one piece. */
  itemsFrom(index, most) {
    const found = [];
    for (let i = index; i < Math.min(this.#total, index + most); i++) {
      const item = this.item(i);
      if (item === null) break;
      found.push(item);
    }
    return found;
  }

  /** Forget all, and begin at the top; what is shown stays until the first page is here. */
  async reload() {
    this.#giveUp();
    this.#generation += 1;
    const own = this.#generation;
    const page = await this.#fetch(0);
    if (own !== this.#generation || page === null) return;
    this.#pages = new Map([[0, page.items]]);
    this.#active = 0;
    this.#clear();
    this.#setTotal(page.total);
    this.#render();
  }

  /** Put the focus on a row, and bring it into sight. */
  focus(index = this.#active) {
    if (this.#total === 0) return;
    this.#active = Math.max(0, Math.min(this.#total - 1, index));
    this.#show(this.#active);
    this.#render();
    this.#rows.get(this.#active)?.focus({ preventScroll: true });
  }

  #setTotal(total) {
    this.#total = total;
    setStyle(this.body, { height: `${total * this.#options.rowHeight}px` });
    this.element.setAttribute("aria-rowcount", String(total + (this.#options.head ? 1 : 0)));
    this.#options.ontotal?.(total);
  }

  #top() {
    const { scroller } = this.#options;
    return this.body.getBoundingClientRect().top - scroller.getBoundingClientRect().top;
  }

  #range() {
    const { scroller, rowHeight } = this.#options;
    const above = Math.max(0, -this.#top());
    const first = Math.floor(above / rowHeight);
    return [Math.max(0, first - BEYOND), Math.min(this.#total, first + Math.ceil(scroller.clientHeight / rowHeight) + BEYOND)];
  }

  #renderSoon() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#render());
  }

  #render() {
    const [from, to] = this.#range();
    for (const [index, row] of this.#rows) {
      // The row with the focus stays, so that the focus is not lost by scrolling.
      if ((index < from || index >= to) && !row.contains(document.activeElement)) {
        row.remove();
        this.#rows.delete(index);
      }
    }
    let isWaiting = false;
    for (let index = from; index < to; index++) {
      const item = this.item(index);
      isWaiting ||= item === null;
      const row = this.#rows.get(index);
      if (row && (row.dataset.here === "1" || item === null)) continue;
      this.#place(index, item, row);
    }
    if (isWaiting) this.#fetchSoon();
    this.#options.onrender?.();
  }

  #place(index, item, old) {
    const row = this.#options.makeRow(item, index);
    row.dataset.here = item === null ? "0" : "1";
    row.dataset.index = String(index);
    row.setAttribute("aria-rowindex", String(index + 1 + (this.#options.head ? 1 : 0)));
    row.tabIndex = index === this.#active ? 0 : -1;
    setStyle(row, { transform: `translateY(${index * this.#options.rowHeight}px)` });
    const hadFocus = old?.contains(document.activeElement);
    if (old) old.replaceWith(row);
    else {
      // In the order of the list, for whoever reads it without seeing it.
      const after = [...this.#rows.keys()].filter((each) => each > index).sort((a, b) => a - b)[0];
      this.body.insertBefore(row, after === undefined ? null : this.#rows.get(after));
    }
    if (hadFocus) row.focus({ preventScroll: true });
    this.#rows.set(index, row);
  }

  #clear() {
    this.body.replaceChildren();
    this.#rows.clear();
  }

  #fetchShown() {
    const [from, to] = this.#range();
    for (let page = Math.floor(from / PAGE); page <= Math.floor(Math.max(from, to - 1) / PAGE); page++) {
      if (!this.#pages.has(page) && !this.#fetching.has(page)) this.#take(page);
    }
  }

  async #take(page) {
    const own = this.#generation;
    const found = await this.#fetch(page);
    if (own !== this.#generation || found === null) return;
    this.#pages.set(page, found.items);
    while (this.#pages.size > MOST_PAGES) this.#pages.delete(this.#pages.keys().next().value);
    if (found.total !== this.#total) this.#setTotal(found.total);
    this.#render();
  }

  async #fetch(page) {
    const gone = new AbortController();
    this.#fetching.set(page, gone);
    try {
      return await this.#options.fetchPage(page * PAGE, PAGE, gone.signal);
    } catch (error) {
      if (!gone.signal.aborted) this.#options.onproblem?.(error);
      return null;
    } finally {
      if (this.#fetching.get(page) === gone) this.#fetching.delete(page);
    }
  }

  #giveUp() {
    this.#fetchSoon.cancel();
    for (const gone of this.#fetching.values()) gone.abort();
    this.#fetching.clear();
  }

  #show(index) {
    const { scroller, rowHeight, head } = this.#options;
    const top = this.#top() + index * rowHeight;
    const covered = head ? head.getBoundingClientRect().height + (this.#options.covered?.() ?? 0) : 0;
    if (top < covered) scroller.scrollTop += top - covered - 4;
    else if (top + rowHeight > scroller.clientHeight) scroller.scrollTop += top + rowHeight - scroller.clientHeight + 4;
  }

  #onFocus(event) {
    const row = event.target.closest("[data-index]");
    if (!row) return;
    const old = this.#rows.get(this.#active);
    if (old) old.tabIndex = -1;
    this.#active = Number(row.dataset.index);
    row.tabIndex = 0;
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.#options.scroller.clientHeight / this.#options.rowHeight) - 3);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -this.#total, End: this.#total }[event.key];
    const row = event.target.closest("[data-index]");
    if (step !== undefined && !event.shiftKey) {
      if (event.key === "ArrowUp" && this.#active === 0) this.#options.onleave?.();
      else this.focus(this.#active + step);
    } else if ((event.key === "ArrowRight" || event.key === "ArrowLeft") && !event.shiftKey) {
      const stops = [row, ...row.querySelectorAll("button, a")].filter((each) => each.offsetParent !== null);
      const at = stops.indexOf(document.activeElement) + (event.key === "ArrowRight" ? 1 : -1);
      stops[Math.max(0, Math.min(stops.length - 1, at))].focus({ preventScroll: true });
    } else if (event.key === "Escape" && event.target !== row) {
      row.focus({ preventScroll: true });
    } else if (event.target === row && this.#options.onkey?.(event, this.item(this.#active), this.#active)) {
      // Done there.
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
