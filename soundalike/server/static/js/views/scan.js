// The folders that music comes from: scanning them, what failed and why, what is missing.

import * as api from "../api.js";
import { bytes, clock, day, number, plural, roughly, took } from "../amounts.js";
import { button, el, fill, icon } from "../dom.js";
import { failureNote, ending, follow, left, progressCard } from "../job.js";
import { card, heading } from "../parts.js";
import { showProblem } from "../toast.js";
import { capital, sentence, title } from "../words.js";

const PHASES = { walking: "Looking through the folders", analysing: "Analysing", "reading tags": "Reading tags", "re-analysing": "Analysing anew" };
const FIRST_FILES = 20;
const MISSING_SHOWN = 50;

export async function show(view) {
  const scan = { state: "/scan", events: "/scan/events" };
  const head = el("div");
  const progress = progressCard("Scan", () => api.remove("/scan").catch(showProblem));
  const outcome = el("div", { class: "stack" });
  const wrong = el("div", { role: "alert" });
  const form = folderForm(start);
  const folders = el("div", { class: "stack" });
  const failed = el("div", { class: "stack" });
  let isRunning = null;
  let wasEmpty = false;

  async function start(body, path = "/scan") {
    fill(wrong);
    try {
      await api.post(path, body);
      form.done();
    } catch (error) {
      if (!(error instanceof api.Problem) || error.status === 0 || error.status === 401) throw error;
      fill(wrong, el("p", { class: "notice bad-notice" }, icon("warning"), el("span", {}, sentence(error.message))));
      wrong.scrollIntoView({ block: "nearest" });
    }
  }

  async function refresh() {
    const [info, failures, missing] = await Promise.all([
      api.get("/library", {}, view.signal),
      api.get("/failures", {}, view.signal),
      api.get("/tracks", { status: "missing", sort: "path", limit: MISSING_SHOWN }, view.signal),
    ]);
    const isFirst = info.folders.length === 0;
    wasEmpty ||= isFirst;
    const again = button("Scan for changes", () => start({}), { kind: "primary", symbol: "refresh", disabled: isRunning });
    fill(head, heading(isFirst ? "Where is your music?" : "Scan", {
      line: isFirst ? "Name a folder. Every piece in it and below it is listened to once; then all of them can be searched by their sound." : held(info, isRunning),
      actions: isFirst ? [] : [again],
    }));
    form.show(isFirst);
    form.hidden = isFirst && isRunning === true;
    fill(folders, !isFirst && folderList(info, start, form.edit), !isRunning && upgradeCard(info, start));
    fill(failed, isFirst && !isRunning && whatHappens(), failureList(failures, info, () => start({}, "/failures/retry")), missingList(missing), libraryFoot(info));
    form.enable(!isRunning);
    for (const each of view.root.querySelectorAll("[data-starts]")) each.disabled = isRunning;
  }

  function onstate(state, hasEnded) {
    const began = isRunning !== true && state.status === "running";
    isRunning = state.status === "running";
    progress.hidden = !isRunning;
    if (began) {
      progress.restart();
      fill(outcome);
      fill(wrong);
    }
    if (isRunning) {
      const at = state.progress;
      progress.show(at === null ? { title: "Starting", done: 0, total: 0 } : {
        title: at.phase === "re-analysing" ? `Analysing anew with ${at.model}` : `${PHASES[at.phase] ?? capital(at.phase)}${at.is_fast && at.phase === "analysing" ? " in passages" : ""}`,
        done: at.done,
        total: at.phase === "walking" ? 0 : at.total,
        unit: at.phase === "re-analysing" ? "track" : "file",
        facts: {
          Found: at.phase === "walking" && at.total ? plural(at.total, "file") : "",
          Speed: at.tracks_per_s ? `${at.tracks_per_s.toFixed(at.tracks_per_s < 10 ? 1 : 0)} a second` : "",
          "Time left": at.phase === "walking" ? "" : left(at.left_s),
        },
        path: at.path,
      });
    } else if (state.status !== "idle") fill(outcome, reportCard(state, wasEmpty));
    if (began || hasEnded) refresh().catch((error) => api.isAborted(error) || showProblem(error));
  }

  fill(view.root, head, el("div", { class: "stack" }, wrong, progress, outcome, folders, form, failed));
  progress.hidden = true;
  await refresh();
  await new Promise((done) => {
    follow(scan, (state, hasEnded) => { onstate(state, hasEnded); done(); }, view.signal);
    setTimeout(done, 1000);
  });
}

