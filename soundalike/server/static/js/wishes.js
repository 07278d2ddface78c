// The controls of a playlist: what it is to be like, how long, within what limits.

import * as api from "./api.js";
import { button, el, fill, icon, iconButton, setStyle } from "./dom.js";
import { draft } from "./draft.js";
import { openDialog } from "./keys.js";
import { cover, facetSliders } from "./parts.js";
import { trackPicker } from "./picker.js";
import { player } from "./player.js";
import { artist, percent, plural, seconds, span, time, title } from "./words.js";

// Those of `soundalike playlist`.
export const DEFAULTS = {
  amount: 25, unit: "tracks", order: "smooth", surprise: 0, withSeeds: false, useTaste: true, weights: null,
  minLength: "1:00", maxLength: "15:00", perArtist: "", perAlbum: "", artistGap: "", versions: false,
  onlyGenres: "", neverGenres: "", onlyYears: "", neverYears: "", onlyFolders: "", neverFolders: "",
};
const LENGTH = "\\d{1,5}(:\\d{1,2}){0,2}";
const SUGGESTED = 6;
const MOST_RANDOM = 2 ** 31;

export const wishes = () => ({ ...DEFAULTS, ...draft.wishes });

/** No limit on the length of tracks any more. */
export const anyLength = () => draft.ask({ wishes: { ...wishes(), minLength: "", maxLength: "" } });

/** Whether the length of tracks is limited. */
export const limitsLength = () => Boolean(wishes().minLength || wishes().maxLength);

export const seedBody = ({ track, start_s, end_s }) => ({ track_id: track.track_id, start_s: start_s ?? null, end_s: end_s ?? null });

const parted = (text, by = /[,\n]/) => text.split(by).map((each) => each.trim()).filter(Boolean);

/** The limits, as the API takes them. */
function limitsOf(asked) {
  const filter = (kind) => ({ genres: parted(asked[`${kind}Genres`]), years: parted(asked[`${kind}Years`]), folders: parted(asked[`${kind}Folders`], /\n/) });
  const limits = {
    min_length_s: asked.minLength ? seconds(asked.minLength) : null,
    max_length_s: asked.maxLength ? seconds(asked.maxLength) : null,
    only: filter("only"), never: filter("never"), versions: asked.versions,
  };
  for (const [name, value] of [["max_per_artist", asked.perArtist], ["max_per_album", asked.perAlbum], ["artist_gap", asked.artistGap]]) {
    if (value !== "") limits[name] = Number(value);
  }
  return limits;
}

/** What is asked of POST /playlists/make and /extend, but the seeds. */
export function bodyOf(asked) {
  return {
    without: draft.without.map(seedBody),
    [asked.unit]: Number(asked.amount),
    limits: limitsOf(asked),
    weights: asked.weights,
    surprise: Number(asked.surprise),
    // Another surprise each time; without any, the same gives the same.
    random_seed: Number(asked.surprise) ? Math.floor(Math.random() * MOST_RANDOM) : 0,
    order: asked.order,
    use_taste: asked.useTaste,
  };
}

/** Suggest the genres of the tags to a field that takes several, with commas between. */
async function suggestGenres(fields, signal) {
  const { genres } = await api.get("/genres", {}, signal);
  fields.forEach((field, n) => {
    const list = el("datalist", { id: `genres-${n}` });
    const show = () => {
      const typed = field.value.split(",");
      const before = typed.slice(0, -1).map((each) => each.trim()).filter(Boolean);
      const head = before.length ? `${before.join(", ")}, ` : "";
      fill(list, genres.filter(({ genre }) => !before.includes(genre)).map(({ genre, tracks }) => el("option", { value: head + genre }, plural(tracks, "track"))));
    };
    field.setAttribute("list", list.id);
    field.addEventListener("input", show);
    field.after(list);
    show();
  });
}

/** Suggest the folders that were scanned, and what is below them: a click adds a line. */
async function suggestFolders(field, signal) {
  const { folders } = await api.get("/library", {}, signal);
  if (folders.length === 0) return;
  const add = (path) => {
    field.value = [...parted(field.value, /\n/).filter((each) => each !== path), path].join("\n");
    field.dispatchEvent(new Event("input"));
    field.focus();
  };
  const short = (path) => path.split(/[\\/]/).filter(Boolean).slice(-2).join("/");
  field.after(el("div", { class: "suggested" }, folders.slice(0, SUGGESTED).map(({ path }) => el("button", { type: "button", class: "chip", title: path, onclick: () => add(path) }, icon("plus"), short(path)))));
}

const counted = (asked, names) => names.filter((name) => asked[name] !== DEFAULTS[name]).length;

