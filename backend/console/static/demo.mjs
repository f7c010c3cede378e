// The demonstration's bar, kept up to date: it is asked for again and again, also while all of it begins anew.
const OFTEN_MS = 400;
const SELDOM_MS = 1200;
const waits = document.getElementById("waiting-room") !== null;
const bar = () => document.getElementById("demo");
const console_module = [...document.scripts].find((each) => each.src.includes("/static/console."))?.src;
let timer = 0;
let kept = ""; // where the focus was in the bar, for when that comes back

async function showLive() {
  const { swap } = await import(console_module);
  const ids = [...document.querySelectorAll("[data-live][id]")].map((each) => each.id);
  if (ids.length) await swap(location.href, ids);
}

function replace(fresh) {
  const old = bar();
  if (old.outerHTML.replaceAll(/name="(idempotency_key|back)" value="[^"]*"/g, "") ===
      fresh.outerHTML.replaceAll(/name="(idempotency_key|back)" value="[^"]*"/g, "")) return;
  const focus = old.contains(document.activeElement) ? document.activeElement.id : "";
  const open = new Set([...old.querySelectorAll("details[open]")].map((each) => each.className));
  const next = document.importNode(fresh, true);
  next.querySelectorAll("details").forEach((each) => { each.open ||= open.has(each.className) && old.dataset.phase !== "setting"; });
  next.querySelectorAll("input[name=back]").forEach((each) => { each.value = location.pathname + location.search; });
  old.replaceWith(next);
  if (focus) kept = focus;
  if (kept && document.activeElement === document.body) document.getElementById(kept)?.focus({ preventScroll: true });
}

async function look() {
  clearTimeout(timer);
  try {
    const answer = await fetch("/demo/bar", { headers: { Accept: "text/html" }, credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("demo");
    if (fresh) {
      const old = bar();
      const room = page.getElementById("waiting-room") !== null;
      const set = fresh.dataset.phase !== "setting" && !room;
      if (waits && set) return location.assign("/");
      if (!waits && (room || fresh.dataset.run !== old.dataset.run)) return location.reload();
      if (old.dataset.phase === "setting" && set) return location.reload();
      const over = fresh.dataset.played !== old.dataset.played;
      replace(fresh);
      if (over && !waits) await showLive();
    }
  } catch {
    // nobody answers while the parts begin anew
  }
  const often = ["playing", "setting", "ending"].includes(bar()?.dataset.phase);
  if (!document.hidden) timer = setTimeout(look, often ? OFTEN_MS : SELDOM_MS);
  return undefined;
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-demo]");
  if (!form || event.defaultPrevented) return;
  event.preventDefault();
  form.querySelectorAll("button").forEach((each) => { each.setAttribute("aria-disabled", "true"); });
  const body = new URLSearchParams(new FormData(form));
  fetch(form.action, { method: "POST", body, redirect: "manual", credentials: "same-origin" })
    .catch(() => undefined)
    .then(() => setTimeout(look, 200));
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
if (bar()) timer = setTimeout(look, OFTEN_MS);