const held = (info, isRunning) => {
  const parts = [`${plural(info.analysed, "track")} analysed`, info.duration_s ? `${roughly(info.duration_s)} of music` : null, info.fast ? `${number(info.fast)} heard in passages only` : null, info.pending && !isRunning ? `${number(info.pending)} waiting` : null];
  return `${parts.filter(Boolean).join(", ")}.`;
};

/** For whoever is here for the first time. */
function whatHappens() {
  const step = (symbol, name, text) => el("li", {}, el("span", { class: "asked-mark" }, icon(symbol)), el("div", {}, el("h2", {}, name), el("p", { class: "soft" }, text)));
  return el("ol", { class: "asked first-steps" },
    step("file", "Every file is listened to", "Once. You see how far it is, can stop at any time, and go on later where it stopped."),
    step("check", "It all stays here", "The analysis runs on this computer, needs no internet and changes none of your files."),
    step("similar", "Then you search by sound", "Tracks appear in the library while the scan runs. Look around before it is finished."));
}

// ---- folders

/** The form for a folder; `edit(folder)` fills it with one that was scanned. */
function folderForm(start) {
  const path = el("input", { class: "field", id: "folder", required: true, autocomplete: "off", spellcheck: "false", placeholder: "~/Music", "aria-describedby": "folder-help" });
  const exclude = el("textarea", { class: "field", id: "folder-exclude", rows: 2, spellcheck: "false", placeholder: "Podcasts\n*.wma" });
  const pattern = el("input", { class: "field", id: "folder-pattern", autocomplete: "off", spellcheck: "false", placeholder: "{artist}/{album}/{track} - {title}" });
  const encoding = el("input", { class: "field", id: "folder-encoding", autocomplete: "off", spellcheck: "false", placeholder: "found out by itself" });
  const full = el("input", { type: "checkbox", id: "folder-full" });
  const fast = el("input", { type: "checkbox", id: "folder-fast" });
  const submit = el("button", { type: "submit", class: "button primary" }, icon("scan"), el("span", {}, "Scan it"));
  const options = el("details", { class: "more" }, el("summary", {}, "Options"),
    el("div", { class: "fields" },
      field("Leave out", exclude, "Names or paths, one a line."),
      field("How paths are made", pattern, "Says artist and title where tags do not."),
      field("Encoding of old tags", encoding, "Such as cp1251, where names look garbled."),
      el("label", { class: "check", for: "folder-fast" }, fast, el("span", {}, "Fast: hear six short passages of each track only, until the next scan without this")),
      el("label", { class: "check", for: "folder-full" }, full, el("span", {}, "Read every file, even if nothing about it has changed")),
    ));
  const name = el("h2", { class: "card-title" }, "Add a folder");
  // What is empty is not sent for a new folder, and resets what was remembered of another.
  let isEdited = false;
  const made = el("form", {
    class: "card folder-form",
    onsubmit: (event) => {
      event.preventDefault();
      const lines = exclude.value.split("\n").map((each) => each.trim()).filter(Boolean);
      const body = { folders: [path.value.trim()], full: full.checked, fast: fast.checked };
      if (lines.length || isEdited) body.exclude = lines;
      if (pattern.value.trim()) body.pattern = pattern.value.trim();
      if (encoding.value.trim()) body.tag_encoding = encoding.value.trim();
      start(body).catch(showProblem);
    },
  }, name,
  el("label", { for: "folder", class: "label" }, "Folder"),
  el("div", { class: "folder-line" }, path, submit),
  el("p", { class: "small soft", id: "folder-help" }, "A path on the computer that ", el("code", {}, "soundalike serve"), " runs on, with all that is below it. Files are read there and stay as they are; nothing is sent anywhere."),
  options);
  made.show = (isFirst) => {
    if (isFirst) path.focus({ preventScroll: true });
    name.hidden = isFirst;
    made.classList.toggle("is-first", isFirst);
    submit.querySelector("span").textContent = isFirst ? "Scan this folder" : "Scan it";
  };
  made.enable = (can) => { submit.disabled = !can; };
  made.done = () => {
    for (const each of [path, exclude, pattern, encoding]) each.value = "";
    full.checked = false;
    fast.checked = false;
    isEdited = false;
    options.open = false;
    name.textContent = "Add a folder";
  };
  made.edit = (folder) => {
    path.value = folder.path;
    exclude.value = folder.excludes.join("\n");
    pattern.value = folder.pattern ?? "";
    encoding.value = folder.tag_encoding ?? "";
    isEdited = true;
    options.open = true;
    name.textContent = "Change how a folder is scanned";
    made.scrollIntoView({ block: "nearest" });
    exclude.focus();
  };
  return made;
}

