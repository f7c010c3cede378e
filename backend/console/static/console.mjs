// The console's only script: pages are whole without it. It keeps open pages up to date, replaces fragments in
// place, moves a crosshair over charts, opens pictures, copies hashes. It runs nothing that a page carries.
const QUIET_MS = 150;
const AGAIN_MS = [1000, 2000, 5000, 10000, 30000];
const said = document.getElementById("said");

async function fetched(url) {
  const answer = await fetch(url, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  if (answer.redirected && new URL(answer.url).pathname === "/sign-in") {
    location.assign(answer.url);
    return null;
  }
  return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

function replace(id, page) {
  const old = document.getElementById(id);
  const fresh = page.getElementById(id);
  if (!old || !fresh || old.contains(document.activeElement)) return;
  old.classList.remove("changed");
  if (!old.className) old.removeAttribute("class");
  if (old.isEqualNode(fresh)) return;
  const open = [...old.querySelectorAll("details")].map((each) => each.open);
  const next = document.importNode(fresh, true);
  [...next.querySelectorAll("details")].forEach((each, at) => { each.open = open[at] ?? each.open; });
  if (!old.closest("footer, header")) next.classList.add("changed");
  old.replaceWith(next);
  next.dispatchEvent(new CustomEvent("tally:swapped", { bubbles: true }));
}

// Fragments: <a data-swap="id other-id" href> and <form data-swap method="get"> replace those elements only.
export async function swap(url, ids, { push = false } = {}) {
  const page = await fetched(url);
  if (!page) return false;
  ids.forEach((id) => replace(id, page));
  if (push) history.replaceState(null, "", url);
  return true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    swap(link.href, link.dataset.swap.split(" "), { push: true }).then((done) => done || location.assign(link.href));
  }
  const view = event.target.closest("a[data-view]");
  if (view && !event.metaKey && !event.ctrlKey) {
    event.preventDefault();
    const dialog = document.getElementById("viewer");
    const picture = dialog.querySelector("img");
    picture.src = view.href;
    picture.alt = view.querySelector("img")?.alt ?? "";
    dialog.showModal();
  }
  const copy = event.target.closest("button[data-copy]");
  if (copy) navigator.clipboard?.writeText(copy.dataset.copy).then(() => { said.textContent = said.dataset.copied; });
});

let typed = 0;
for (const kind of ["input", "submit"]) {
  document.addEventListener(kind, (event) => {
    const form = event.target.closest?.("form");
    if (kind === "submit" && form?.dataset.confirm && !confirm(form.dataset.confirm)) return event.preventDefault();
    if (!form?.dataset.swap || form.method !== "get") return undefined;
    if (kind === "submit") event.preventDefault();
    clearTimeout(typed);
    const query = new URLSearchParams(new FormData(form));
    typed = setTimeout(() => swap(`${form.getAttribute("action") || location.pathname}?${query}`, form.dataset.swap.split(" "), { push: true }), QUIET_MS);
    return undefined;
  });
}

document.addEventListener("keydown", (event) => {
  const writes = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !writes && !event.metaKey && !event.ctrlKey) {
    const search = document.getElementById("search");
    if (search) { event.preventDefault(); search.focus(); }
  }
});

// Events: an element with an id and data-live="alert_opened loan_state_changed" (or "*") is fetched anew when one
// comes; data-about="loan/L-1 alert/" narrows that to subjects which begin so.
const kinds = (document.body.dataset.kinds ?? "").split(" ").filter(Boolean);
let source = null;
let last = 0;
let failures = 0;
let waiting = new Set();
let refresh = 0;

function heard(event) {
  last = Number(event.lastEventId) || last;
  const { subject = "" } = JSON.parse(event.data);
  for (const each of document.querySelectorAll("[data-live][id]")) {
    const wanted = each.dataset.live.split(" ");
    const about = (each.dataset.about ?? "").split(" ");
    if ((wanted.includes("*") || wanted.includes(event.type)) && about.some((start) => subject.startsWith(start))) waiting.add(each.id);
  }
  clearTimeout(refresh);
  refresh = setTimeout(renew, QUIET_MS);
}

async function renew() {
  const ids = waiting;
  waiting = new Set();
  if (ids.size && !(await swap(location.href, ids))) ids.forEach((id) => waiting.add(id));
}

function offline(is) { document.getElementById("offline").hidden = !is; }

function listen() {
  const start = document.body.dataset.events;
  if (!start || source || document.hidden) return;
  const url = new URL(start, location.href);
  if (last) url.searchParams.set("after", String(last));
  source = new EventSource(url);
  source.onopen = () => { failures = 0; offline(false); document.body.dataset.listening = "yes"; };
  source.onerror = () => {
    delete document.body.dataset.listening;
    source.close();
    source = null;
    offline(failures > 0);
    setTimeout(listen, AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]);
  };
  kinds.forEach((kind) => source.addEventListener(kind, heard));
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) return listen();
  source?.close();
  source = null;
  return undefined;
});
addEventListener("pagehide", () => { source?.close(); source = null; });
addEventListener("pageshow", listen);
listen();

// Charts: the nearest known value under the pointer or the arrow keys.
function aim(chart, at) {
  const hairs = JSON.parse(chart.querySelector("svg").dataset.hairs || "[]");
  if (!hairs.length) return;
  const index = typeof at === "object"
    ? hairs.reduce((best, each, place) => (Math.abs(each[0] - at.x) < Math.abs(hairs[best][0] - at.x) ? place : best), 0)
    : Math.max(0, Math.min(hairs.length - 1, (Number(chart.dataset.at) || 0) + at));
  chart.dataset.at = String(index);
  const [x, , when, value] = hairs[index];
  const hair = chart.querySelector(".hair");
  hair.setAttribute("x1", x);
  hair.setAttribute("x2", x);
  chart.classList.add("aimed");
  chart.querySelector(".hair-value").textContent = `${when} · ${value}`;
}

document.addEventListener("pointermove", (event) => {
  const drawing = event.target.closest?.(".chart svg[data-hairs]");
  if (!drawing) return;
  const box = drawing.getBoundingClientRect();
  aim(drawing.closest(".chart"), { x: (event.clientX - box.left) * (drawing.viewBox.baseVal.width / box.width) });
});
document.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const drawing = event.target.closest?.(".chart .drawing");
  if (step && drawing) { event.preventDefault(); aim(drawing.closest(".chart"), step); }
});