/** The form; `onmake()` is called when a playlist is wanted. */
export function wishesForm(onmake, signal) {
  const asked = wishes();
  const set = (name, value) => {
    asked[name] = value;
    draft.ask({ wishes: asked });
  };
  let made = 0;
  const labelled = (text, field, hint = null) => {
    made += 1;
    field.id = `wish-${made}`;
    if (hint) field.setAttribute("aria-describedby", `wish-${made}-hint`);
    return el("div", { class: "wish" }, el("label", { for: field.id }, text), field, hint && el("p", { class: "small soft", id: `wish-${made}-hint` }, hint));
  };
  const bound = (name, attributes = {}) => {
    const field = el(attributes.rows ? "textarea" : "input", { class: "field", value: asked[name], spellcheck: "false", autocomplete: "off", ...attributes });
    field.value = asked[name];
    field.addEventListener("input", () => set(name, field.value));
    return field;
  };
  const count = (name, attributes) => bound(name, { type: "number", inputmode: "numeric", min: 1, max: 1000, placeholder: "any", ...attributes });
  const length = (name, placeholder) => bound(name, { type: "text", pattern: LENGTH, placeholder, title: "Minutes and seconds, such as 1:30" });
  const choice = (name, options, attributes = {}) => {
    const field = el("select", { class: "field", ...attributes, onchange: () => set(name, field.value) },
      Object.entries(options).map(([value, text]) => el("option", { value, selected: value === asked[name] }, text)));
    return field;
  };
  const check = (name, text) => {
    const field = el("input", { type: "checkbox", checked: asked[name], onchange: () => set(name, field.checked) });
    return el("label", { class: "wish-check" }, field, el("span", {}, text));
  };
  const part = (text, names, ...inner) => {
    const number = el("span", { class: "how-many" });
    const made_ = el("details", { class: "wish-part" }, el("summary", {}, icon("right"), el("span", {}, text), number), el("div", { class: "wish-inner" }, inner));
    made_.tell = () => {
      const n = counted(wishes(), names);
      number.textContent = n || "";
      number.hidden = n === 0;
      number.title = `${n} set`;
    };
    made_.tell();
    draft.addEventListener("asked", made_.tell, { signal });
    return made_;
  };

  const surprise = el("input", { type: "range", class: "range", min: 0, max: 100, value: asked.surprise * 100, id: "wish-surprise" });
  const surprised = el("output", { class: "slider-share", for: "wish-surprise" });
  const showSurprise = () => {
    const text = surprise.value === "0" ? "none" : percent(surprise.value / 100);
    surprised.textContent = text;
    surprise.setAttribute("aria-valuetext", text);
    setStyle(surprise, { "--at": `${surprise.value}%` });
  };
  surprise.addEventListener("input", () => {
    set("surprise", surprise.value / 100);
    showSurprise();
  });
  showSurprise();

  const sliders = el("div");
  const facets = part("What counts", ["weights", "useTaste"], sliders, check("useTaste", "Use my taste"));
  facets.addEventListener("toggle", async () => {
    if (!facets.open || sliders.firstChild) return;
    const { facets: shares } = await api.get("/library", {}, signal);
    if (Object.keys(shares).length > 1) fill(sliders, facetSliders(shares, (weights) => set("weights", weights), asked.weights));
  });
  const lengths = part("Limits", ["minLength", "maxLength", "perArtist", "perAlbum", "artistGap", "versions"],
    el("div", { class: "wish-pair" }, labelled("Shortest", length("minLength", "any")), labelled("Longest", length("maxLength", "any"))),
    el("div", { class: "wish-pair" }, labelled("Most of an artist", count("perArtist")), labelled("Most of an album", count("perAlbum"))),
    labelled("Others between two of an artist", count("artistGap", { min: 0 })),
    check("versions", "Several copies of a recording may come"));
  const [onlyGenres, neverGenres] = ["onlyGenres", "neverGenres"].map((name) => bound(name, { placeholder: name === "onlyGenres" ? "jazz, blues" : null }));
  const [onlyFolders, neverFolders] = ["onlyFolders", "neverFolders"].map((name) => bound(name, { rows: 2 }));
  const which = part("Which tracks", ["onlyGenres", "neverGenres", "onlyYears", "neverYears", "onlyFolders", "neverFolders"],
    labelled("Only genres", onlyGenres, "Of the tags, with commas between."), labelled("Never genres", neverGenres),
    el("div", { class: "wish-pair" }, labelled("Only years", bound("onlyYears", { placeholder: "1990-1999" })), labelled("Never years", bound("neverYears"))),
    labelled("Only below folders", onlyFolders, "One a line."), labelled("Never below folders", neverFolders));
  which.addEventListener("toggle", () => Promise.all([suggestGenres([onlyGenres, neverGenres], signal), suggestFolders(onlyFolders, signal), suggestFolders(neverFolders, signal)]), { once: true });
  const amount = bound("amount", { type: "number", inputmode: "decimal", min: 1, max: 1000, step: "any", required: true, "aria-label": "How many" });
  const form = el(
    "form",
    { class: "wishes card", "aria-label": "What the playlist is to be", onsubmit: (event) => { event.preventDefault(); onmake(); } },
    seedPart("Sounds like", "seeds", "A seed: what the tracks are to be like", signal),
    el("div", { class: "wish-row" }, el("div", { class: "wish" }, el("span", { class: "wish-name", id: "wish-amount" }, "Length"),
      el("div", { class: "wish-amount", role: "group", "aria-labelledby": "wish-amount" }, amount, choice("unit", { tracks: "tracks", minutes: "minutes" }, { "aria-label": "Unit" }))),
    labelled("Order", choice("order", { smooth: "Smooth", similar: "Nearest first" }))),
    el("div", { class: "slider" }, el("label", { for: "wish-surprise" }, "Surprise"), surprised, surprise),
    check("withSeeds", "Begin with the seeds"),
    el("div", { class: "wish-parts" },
      seedPart("But not like", "without", "Something to be unlike", signal, true),
      lengths,
      which,
      facets),
    el("div", { class: "wish-make" }, el("button", { type: "submit", class: "button primary" }, icon("playlist"), el("span", {}, "Make the playlist"))),
  );
  form.unlimited = () => {
    asked.minLength = "";
    asked.maxLength = "";
    anyLength();
    for (const field of form.querySelectorAll(`[pattern]`)) field.value = "";
  };
  form.check = () => {
    const wrong = [...form.elements].find((each) => each.willValidate && !each.validity.valid);
    if (!wrong) return true;
    wrong.closest("details")?.setAttribute("open", "");
    wrong.reportValidity();
    return false;
  };
  form.noValidate = true;
  return form;
}

