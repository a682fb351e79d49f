"use strict";
// A live conversation: keeps what is being typed, moves the focus, counts the active time, and says what went wrong.
// Everything here is a plain form or a link, so without this file the page still works.
(() => {
  const PREFIX = "tare.live.";
  const IDLE_MS = 90_000;
  const $ = (selector) => document.querySelector(selector);
  let talk = null;
  let activeMs = 0;
  let lastTick = performance.now();
  let lastInput = lastTick;
  let saying = false;

  // --- what is being typed stays on this device until it was sent -------------------------------------------------
  const slot = () => PREFIX + talk.dataset.conversation;
  const kept = () => { try { return localStorage.getItem(slot()); } catch { return null; } };
  function keep(text) {
    try { if (text) localStorage.setItem(slot(), text); else localStorage.removeItem(slot()); } catch { /* full, or switched off */ }
  }
  function forgetAll() {
    try { Object.keys(localStorage).filter((name) => name.startsWith(PREFIX)).forEach((name) => localStorage.removeItem(name)); } catch { /* switched off */ }
  }

  // --- the conversation as it stands now ---------------------------------------------------------------------------
  function begin(next) {
    const before = talk;
    talk = next;
    if (before && (talk.dataset.asked !== before.dataset.asked || talk.dataset.step === "over")) keep("");
    const box = $("[data-draft]");
    if (box && !box.value && kept()) box.value = kept();
    if (!before || before.dataset.step !== talk.dataset.step) { activeMs = 0; stir(); }
    if (!before) return;
    tell("");
    $("#live").textContent = `${"errors" in talk.dataset ? "Not sent yet. " : ""}${talk.dataset.announce}`;
    const wrong = talk.querySelector("[data-invalid], [aria-invalid=true]");
    if (wrong) wrong.focus();
    else if (before.dataset.step !== talk.dataset.step && loose()) focusOn(talk.dataset.step);
    saying = false;
  }
  function loose() { return document.activeElement === document.body || !document.activeElement?.isConnected; }
  function focusOn(step) {
    const found = step === "compose" || step === "failed" ? $("#text") : talk.querySelector("[data-heading]");
    found?.focus();
    found?.scrollIntoView({ block: "nearest" });
  }

  // --- active time ---------------------------------------------------------------------------------------------------
  function stir() { lastInput = performance.now(); }
  function tick() {
    const now = performance.now();
    if (!document.hidden && now - lastInput < IDLE_MS) activeMs += Math.min(now - lastTick, 2000);
    lastTick = now;
    const field = $("#judge [name=seconds]");
    if (field) field.value = (activeMs / 1000).toFixed(1);
  }

  // --- a send that did not arrive -----------------------------------------------------------------------------------
  function tell(text) {
    const note = $("#unsent");
    note.hidden = !text;
    note.querySelector("span").textContent = text;
  }
  function ours(event) { return event.detail?.ctx?.sourceElement?.closest?.("#talk") ?? null; }
  function onError(event) {
    const source = event.detail?.ctx?.sourceElement;
    if (!ours(event)) return;
    const status = event.detail.ctx.response?.status;
    if (status === 422 || status === 409) return;
    saying = false;
    if (source.closest("#waiting") && source.hasAttribute("hx-trigger")) tell("The server does not answer just now. Your words are kept; this page goes on looking.");
    else tell("Not sent yet: the server did not answer. Your words are kept. Press the button again; it counts once.");
  }
  function onAnswer(event) { // a page instead of the conversation: the sign-in has ended
    const { ctx } = event.detail;
    if (ours(event) && ctx.swap !== "none" && !/id="talk"/.test(ctx.text ?? "")) {
      event.preventDefault();
      saying = false;
      tell("Your sign-in has ended. What you wrote is kept on this device: reload the page to sign in and go on.");
    }
  }

  document.addEventListener("input", (event) => { stir(); if (event.target.matches("[data-draft]")) keep(event.target.value); });
  document.addEventListener("keydown", (event) => {
    stir();
    const box = event.target;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing && box.matches("#talk textarea")) box.form.requestSubmit();
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[action*='/logout/']")) forgetAll();
    if (!event.target.closest("#talk")) return;
    if (saying) { event.preventDefault(); event.stopImmediatePropagation(); return; } // a double click; the key would stop it too
    tick();
    saying = true;
    setTimeout(() => { saying = false; }, 20_000);
  }, true);
  for (const name of ["htmx:error", "htmx:response:error"]) document.addEventListener(name, onError);
  document.addEventListener("htmx:before:swap", onAnswer);
  for (const name of ["pointermove", "pointerdown", "wheel", "touchstart"]) addEventListener(name, stir, { passive: true });
  new MutationObserver(() => { const next = $("#talk"); if (next && next !== talk) begin(next); }).observe(document.body, { childList: true, subtree: true });
  setInterval(tick, 1000);
  begin($("#talk"));
})();
