// The HTTP API. What goes wrong is a Problem, which whoever catches nothing shows as a toast.

const ROOT = "/api/v1";

/** What the server says went wrong (RFC 9457), or that it cannot be reached (status 0). */
export class Problem extends Error {
  constructor(document, retryAfter = null) {
    super(document.detail ?? document.title ?? "the server gave no answer");
    this.name = "Problem";
    this.status = document.status ?? 0;
    this.title = document.title ?? "";
    this.advice = document.advice ?? null;
    this.retryAfter = retryAfter;
  }
}

export const url = (path, params = {}) => {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== "") query.append(name, value);
  }
  const text = query.toString();
  return ROOT + path + (text ? `?${text}` : "");
};

async function problemOf(answer) {
  let document = { status: answer.status, detail: `the server answers ${answer.status}` };
  try {
    document = { ...document, ...(await answer.json()) };
  } catch {
    // No document: a proxy in between, perhaps.
  }
  return new Problem(document, Number(answer.headers.get("retry-after")) || null);
}

/** A request; the answer as it is. Raises Problem, or AbortError where the signal says so. */
export async function ask(method, path, { params, body, signal, form } = {}) {
  const asked = { method, signal, headers: { accept: "application/json" } };
  if (body !== undefined) {
    asked.headers["content-type"] = "application/json";
    asked.body = JSON.stringify(body);
  } else if (form) asked.body = form;
  let answer;
  try {
    answer = await fetch(url(path, params), asked);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    dispatchEvent(new CustomEvent("unreachable"));
    throw new Problem({ title: "Unreachable", detail: "The server cannot be reached. Is it still running?" });
  }
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (answer.status === 401 && path !== "/session") dispatchEvent(new CustomEvent("signinneeded"));
  throw problem;
}

async function json(method, path, options) {
  const answer = await ask(method, path, options);
  return answer.status === 204 ? null : answer.json();
}

export const get = (path, params, signal) => json("GET", path, { params, signal });
export const post = (path, body = {}, signal) => json("POST", path, { body, signal });
export const put = (path, body, signal) => json("PUT", path, { body, signal });
export const remove = (path, signal) => json("DELETE", path, { signal });

const MOST_AT_ONCE = 1000;

/** Tracks by their ids, in that order, however many. */
export async function tracksOf(ids, signal) {
  const found = [];
  for (let at = 0; at < ids.length; at += MOST_AT_ONCE) found.push(...(await post("/tracks/by-id", { track_ids: ids.slice(at, at + MOST_AT_ONCE) }, signal)).tracks);
  return found;
}

/** Send a file; `start_s` and `end_s` name a passage of it. Answers {upload_id, name, duration_s, analysis}. */
export function upload(file, passage = {}, signal) {
  const form = new FormData();
  form.append("file", file, file.name);
  for (const [name, value] of Object.entries(passage)) if (value != null) form.append(name, String(value));
  return json("POST", "/uploads", { form, signal });
}

/** Sign in: the server answers with a cookie that no script can read. */
export const signIn = (token) => json("POST", "/session", { body: { token } });

const AGAIN_MS = 3000;

/** The states of a job, as server-sent events tell them; returns what closes them. */
export function events(path, onstate) {
  let source;
  let timer;
  const open = () => {
    source = new EventSource(url(path));
    source.addEventListener("state", (event) => onstate(JSON.parse(event.data)));
    source.onerror = () => {
      dispatchEvent(new CustomEvent("unreachable"));
      // The browser tries again by itself, unless the answer was no stream.
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, AGAIN_MS);
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}

export const isAborted = (error) => error?.name === "AbortError";