function field(text, input, help) {
  input.setAttribute("aria-describedby", `${input.id}-help`);
  return el("div", { class: "labelled" }, el("label", { for: input.id, class: "label" }, text), input, el("p", { class: "small soft", id: `${input.id}-help` }, help));
}

function folderList(info, start, edit) {
  const settings = (folder) => [
    ...folder.excludes.map((each) => `without ${each}`),
    folder.pattern && `paths are ${folder.pattern}`,
    folder.tag_encoding && `tags in ${folder.tag_encoding}`,
  ].filter(Boolean);
  return card("Folders", el("ul", { class: "folders" }, info.folders.map((folder) =>
    el("li", { class: "folder" }, icon("scan"),
      el("div", { class: "folder-what" },
        el("p", { class: "path" }, folder.path),
        el("p", { class: "small soft" }, `${plural(folder.tracks, "track")}, scanned ${clock(folder.scanned_at)}`),
        settings(folder).length > 0 && el("div", { class: "chips" }, settings(folder).map((each) => el("span", { class: "chip" }, each)))),
      el("div", { class: "actions" },
        button("Settings", () => edit(folder), { kind: "quiet", symbol: "sliders", "aria-label": `Settings of ${folder.path}` }),
        button("Scan", () => start({ folders: [folder.path] }).catch(showProblem), { "data-starts": true, "aria-label": `Scan ${folder.path}` }))))));
}

function upgradeCard(info, start) {
  if (info.upgrade) {
    const { model, query_model: answers, done, remaining } = info.upgrade;
    return card("A newer model", el("p", {}, `${model} is installed. ${answers} answers until every track is analysed with the new one: ${number(done)} are, ${number(remaining)} are not yet. Nothing is lost on the way.`),
      el("div", { class: "actions card-actions" }, button("Analyse anew", () => start({ upgrade: true }).catch(showProblem), { symbol: "refresh", "data-starts": true })));
  }
  if (!info.pending) return null;
  return card("Waiting", el("p", {}, `${plural(info.pending, "track")} ${info.pending === 1 ? "is" : "are"} not analysed with ${info.model} yet. A scan does it.`));
}

// ---- what a scan did

const COUNTED = { analysed: "analysed", reanalysed: "analysed anew", fast: "of them heard in passages", retagged: "with new tags", moved: "moved", copied: "copies of known files", returned: "back again", missing: "missing", removed: "left out", unchanged: "unchanged", still_failing: "failed before", ignored: "no audio" };

function reportCard(state, wasEmpty) {
  const report = state.result;
  const made = card(null, el("div", { class: "job-head" }, el("h2", { class: "card-title" }, state.status === "failed" ? "The scan failed" : state.status === "stopped" ? "Stopped" : "Scanned"), el("p", { class: "small soft" }, report ? `${ending(state)}, after ${took(report.elapsed_s)}` : ending(state))));
  made.classList.add("report");
  if (state.problem) made.append(failureNote(state.problem));
  if (report) {
    const counts = Object.entries(COUNTED).map(([name, text]) => [report[name], text]);
    counts.splice(1, 0, [report.failed.length, "failed"]);
    made.append(
      el("ul", { class: "tiles" }, counts.filter(([count]) => count).map(([count, text]) => el("li", { class: `tile ${text === "failed" ? "is-bad" : ""}` }, el("b", {}, number(count)), el("span", {}, text)))),
      ...report.notes.map((note) => el("p", { class: "notice" }, icon("info"), el("span", {}, sentence(note)))),
    );
    if (!counts.some(([count]) => count)) made.append(el("p", {}, "There is no audio file in it."));
    if (report.interrupted) made.append(el("p", { class: "soft" }, "What is finished is kept; the next scan goes on from there."));
    if (report.analysed || wasEmpty) made.append(el("div", { class: "actions card-actions" }, el("a", { class: "button primary", href: "/" }, icon("library"), el("span", {}, "See the library"))));
  }
  return made;
}

