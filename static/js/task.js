"use strict";
// What every task page shares: a draft of whatever is typed, active time, one send that is repeated until it arrives.
// Every control is a plain form, so without this file everything still works.
(() => {
  const IDLE_MS = 90_000;
  const SERVER_MS = 800; // after the last change
  const MOST_KEPT_ALIVE = 60_000; // bytes that a browser still sends while the page goes
  const PREFIX = "tare.draft.task.";
  const UNSAID = new Set(["csrfmiddlewaretoken", "key", "as_shown"]);
  const $ = (selector) => document.querySelector(selector);

  let task = null;
  let activeMs = 0;
  let lastTick = performance.now();
  let lastInput = lastTick;
  let saving = 0;
  let retries = 0;
  let waiting = 0;
  let pending = null;
  let said = "";
  let latest = ""; // the draft as last typed on this page

  // --- drafts: on this device at once, on the server soon after --------------------------------------------------
  const form = () => $("#answer");
  const slot = () => task?.dataset.draft && PREFIX + task.dataset.draft;
  function fields() {
    return Object.fromEntries([...new FormData(form())].filter(([name]) => !UNSAID.has(name)));
  }
  function status(text) {
    const line = $("[data-draft-status]");
    if (line && line.textContent !== text) line.textContent = text;
  }
  function keep() {
    if (!slot()) return;
    tick();
    latest = JSON.stringify({ fields: fields(), at: Date.now() });
    try {
      localStorage.setItem(slot(), latest);
      status("Draft saved on this device");
    } catch { // full, or switched off: the server's copy has to do
      status("Saving the draft");
    }
    clearTimeout(saving);
    saving = setTimeout(upload, SERVER_MS);
  }
  async function upload({ leaving = false } = {}) {
    clearTimeout(saving);
    saving = 0;
    const body = slot() && (latest || localStorage.getItem(slot()));
    if (!body || (leaving && body.length > MOST_KEPT_ALIVE)) return;
    const mine = slot();
    const token = form().querySelector("[name=csrfmiddlewaretoken]").value;
    try {
      const answer = await fetch(form().dataset.draftTo, {
        method: "PUT", body, keepalive: leaving, headers: { "X-CSRFToken": token, "Content-Type": "application/json" },
      });
      if (mine !== slot()) return;
      const here = body === localStorage.getItem(mine) || latest !== body;
      if (answer.status === 204) status(here ? "Draft saved on this device and the server" : "Draft saved on the server");
      else if (answer.status === 409) status("This was answered or skipped on another page");
      else status("Draft saved on this device only");
    } catch {
      status("Draft saved on this device only. No connection");
    }
  }
  function restore() { // the newest wins: what came with the page is the server's
    let local = null;
    try { local = JSON.parse(localStorage.getItem(slot())); } catch { localStorage.removeItem(slot()); }
    if (!local?.fields || local.at <= Number(task.dataset.draftAt)) return;
    for (const [name, value] of Object.entries(local.fields)) {
      const field = form().elements.namedItem(name);
      if (field) field.value = value; // a RadioNodeList checks the radio with this value
    }
    status("Draft restored from this device");
    saving = setTimeout(upload, SERVER_MS);
  }

  // --- active time: stops when the page is hidden or nobody moves ------------------------------------------------
  function tick() {
    const now = performance.now();
    if (!document.hidden && now - lastInput < IDLE_MS) activeMs += Math.min(now - lastTick, 2000);
    else if ($(".time")) $(".time").dataset.still = "";
    lastTick = now;
    const seconds = Math.floor(activeMs / 1000);
    const field = $("#answer [name=seconds]");
    if (field) field.value = (activeMs / 1000).toFixed(1);
    const clock = $("[data-clock]");
    if (clock) clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
  function stir() { lastInput = performance.now(); if ($(".time")) delete $(".time").dataset.still; }

  // --- a new task ------------------------------------------------------------------------------------------------
  function begin(next, first) {
    task = next;
    retries = 0;
    latest = "";
    clearTimeout(saving);
    tell("");
    if (form() && slot() && !("bound" in task.dataset)) restore();
    activeMs = Number($("#answer [name=seconds]")?.value ?? 0) * 1000;
    stir();
    document.dispatchEvent(new CustomEvent("task:shown"));
    const wrong = task.querySelector("[data-summary]");
    if (wrong) (task.querySelector("[aria-invalid=true], [data-invalid]") ?? wrong).focus();
    else if (!first) task.querySelector("[data-heading]")?.focus();
    if (first) return;
    $("#live").textContent = `${task.dataset.errors ? "Not sent yet. " : said}${task.dataset.announce}`;
    said = "";
  }

  // --- a send that did not arrive: say so, keep the answer, try again with the same key --------------------------
  function tell(text, again) {
    clearTimeout(waiting);
    pending = again ?? null;
    const note = $("#unsent");
    note.hidden = !text;
    note.querySelector("span").textContent = text;
    if (again) waiting = setTimeout(again, Math.min(30_000, 1000 * 2 ** retries));
  }
  function onError(event) {
    const { ctx } = event.detail;
    const sent = ctx?.sourceElement;
    if (!sent?.matches?.("#task form")) return;
    const code = ctx.response?.status;
    if (code && code < 500) {
      if (code !== 422 && code !== 409) tell(`The server refused this (${code}). Your draft is kept; reload the page.`);
      return;
    }
    retries += 1;
    const submitter = ctx.request.submitter ?? undefined;
    tell("Not sent yet, trying again. Your answer is kept.", () => sent.isConnected && sent.requestSubmit(submitter));
  }
  function onAnswer(event) {
    const { ctx } = event.detail;
    if (!ctx.sourceElement?.matches?.("#task form") || ctx.swap === "none") return;
    if (!/id="task"/.test(ctx.text ?? "")) { // a page instead of a task: the sign-in has ended
      event.preventDefault();
      tell("Your sign-in has ended, so this was not sent. Your draft is kept on this device: reload the page to sign in.");
    } else if (ctx.response.status < 300 && ctx.sourceElement.id !== "undo-form" && slot()) {
      clearTimeout(saving);
      localStorage.removeItem(slot()); // the server has it now
    }
  }

  document.addEventListener("input", (event) => { if (event.target.closest("#answer")) keep(); });
  document.addEventListener("click", (event) => { if (event.target.closest("[data-shortcuts]")) $("#shortcuts").showModal(); });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing || event.repeat) return;
    if (!form() || $("dialog[open]")) return;
    event.preventDefault();
    form().requestSubmit($("[data-send]"));
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches(".menu form[action*=logout]")) { // a shared machine keeps no text of whoever leaves
      for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX)) localStorage.removeItem(name);
      clearTimeout(saving);
      saving = 0;
      return;
    }
    if (!event.target.matches("#task form")) return;
    tick();
    clearTimeout(saving);
    saving = 0;
    said = { answer: "Sent. ", "skip-form": "Skipped. ", "undo-form": "Undone. " }[event.target.id] ?? "";
  }, true);
  document.addEventListener("htmx:error", onError);
  document.addEventListener("htmx:response:error", onError);
  document.addEventListener("htmx:before:swap", onAnswer);
  addEventListener("pagehide", () => { if (saving) upload({ leaving: true }); });
  addEventListener("online", () => { if (pending) pending(); else if (slot() && localStorage.getItem(slot())) upload(); });
  for (const name of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"]) addEventListener(name, stir, { passive: true });
  new MutationObserver(() => { const next = $("#task"); if (next && next !== task) begin(next, false); }).observe($("#main"), { childList: true });
  setInterval(tick, 1000);
  addEventListener("DOMContentLoaded", () => begin($("#task"), true)); // after the script of the kind
})();