/** Seeds, or what to be unlike, with a field to add more. */
function seedPart(text, name, label, signal, isFolded = false) {
  const list = el("ul", { class: "seeds", "aria-label": text });
  const number = el("span", { class: "how-many" });
  const away = name === "without";
  const picker = trackPicker({ label, placeholder: away ? "Something to be unlike …" : "Search for a seed …", onpick: (track) => draft.addSeed({ track }, { away, quietly: true }) }, signal);
  const put = (seeds) => draft.ask({ [name]: seeds });
  const show = () => {
    const seeds = draft[name];
    list.hidden = seeds.length === 0;
    number.textContent = seeds.length || "";
    number.hidden = seeds.length === 0;
    fill(list, seeds.map((seed, i) => seedRow(seed, {
      onremove: () => {
        put(seeds.filter((_, at) => at !== i));
        picker.querySelector("input").focus();
      },
      onchange: (changed) => put(seeds.map((each, at) => (at === i ? changed : each))),
    })));
  };
  draft.addEventListener("asked", show, { signal });
  show();
  if (isFolded) return el("details", { class: "wish-part", open: draft[name].length > 0 }, el("summary", {}, icon("right"), el("span", {}, text), number), el("div", { class: "wish-inner" }, list, picker));
  return el("section", { class: "wish-seeds" }, el("h2", { class: "card-title" }, text), list, picker);
}

function seedRow(seed, { onremove, onchange }) {
  const { track, start_s, end_s } = seed;
  const isPart = start_s !== undefined && start_s !== null;
  const under = isPart ? span(start_s, end_s ?? track.duration_s) : artist(track);
  return el(
    "li",
    { class: "seed", data: { track: track.track_id } },
    cover(track),
    el("div", { class: "bar-text" }, el("a", { class: "bar-title", href: `/track/${track.track_id}` }, title(track)), el("span", { class: isPart ? "small accent" : "small soft" }, under)),
    iconButton("similar", `Only a passage of ${title(track)}`, () => choosePassage(seed, onchange)),
    iconButton("close", `Remove ${title(track)}`, onremove),
  );
}

/** A dialog that chooses a passage of a track, or all of it. */
function choosePassage(seed, onchange) {
  const { track } = seed;
  const field = (label, value) => el("input", { class: "field", id: `passage-${label}`, type: "text", inputmode: "numeric", pattern: LENGTH, value: time(value), autocomplete: "off" });
  const from = field("from", seed.start_s ?? 0);
  const to = field("to", seed.end_s ?? track.duration_s ?? 0);
  const wrong = el("p", { class: "bad small", role: "alert" });
  const chosen = () => {
    const [start_s, end_s] = [seconds(from.value), seconds(to.value)];
    const longest = (track.duration_s ?? Infinity) + 1;
    const isGood = start_s !== null && end_s !== null && start_s < end_s && end_s <= longest;
    wrong.textContent = isGood ? "" : `Give times such as 0:20 and 0:50, within ${time(track.duration_s)}.`;
    return isGood ? { start_s, end_s: Math.min(end_s, track.duration_s ?? end_s) } : null;
  };
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-label": "A passage" },
    el("h2", {}, "Only a passage"),
    el("p", { class: "soft" }, title(track)),
    el("form", {
      method: "dialog", novalidate: true,
      onsubmit: (event) => {
        const passage = chosen();
        if (passage === null) event.preventDefault();
        else onchange({ track, ...passage });
      },
    },
    el("div", { class: "wish-pair" }, el("div", { class: "wish" }, el("label", { for: from.id }, "From"), from), el("div", { class: "wish" }, el("label", { for: to.id }, "To"), to)),
    wrong,
    el("div", { class: "actions" },
      el("button", { type: "submit", class: "button primary" }, "Use it"),
      button("Hear it", () => { const passage = chosen(); if (passage) player.playPassage(track, passage.start_s, passage.end_s); }, { symbol: "play" }),
      button("The whole track", () => { onchange({ track }); dialog.close(); }, { kind: "quiet" }))),
  );
  openDialog(dialog);
}