// ---- what failed, what is missing

/** "TooShort" -> "Too short". */
const kindName = (kind) => capital(kind.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase());

function failureList({ total, failures }, info, retry) {
  if (total === 0) return null;
  const sorted = [...byKind(failures)].sort(([, a], [, b]) => b.length - a.length);
  return card(null,
    el("div", { class: "job-head" },
      el("div", {}, el("h2", { class: "card-title" }, `${plural(total, "file")} could not be analysed`), el("p", { class: "soft" }, "Each is tried again by itself when it changes, and all others go on without it.")),
      button("Try all again", () => retry().catch(showProblem), { symbol: "refresh", "data-starts": true })),
    el("div", { class: "failures" }, sorted.map(([kind, files]) => failureGroup(kind, files, info.folders))));
}

function byKind(failures) {
  const groups = new Map();
  for (const each of failures) {
    if (!groups.has(each.kind)) groups.set(each.kind, []);
    groups.get(each.kind).push(each);
  }
  return groups;
}

function failureGroup(kind, files, folders) {
  const list = el("ul", { class: "failed-files" });
  const row = (failure) => {
    const root = folders.map(({ path }) => path).filter((path) => failure.path.startsWith(path)).sort((a, b) => b.length - a.length)[0];
    const short = root ? failure.path.slice(root.length).replace(/^[\\/]/, "") : failure.path;
    return el("li", {}, el("p", { class: "path", title: failure.path }, short || failure.path),
      el("p", { class: "small soft" }, `${capital(failure.reason)} · tried ${failure.attempts === 1 ? "once" : `${failure.attempts} times`}, last ${clock(failure.failed_at)}${failure.retry_at ? `; again from ${clock(failure.retry_at)}` : ""}`));
  };
  const fillTo = (count) => fill(list, files.slice(0, count).map(row), files.length > count && el("li", {}, button(`Show all ${number(files.length)}`, () => fillTo(files.length), { kind: "quiet" })));
  const made = el("details", { class: "failure-group", open: files.length <= 5 },
    el("summary", {}, el("b", {}, kindName(kind)), el("span", { class: "chip" }, number(files.length)), el("span", { class: "soft failure-advice" }, sentence(files[0].advice))),
    list);
  if (made.open) fillTo(FIRST_FILES);
  else made.addEventListener("toggle", () => fillTo(FIRST_FILES), { once: true });
  return made;
}

function missingList({ total, tracks }) {
  if (total === 0) return null;
  return card(`${plural(total, "file")} ${total === 1 ? "is" : "are"} missing`,
    el("p", { class: "soft" }, "They were there at an earlier scan. Their analysis is kept: when they come back, or turn up elsewhere, the next scan knows them. To remove them for good: ", el("code", {}, "soundalike forget --missing")),
    el("ul", { class: "failed-files" }, tracks.map((track) => el("li", {}, el("p", { class: "path" }, track.path), el("p", { class: "small soft" }, `${title(track)} · missing since ${day(track.missing_since)}`))),
      total > tracks.length && el("li", { class: "soft" }, `and ${number(total - tracks.length)} more`)));
}

const libraryFoot = (info) =>
  el("p", { class: "small soft foot" }, "Library ", el("span", { class: "path" }, info.location), info.size_bytes !== null && `, ${bytes(info.size_bytes)}`, `, ${plural(info.tracks, "file")}${info.missing ? ` and ${number(info.missing)} missing` : ""}. Model `, el("a", { href: "/models" }, info.model), ".");
