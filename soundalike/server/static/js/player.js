// What is heard: one audio element, which outlives every view, and a queue.
//
// An item of the queue is {track, start_s?, end_s?, url?, label?}: a track of the library, or a local
// file (`url`), or a passage of either. What is `blind` is called by its label alone. Events on
// `player`: "item" (another one, or none), "state" (plays or not), "time" (with every frame while it
// plays), "queue", "end" (the last one is over).

import { url as apiUrl } from "./api.js";
import { keep, kept } from "./storage.js";
import { toast } from "./toast.js";
import { artist, span, title } from "./words.js";

class Player extends EventTarget {
  #audio = new Audio();
  #queue = [];
  #at = -1;
  // A transcoded stream cannot be sought in: it begins anew at the time that is wanted.
  #offset = 0;
  #wanted = null;
  #frame = 0;

  constructor() {
    super();
    const audio = this.#audio;
    audio.preload = "auto";
    audio.volume = kept("volume", 1);
    for (const name of ["play", "pause", "ended", "waiting", "playing"]) audio.addEventListener(name, () => this.#tell("state"));
    audio.addEventListener("play", () => this.#tick());
    audio.addEventListener("seeked", () => this.#tell("time"));
    audio.addEventListener("loadedmetadata", () => this.#seekWanted());
    audio.addEventListener("ended", () => this.#onEnd());
    audio.addEventListener("error", () => this.#onError());
    this.#listenToMedia();
  }

  get item() { return this.#queue[this.#at] ?? null; }
  get queue() { return [...this.#queue]; }
  get index() { return this.#at; }
  get isPlaying() { return !this.#audio.paused && !this.#audio.ended; }
  get isLoading() { return this.isPlaying && this.#audio.readyState < 3; }
  get time() { return this.#wanted ?? this.#audio.currentTime + this.#offset; }
  get volume() { return this.#audio.muted ? 0 : this.#audio.volume; }
  get isMuted() { return this.#audio.muted; }

  /** Seconds of the whole file; NaN while unknown. */
  get duration() {
    const known = this.item?.track.duration_s;
    const own = this.#audio.duration;
    return known ?? (Number.isFinite(own) ? own + this.#offset : Number.NaN);
  }

  /** The item is of this track (an id), whether it plays or not. */
  isAt(trackId) { return this.item !== null && this.item.track.track_id === trackId; }

  /** Put items in the place of the queue, and play one. Tracks may stand for items. */
  play(items, index = 0, start_s = null) {
    this.#queue = items.map((each) => (each.track ? each : { track: each }));
    this.#tell("queue");
    this.#load(index, start_s, true);
  }

  /** As `play`, but wait for the user to start it. */
  load(items, index = 0, start_s = null) {
    this.#queue = items.map((each) => (each.track ? each : { track: each }));
    this.#tell("queue");
    this.#load(index, start_s, false);
  }

  /** Play a passage of a track, and stop at its end. */
  playPassage(track, start_s, end_s, label = null) {
    this.play([{ track, start_s, end_s, label }]);
  }

  /** Play the track, or pause where it is the one that plays. */
  toggleTrack(tracks, index) {
    if (this.isAt(tracks[index].track_id) && this.item.end_s === undefined) this.toggle();
    else this.play(tracks, index);
  }

  /** Put tracks at the end of the queue, or `next`: after the one that plays. */
  add(tracks, { next = false } = {}) {
    const items = tracks.map((each) => (each.track ? each : { track: each }));
    if (next) this.#queue.splice(this.#at + 1, 0, ...items);
    else this.#queue.push(...items);
    this.#tell("queue");
    if (this.#at < 0) this.#load(0, null, true);
  }

  /** Take one out of the queue. */
  drop(index) {
    if (index === this.#at) return;
    this.#queue.splice(index, 1);
    if (index < this.#at) this.#at -= 1;
    this.#tell("queue");
  }

  /** Put other items behind the one that plays. */
  replaceUpcoming(items) {
    this.#queue.splice(this.#at + 1, Infinity, ...items.map((each) => (each.track ? each : { track: each })));
    this.#tell("queue");
  }

  jump(index) { this.#load(index, null, true); }

  toggle() {
    if (this.item === null) return;
    if (this.isPlaying) this.#audio.pause();
    else this.#start();
  }

  pause() { this.#audio.pause(); }

  next() {
    if (this.#at + 1 < this.#queue.length) this.#load(this.#at + 1, null, true);
  }

  /** To the beginning, or to the one before where it has only just begun. */
  previous() {
    if (this.time - (this.item?.start_s ?? 0) > 4 || this.#at <= 0) this.seek(this.item?.start_s ?? 0);
    else this.#load(this.#at - 1, null, true);
  }

  seek(seconds) {
    if (this.item === null) return;
    const wanted = Math.max(0, Math.min(seconds, (this.duration || Infinity) - 0.1));
    if (this.#audio.readyState < 1) this.#wanted = wanted;
    else if (this.#reaches(wanted)) this.#audio.currentTime = wanted - this.#offset;
    else this.#restartAt(wanted);
    this.#tell("time");
  }

  setVolume(value) {
    this.#audio.muted = false;
    this.#audio.volume = Math.max(0, Math.min(1, value));
    keep("volume", this.#audio.volume);
    this.#tell("state");
  }

  toggleMute() {
    this.#audio.muted = !this.#audio.muted;
    this.#tell("state");
  }

  stop() {
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    this.#queue = [];
    this.#at = -1;
    this.#tell("queue");
    this.#tell("item");
    this.#tell("state");
  }

  #tell(name) { this.dispatchEvent(new Event(name)); }

  #load(index, start_s, andPlay) {
    this.#at = index;
    const { track, start_s: from, url } = this.item;
    const start = start_s ?? from ?? 0;
    this.#offset = 0;
    this.#wanted = start > 0 ? start : null;
    this.#audio.src = url ?? apiUrl(`/tracks/${track.track_id}/audio`);
    this.#tell("item");
    this.#describe();
    if (andPlay) this.#start();
    this.#tell("time");
  }

  #start() {
    this.#audio.play().catch((error) => {
      // A load that was given up for another one; what cannot be played is told by the "error" event.
      if (error.name === "NotAllowedError") toast("The browser wants a click first: press play.", { kind: "error" });
    });
  }

  #seekWanted() {
    const wanted = this.#wanted;
    this.#wanted = null;
    if (wanted === null) return;
    if (this.#reaches(wanted)) this.#audio.currentTime = wanted - this.#offset;
    else this.#restartAt(wanted);
  }

  #reaches(seconds) {
    const here = seconds - this.#offset;
    if (Number.isFinite(this.#audio.duration) && here >= 0) return here <= this.#audio.duration + 1;
    const { buffered } = this.#audio;
    for (let i = 0; i < buffered.length; i++) if (here >= buffered.start(i) && here <= buffered.end(i)) return true;
    return false;
  }

  #restartAt(seconds) {
    if (this.item.url) return;
    const wasPlaying = this.isPlaying;
    this.#offset = seconds;
    this.#wanted = null;
    this.#audio.src = apiUrl(`/tracks/${this.item.track.track_id}/audio`, { start_s: seconds.toFixed(2), format: "mp3" });
    if (wasPlaying) this.#start();
  }

  #tick() {
    cancelAnimationFrame(this.#frame);
    const step = () => {
      if (!this.isPlaying) return;
      const end = this.item?.end_s;
      if (end !== undefined && end !== null && this.#wanted === null && this.time >= end) {
        this.#audio.pause();
        this.#onEnd();
        return;
      }
      this.#tell("time");
      this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }

  #onEnd() {
    if (this.#at + 1 < this.#queue.length) this.next();
    else this.#tell("end");
    this.#tell("state");
  }

  #onError() {
    if (!this.#audio.getAttribute("src")) return;
    toast(`“${title(this.item.track)}” cannot be played.`, { kind: "error", detail: "Its file may be gone, or damaged." });
    this.#tell("state");
  }

  #describe() {
    if (!("mediaSession" in navigator) || !this.item) return;
    const { track, label, blind } = this.item;
    if (blind) {
      navigator.mediaSession.metadata = new MediaMetadata({ title: label });
      return;
    }
    const artwork = track.track_id ? [{ src: apiUrl(`/tracks/${track.track_id}/cover`, { missing: "empty" }) }] : [];
    navigator.mediaSession.metadata = new MediaMetadata({ title: title(track), artist: artist(track), album: track.album ?? "", artwork });
  }

  #listenToMedia() {
    if (!("mediaSession" in navigator)) return;
    const actions = {
      play: () => this.#start(),
      pause: () => this.pause(),
      nexttrack: () => this.next(),
      previoustrack: () => this.previous(),
      seekto: (details) => this.seek(details.seekTime),
      seekforward: (details) => this.seek(this.time + (details.seekOffset ?? 10)),
      seekbackward: (details) => this.seek(this.time - (details.seekOffset ?? 10)),
    };
    for (const [name, run] of Object.entries(actions)) navigator.mediaSession.setActionHandler(name, run);
  }
}

export const player = new Player();

/** A matching passage as items of the queue: A's, then B's. */
export const bothItems = (a, b, passage) => [
  { track: a, start_s: passage.a_start_s, end_s: passage.a_end_s, label: `A ${span(passage.a_start_s, passage.a_end_s)}` },
  { track: b, start_s: passage.b_start_s, end_s: passage.b_end_s, label: `B ${span(passage.b_start_s, passage.b_end_s)}` },
];

/** Play A's part of a matching passage, and then B's. */
export const playBoth = (a, b, passage) => player.play(bothItems(a, b, passage));
