// The radio: it outlives its view, and a reload. Events: "change" (what it plays, what comes, what was
// said), "problem" (`error` says what went wrong).
//
// The server keeps nothing of a radio: `state` is where it is after the tracks that were reached.
// What comes next is asked for from there, without moving on, so that what is liked or skipped
// changes it at once; when a track is reached, the state moves on by it.

import * as api from "./api.js";
import { player } from "./player.js";

const AHEAD = 8;
const SKIPPED_WITHIN_S = 10;
const KEPT_PAST = 60;
const KEY = "soundalike.radio";
const MOST_RANDOM = 2 ** 31;

class Station extends EventTarget {
  // {seed, random, anyLength, state, past: [item], current: item, coming: [item], liked: [id], skipped: [id]}
  #own = null;
  #work = Promise.resolve();
  #heardTo = 0;
  #isLoading = false;

  constructor() {
    super();
    player.addEventListener("item", () => this.#onItem());
    player.addEventListener("time", () => { if (this.isOn) this.#heardTo = player.time - (player.item.start_s ?? 0); });
    addEventListener("pagehide", () => this.#keep());
    this.#bringBack();
  }

  /** The track that it began with; null where there is none. */
  get seed() { return this.#own?.seed ?? null; }
  get current() { return this.#own?.current ?? null; }
  get coming() { return this.#own?.coming ?? []; }
  get past() { return this.#own?.past ?? []; }
  get anyLength() { return this.#own?.anyLength ?? false; }
  get isLoading() { return this.#isLoading; }
  /** Whether the player plays from it, and nothing else. */
  get isOn() { return this.#own !== null && player.item?.radio === this.#own.random; }

  isLiked(id) { return this.#own?.liked.includes(id) ?? false; }
  isSkipped(id) { return this.#own?.skipped.includes(id) ?? false; }

  /** What was said, the last first: [{track, isLiked}]. */
  get said() {
    const { liked = [], skipped = [], past = [], current } = this.#own ?? {};
    return [...past, current].filter(Boolean).reverse().filter((each, i, all) => all.findIndex((other) => other.track.track_id === each.track.track_id) === i)
      .flatMap(({ track }) => (liked.includes(track.track_id) ? [{ track, isLiked: true }] : skipped.includes(track.track_id) ? [{ track, isLiked: false }] : []));
  }

  /** Begin from a track. `andPlay`: at once, else when the user presses play. */
  async start(seed, { anyLength = false, andPlay = true } = {}) {
    const random = Math.floor(Math.random() * MOST_RANDOM);
    const asked = { seeds: [{ track_id: seed.track_id }], random_seed: random, limits: anyLength ? { min_length_s: null, max_length_s: null } : {} };
    this.#tellLoading(true);
    try {
      const [now, part] = await Promise.all([api.post("/radio", { ...asked, tracks: 0 }), api.post("/radio", { ...asked, tracks: AHEAD })]);
      const first = { track: seed, isSeed: true, seed_similarity: 1, likeness: null };
      this.#own = { seed, random, anyLength, state: now.state, past: [], current: first, coming: part.items.map(slim), liked: [], skipped: [] };
    } finally {
      this.#tellLoading(false);
    }
    this.#heardTo = 0;
    const items = this.#items();
    if (andPlay) player.play(items);
    else player.load(items);
    this.#tell();
  }

  /** Play it again, where something else was played in between. */
  resume() {
    if (this.isOn) player.toggle();
    else player.play(this.#items());
    this.#tell();
  }

  /** Less like what plays, and on to the next. */
  skip() {
    if (!this.isOn || this.coming.length === 0) return;
    const id = this.current.track.track_id;
    if (!this.isLiked(id)) this.#note("skipped", id);
    this.#heardTo = Infinity; // Said already.
    player.next();
  }

  /** More like what plays, or like another that was played; which is skipped no longer. */
  like(id = this.current?.track.track_id) {
    if (!this.#own || this.isLiked(id)) return;
    this.#note("liked", id);
    this.#own.skipped = this.#own.skipped.filter((each) => each !== id);
    this.#then(() => this.#ask({ like: [id] }));
    this.#tell();
  }

  #note(name, id) {
    if (!this.#own[name].includes(id)) this.#own[name].push(id);
  }

  #items() { return [this.current, ...this.coming].map((each) => this.#item(each)); }

  #item({ track }) { return { track, radio: this.#own.random }; }

  /** The player is at another item. */
  #onItem() {
    if (!this.isOn) {
      this.#tell();
      return;
    }
    const id = player.item.track.track_id;
    if (id === this.current.track.track_id) return;
    const at = this.coming.findIndex((each) => each.track.track_id === id);
    if (at < 0) {
      this.#tell(); // One that was played before.
      return;
    }
    const left = this.current;
    // What ended by itself was not left, however short it is.
    const isSkip = !left.isSeed && !this.isLiked(left.track.track_id) && this.#heardTo < Math.min(SKIPPED_WITHIN_S, (left.track.duration_s ?? Infinity) - 1);
    if (isSkip) this.#note("skipped", left.track.track_id);
    const skip = this.isSkipped(left.track.track_id) ? [left.track.track_id] : [];
    const reached = this.coming.slice(0, at + 1);
    this.#own.past = [...this.past, left, ...reached.slice(0, -1)].slice(-KEPT_PAST);
    this.#own.current = reached.at(-1);
    this.#own.coming = this.coming.slice(at + 1);
    this.#heardTo = 0;
    this.#tell();
    this.#then(() => this.#ask({ skip, by: reached.length }));
  }

  /** One thing after the other: each goes on from the state that the one before left. */
  #then(work) {
    const own = this.#own;
    this.#work = this.#work.then(() => (own === this.#own ? work() : null)).catch((error) => {
      this.dispatchEvent(Object.assign(new Event("problem"), { error }));
    });
  }

  /** Move on by some tracks, then tell what was said, and see what comes. */
  async #ask({ like = [], skip = [], by = 0 }) {
    const own = this.#own;
    this.#tellLoading(true);
    try {
      if (by) own.state = (await api.post("/radio/next", { state: own.state, tracks: by })).state;
      if (like.length || skip.length) own.state = (await api.post("/radio/next", { state: own.state, tracks: 0, like, skip })).state;
      const part = await api.post("/radio/next", { state: own.state, tracks: AHEAD });
      if (own !== this.#own) return;
      own.coming = part.items.map(slim);
      // What is between the item that plays and the last that was reached (after "previous") stays.
      if (this.isOn) {
        const between = player.queue.slice(player.index + 1).filter((each) => own.past.concat(own.current).some((item) => item.track.track_id === each.track.track_id));
        player.replaceUpcoming([...between, ...own.coming.map((each) => this.#item(each))]);
      }
      this.#tell();
    } finally {
      this.#tellLoading(false);
    }
  }

  #tellLoading(isLoading) {
    this.#isLoading = isLoading;
    this.dispatchEvent(new Event("change"));
  }

  #tell() {
    this.#keep();
    this.dispatchEvent(new Event("change"));
  }

  #keep() {
    if (this.#own === null) return;
    try {
      sessionStorage.setItem(KEY, JSON.stringify({ own: this.#own, time: this.isOn ? player.time : 0, isOn: this.isOn }));
    } catch {
      // Full or forbidden: then it does not outlive a reload.
    }
  }

  #bringBack() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEY));
      if (!kept) return;
      this.#own = kept.own;
      if (kept.isOn) player.load(this.#items(), 0, kept.time || null);
      this.#heardTo = Infinity;
    } catch {
      this.#own = null;
    }
  }
}

/** Of an item, what is shown. */
const slim = ({ track, likeness, seed_similarity, rank_before, round, passed_counts, liking }) => ({ track, likeness, seed_similarity, rank_before, round, passed_counts, liking });

export const station = new Station();
