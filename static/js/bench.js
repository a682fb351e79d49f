"use strict";
// The bench by keyboard. Every control is a plain form, so without this file everything still works with a pointer.
(() => {
  const GUARD_MS = 400; // one Enter must not send two comparisons
  const IDLE_MS = 90_000;
  const SWITCH = "tare.single-key-shortcuts";
  const $ = (selector) => document.querySelector(selector);

  let bench = null;
  let shownAt = -GUARD_MS;
  let sent = "";
  let retries = 0;
  let waiting = 0;
  let pending = null;
  let activeMs = 0;
  let lastTick = performance.now();
  let lastInput = lastTick;

  // --- what the keys do: this table drives the keys and the sheet behind "?" -------------------------------------
  const press = (selector) => () => { const found = $(selector); if (found) { found.focus(); found.click(); } };
  const focusOn = (selector) => () => { openDetail(); $(selector)?.focus(); };
  const letter = (name) => (event) => event.key.toLowerCase() === name;
  const SHORTCUTS = [
    { does: "Choose a step", keys: ["1", "…", "7"], when: (event) => digit(event) > 0, run: (event) => choose(digit(event) - 1) },
    { does: "Move on the scale", keys: ["←", "→"], when: (event) => /^Arrow(Left|Right)$/.test(event.key), run: move },
    { does: "Send, next", keys: ["Enter"], when: (event) => event.key === "Enter", run: send },
    { does: "Undo the last one", keys: ["U"], when: letter("u"), run: press("#undo-form button") },
    { does: "Skip", keys: ["S"], when: letter("s"), run: press("[data-skip]") },
    { does: "Cannot judge", keys: ["X"], when: letter("x"), run: cannot },
    { does: "Deciding rule", keys: ["D"], when: letter("d"), run: focusOn("[name=rules]") },
    { does: "Reason", keys: ["N"], when: letter("n"), run: focusOn("#rationale") },
    { does: "Send from the reason", keys: ["Ctrl", "Enter"], when: () => false },
    { does: "Guidelines", keys: ["G"], when: letter("g"), run: press("[data-guidelines]") },
    { does: "Scroll A and B, with Shift only B", keys: ["J", "K"], when: (event) => /^[jk]$/i.test(event.key), run: scroll },
    { does: "This sheet", keys: ["?"], when: (event) => event.key === "?", run: sheet },
  ];

  function digit(event) { // by place, not by letter: French keyboards need Shift for digits
    return Number(/^(?:Digit|Numpad)([1-7])$/.exec(event.code)?.[1] ?? 0);
  }
  function steps() { return [...document.querySelectorAll("[name=preference]")]; }
  function choose(place) {
    const step = steps()[place];
    if (step) { step.checked = true; step.focus(); step.dispatchEvent(new Event("change", { bubbles: true })); }
  }
  function move(event) {
    const now = steps().findIndex((step) => step.checked);
    const by = event.key === "ArrowRight" ? 1 : -1;
    choose(now < 0 ? 3 + by : Math.min(6, Math.max(0, now + by)));
  }
  function send() { $("form#judge")?.requestSubmit($("[data-send]")); }
  function cannot() { $("#cannot")?.showPopover?.(); $("#cannot button")?.focus(); }
  function scroll(event) {
    const by = event.key.toLowerCase() === "j" ? 140 : -140;
    for (const body of document.querySelectorAll(event.shiftKey ? ".resp.b .body" : ".resp .body")) body.scrollBy({ top: by });
  }
  function openDetail() { const more = $("#more"); if (more && more.offsetParent) more.checked = true; }

  // --- keys ------------------------------------------------------------------------------------------------------
  function typing(target) {
    return target.isContentEditable || target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  }
  function handledByBrowser(event) { // Enter presses the focused control; arrows already move a focused radio
    if (event.key === "Enter") return event.target.matches("button, a, summary, input");
    return event.key.startsWith("Arrow") && event.target.matches("[type=radio]");
  }
  function onKey(event) {
    if (event.isComposing || event.repeat || event.defaultPrevented || event.altKey || $("dialog[open]")) return;
    if (event.target.id === "rationale" && event.key === "Enter" && (event.ctrlKey || event.metaKey)) return void send();
    if (event.ctrlKey || event.metaKey || typing(event.target) || handledByBrowser(event)) {
      if (event.key === "Escape" && typing(event.target)) event.target.blur();
      return;
    }
    if (localStorage.getItem(SWITCH) === "off" && event.key !== "Enter") return;
    const shortcut = SHORTCUTS.find((each) => each.when(event));
    if (!shortcut || $("#judge")?.inert) return;
    event.preventDefault();
    shortcut.run(event);
  }

  function sheet() {
    const list = $("#shortcuts .keys");
    if (!list.children.length) {
      for (const { does, keys } of SHORTCUTS) {
        const row = document.createElement("div");
        row.append(Object.assign(document.createElement("dt"), { textContent: does }), document.createElement("dd"));
        row.lastChild.append(...keys.map((key) => Object.assign(document.createElement("kbd"), { textContent: key })));
        list.append(row);
      }
      list.after(switchFor());
    }
    $("#shortcuts").showModal();
  }
  function switchFor() {
    const label = Object.assign(document.createElement("label"), { className: "opt" });
    const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: localStorage.getItem(SWITCH) !== "off" });
    box.addEventListener("change", () => localStorage.setItem(SWITCH, box.checked ? "on" : "off"));
    label.append(box, " Keys without Ctrl do something. Enter always sends.");
    return label;
  }

  // --- active time: stops when the page is hidden or nobody moves ------------------------------------------------
  function tick() {
    const now = performance.now();
    if (!document.hidden && now - lastInput < IDLE_MS) activeMs += Math.min(now - lastTick, 2000);
    else if ($(".time")) $(".time").dataset.still = "";
    lastTick = now;
    const seconds = Math.floor(activeMs / 1000);
    for (const field of document.querySelectorAll("#bench [name=seconds]")) field.value = (activeMs / 1000).toFixed(1);
    const clock = $("[data-clock]");
    if (clock) clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
  function stir() { lastInput = performance.now(); if ($(".time")) delete $(".time").dataset.still; }

  // --- a new card ------------------------------------------------------------------------------------------------
  function freshKey() {
    if (crypto.randomUUID) return crypto.randomUUID(); // only there over https and on localhost
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
  function begin(next, first) {
    bench = next;
    shownAt = first ? -GUARD_MS : performance.now();
    retries = 0;
    tell("");
    for (const field of bench.querySelectorAll("[name=key]")) field.value ||= freshKey();
    activeMs = Number(bench.querySelector("#judge [name=seconds]")?.value ?? 0) * 1000;
    stir();
    const wrong = bench.querySelector("[data-invalid], [aria-invalid=true]");
    if (wrong && !wrong.matches("[name=preference]")) openDetail();
    if (wrong) wrong.focus();
    else if (!first) bench.querySelector("[data-heading]")?.focus();
    if (first) return;
    const errors = bench.dataset.errors ? "Not sent yet, something is missing. " : sent;
    $("#live").textContent = `${errors}${bench.dataset.announce}`;
    sent = "";
  }

  // --- a send that did not arrive: say so, keep the answer, try again with the same key --------------------------
  function tell(text, again) {
    clearTimeout(waiting);
    pending = again ?? null;
    const note = $("#unsent");
    note.hidden = !text;
    note.querySelector("span").textContent = text;
    for (const form of document.querySelectorAll("#judge, #skip-form, #undo-form")) form.inert = Boolean(again);
    if (again) waiting = setTimeout(again, Math.min(30_000, 1000 * 2 ** retries));
  }
  function failed(form, submitter) {
    retries += 1;
    tell("Not sent yet, trying again. Your answer is kept.", () => form.isConnected && form.requestSubmit(submitter));
  }
  function onError(event) {
    const { ctx } = event.detail;
    const form = ctx?.sourceElement;
    if (!form?.matches?.("#bench form")) return;
    const status = ctx.response?.status;
    if (!status || status >= 500) failed(form, ctx.request.submitter ?? undefined);
    else if (status !== 422 && status !== 409) tell(`The server refused this (${status}). Reload the page; it is offered again.`);
  }
  function onAnswer(event) { // a page instead of a card: the sign-in has ended
    const { ctx } = event.detail;
    if (ctx.sourceElement?.matches?.("#bench form") && ctx.swap !== "none" && !/id="bench"/.test(ctx.text ?? "")) {
      event.preventDefault();
      tell("Your sign-in has ended, so this was not sent. Reload the page to sign in; the comparison is offered again.");
    }
  }

  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => { if (event.target.closest("[data-shortcuts]")) sheet(); });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("#bench form")) return;
    if (performance.now() - shownAt < GUARD_MS) { event.preventDefault(); event.stopImmediatePropagation(); return; }
    tick();
    sent = { judge: "Sent. ", "skip-form": "Skipped. ", "undo-form": "Undone. " }[event.target.id] ?? "";
  }, true);
  document.addEventListener("htmx:error", onError);
  document.addEventListener("htmx:response:error", onError);
  document.addEventListener("htmx:before:swap", onAnswer);
  addEventListener("online", () => pending?.());
  for (const name of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"]) addEventListener(name, stir, { passive: true });
  new MutationObserver(() => { const next = $("#bench"); if (next && next !== bench) begin(next, false); }).observe(document.body, { childList: true });
  setInterval(tick, 1000);
  begin($("#bench"), true);
})();
