"use strict";
// The bench with script: by keyboard, without waiting for the network, without losing an answer. Every control is a
// plain form, so without this file everything still works. `outbox.js` keeps and sends the answers; this file shows one
// card after the other and keeps what is on the screen.
(() => {
  const GUARD_MS = 400; // one Enter must not send two comparisons
  const IDLE_MS = 90_000;
  const BEAT_MS = 30_000;
  const DRAFT_MS = 800;
  const WARN_MS = 120_000;
  const BREAK_MS = 55 * 60_000;
  const KEEP_PAGE_MS = 10_000;
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const page = document.body.dataset;
  const AHEAD = Number(page.ahead ?? 3);
  const LEASE_MS = Number(page.leaseSeconds) * 1000;

  const cards = new Map(); // id -> html of cards that are here, the one on the screen among them
  let queue = []; // ids in the order of work, the one on the screen first
  let empty = ""; // what to show after the last one
  let last = null; // the answer that can be undone: { op, html, number }
  let shown = null; // id on the screen
  let shownAt = -GUARD_MS;
  let held = new Set(); // ids the server lent, answered or not
  const parted = new Set(); // ids answered on this page: an answer of the server that was on its way may still name them

  // --- what the keys do: this table drives the keys, the sheet behind "?", and what is printed on the buttons ---------
  const press = (selector) => () => { const found = $(selector); if (found) { found.focus(); found.click(); } };
  const focusOn = (selector) => () => { openDetail(); $(selector)?.focus(); };
  const ACTIONS = {
    undo: { does: "Undo the last one", key: "u", run: undo },
    skip: { does: "Skip", key: "s", run: press("[data-skip]") },
    cannot: { does: "Cannot judge", key: "x", run: cannot },
    quality_1: { does: "First quality: A, same, B", key: "q", run: () => cycle(1) },
    quality_2: { does: "Second quality", key: "w", run: () => cycle(2) },
    quality_3: { does: "Third quality", key: "e", run: () => cycle(3) },
    quality_4: { does: "Fourth quality", key: "r", run: () => cycle(4) },
    quality_5: { does: "Fifth quality", key: "t", run: () => cycle(5) },
    quality_6: { does: "Sixth quality", key: "y", run: () => cycle(6) },
    rule: { does: "Deciding rule, then 1.1 or a word", key: "d", run: focusOn("[data-find-rule]") },
    reason: { does: "Reason", key: "n", run: focusOn("#rationale") },
    flag_a: { does: "Flag A", key: "[", run: press(".resp.a [data-flag] summary") },
    flag_b: { does: "Flag B", key: "]", run: press(".resp.b [data-flag] summary") },
    guidelines: { does: "Guidelines", key: "g", run: press("[data-guidelines]") },
    down: { does: "Scroll A and B down, with Shift only B", key: "j", run: (event) => scroll(140, event) },
    up: { does: "Scroll A and B up, with Shift only B", key: "k", run: (event) => scroll(-140, event) },
    source: { does: "View source of A and B", key: "v", run: () => all("[data-view-source]").forEach((link) => link.click()) },
    pause: { does: "Pause", key: "p", run: pause },
    sheet: { does: "This sheet", key: "?", run: sheet },
  };
  const FIXED = [
    { does: "Choose a step", keys: ["1", "…", String(steps().length || 7)] },
    { does: "Move on the scale", keys: ["←", "→"] },
    { does: "Send, next", keys: ["Enter"] },
    { does: "Send from the reason", keys: ["Ctrl", "Enter"] },
    { does: "Leave a field, close a panel", keys: ["Esc"] },
  ];
  const keys = { ...Object.fromEntries(Object.entries(ACTIONS).map(([name, { key }]) => [name, key])), ...JSON.parse($("#keys").textContent) };
  const singleKeys = page.singleKeys !== "off";

  function digit(event) { // by place, not by letter: French keyboards need Shift for digits
    return Number(/^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1] ?? 0);
  }
  function steps() { return all("#judge [name=preference]"); }
  function choose(place) {
    const step = steps()[place];
    if (step) { step.checked = true; step.focus(); step.dispatchEvent(new Event("change", { bubbles: true })); }
    return Boolean(step);
  }
  function move(event) {
    const scale = steps();
    const now = scale.findIndex((step) => step.checked);
    const by = event.key === "ArrowRight" ? 1 : -1;
    choose(now < 0 ? (scale.length - 1) / 2 + by : Math.min(scale.length - 1, Math.max(0, now + by)));
  }
  function cycle(place) {
    const choices = all(`[data-quality="${place}"] input`);
    if (!choices.length) return;
    openDetail();
    const next = choices[(choices.findIndex((choice) => choice.checked) + 1) % choices.length];
    next.checked = true;
    next.dispatchEvent(new Event("change", { bubbles: true }));
    say(next.getAttribute("aria-label"));
  }
  function send() { $("#judge")?.requestSubmit?.($("[data-send]")); }
  function cannot() { $("#cannot")?.showPopover?.(); $("#cannot button")?.focus(); }
  function scroll(by, event) {
    for (const body of all(event.shiftKey ? ".resp.b .body" : ".resp .body")) body.scrollBy({ top: by });
  }
  function openDetail() { const more = $("#more"); if (more && more.offsetParent) more.checked = true; }
  function pause() { $("#paused").showModal(); }
  function sheet() {
    const list = $("#shortcuts .keys");
    const label = (name) => (keys[name] ?? "").toUpperCase();
    const used = Object.entries(ACTIONS).filter(([name]) => !/^quality_/.test(name) || $(`[data-quality="${name.slice(-1)}"]`));
    const lines = singleKeys ? [...FIXED, ...used.map(([name, { does }]) => ({ does, keys: [label(name)] }))] : FIXED.slice(2);
    list.replaceChildren(...lines.map(({ does, keys: caps }) => {
      const row = document.createElement("div");
      const caption = Object.assign(document.createElement("dt"), { textContent: does });
      const cells = document.createElement("dd");
      cells.append(...caps.map((cap) => Object.assign(document.createElement("kbd"), { textContent: cap })));
      row.append(caption, cells);
      return row;
    }));
    $("#shortcuts").showModal();
  }
  function nameKeys(within) { // what is printed on the buttons is what the keys do
    for (const cap of all("kbd[data-key]", within)) { cap.textContent = (keys[cap.dataset.key] ?? "").toUpperCase(); cap.hidden = !singleKeys; }
  }

  function typing(target) {
    return target.isContentEditable || target.matches("textarea, select, input:not([type=radio], [type=checkbox])");
  }
  function handledByBrowser(event) { // Enter presses the focused control; arrows already move a focused radio
    if (event.key === "Enter") return event.target.matches("button, a, summary, input:not([type=radio])");
    return event.key.startsWith("Arrow") && !digit(event) && event.target.matches("[type=radio]");
  }
  function escape(event) {
    if (!$("#drawer").hidden) return drawer(false);
    const flag = $("[data-flag][open]");
    if (flag) { flag.open = false; return $("summary", flag).focus(); }
    if (typing(event.target)) event.target.blur();
  }
  function onKey(event) {
    if (event.isComposing || event.repeat || event.defaultPrevented) return;
    if ($("#paused").open && event.key.toLowerCase() === keys.pause) { event.preventDefault(); return $("#paused").close(); }
    if ($("dialog[open]") || event.altKey) return;
    if (event.key === "Escape") return escape(event);
    if (event.target.id === "rationale" && event.key === "Enter" && (event.ctrlKey || event.metaKey)) return void send();
    if (event.target.matches("[data-find-rule]") && event.key === "Enter") { event.preventDefault(); return takeRule(event.target); }
    if (event.ctrlKey || event.metaKey || typing(event.target) || handledByBrowser(event)) return;
    if (event.key === "Enter") { event.preventDefault(); return send(); }
    if (!singleKeys) return;
    if (digit(event) && choose(digit(event) - 1)) return event.preventDefault();
    if (/^Arrow(Left|Right)$/.test(event.key)) { event.preventDefault(); return move(event); }
    const action = Object.keys(ACTIONS).find((name) => keys[name] === event.key.toLowerCase());
    if (action) { event.preventDefault(); ACTIONS[action].run(event); }
  }

  // --- what is said ---------------------------------------------------------------------------------------------------
  function say(text) { $("#live").textContent = text; }
  function note(name, text, tone = "") { // in place, never over an answer; an empty text takes it away
    const notes = $("#notes");
    $(`[data-note="${name}"]`)?.remove();
    if (!text) return null;
    const box = Object.assign(document.createElement("div"), { className: `note ${tone}` });
    box.dataset.note = name;
    box.setAttribute("role", tone === "good" || !tone ? "status" : "alert");
    box.append(Object.assign(document.createElement("span"), { className: "grow", textContent: text }));
    notes.append(box);
    return box;
  }
  function offer(name, text, tone, label, run) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: label });
    button.addEventListener("click", () => { note(name, ""); run(); });
    note(name, text, tone).append(button);
  }
  function later(name, ms) { setTimeout(() => note(name, ""), ms); }

  // --- active time: stops when the page is hidden, paused, or nobody moves ---------------------------------------------
  let activeMs = 0;
  let sittingMs = 0;
  let lastTick = performance.now();
  let lastInput = lastTick;
  let lastBeat = lastTick;
  function tick() {
    const now = performance.now();
    const active = !document.hidden && now - lastInput < IDLE_MS && !$("#paused").open && shown;
    const passed = Math.min(Math.max(now - lastTick, 0), 2000); // a machine that slept is not a rater who read
    if (active) { activeMs += passed; sittingMs += passed; }
    $(".time").toggleAttribute("data-still", !active);
    lastTick = now;
    const seconds = Math.floor(activeMs / 1000);
    const field = $("#judge [name=seconds]");
    if (field) field.value = (activeMs / 1000).toFixed(1);
    $("[data-clock]").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (sittingMs > BREAK_MS) { sittingMs = 0; offer("break", "You have rated for 55 minutes. A short break keeps accuracy up.", "", "Pause the timer", pause); }
    if (active && now - lastBeat > BEAT_MS) beat();
    if (shown && LEASE_MS - (now - lastBeat) < WARN_MS && !$("[data-note=lease]")) offer("lease", "This comparison is kept for you two more minutes.", "warn", "Keep it", beat);
  }
  async function beat() {
    lastBeat = performance.now();
    note("lease", "");
    if (!held.size) return;
    const answer = await outbox.ask(page.leases, { method: "POST", headers: { "X-Tare-Holds": [...held].join(",") } }).catch(() => null);
    if (!answer?.ok) return; // away or signed out: the next send finds out, and a late answer is kept all the same
    const kept = new Set((await answer.json()).held);
    queue = queue.filter((id) => id === shown || kept.has(id));
  }
  function stir() { lastInput = performance.now(); }

  // --- the draft: on this device at once, on the server soon after ---------------------------------------------------------
  const draftName = (id) => `tare.draft.${page.rater}.${id}`;
  let draftTimer = 0;
  function said() { // the form as it would be sent, without what is not an answer
    const form = new URLSearchParams(new FormData($("#judge")));
    for (const name of ["csrfmiddlewaretoken", "key"]) form.delete(name);
    return form;
  }
  function keepDraft() {
    if (!shown) return;
    const text = said().toString();
    try { localStorage.setItem(draftName(shown), text); } catch { /* full: the server's copy has to do */ }
    kept("Draft saved on this device");
    clearTimeout(draftTimer);
    draftTimer = setTimeout(sendDraft, DRAFT_MS, shown, text);
  }
  async function sendDraft(id, text) {
    const answer = await outbox.ask(addressOf(id, "draft"), { method: "PUT", body: text, headers: { "Content-Type": "application/x-www-form-urlencoded" } }).catch(() => null);
    if (answer?.ok && shown === id) kept("Draft saved on this device and the server");
  }
  function kept(text) { const line = $("[data-kept]"); if (line) line.textContent = text; }
  function dropDraft(id) { clearTimeout(draftTimer); localStorage.removeItem(draftName(id)); }
  function fill(text) { // put a kept answer back into the form
    const form = new URLSearchParams(text);
    for (const field of $("#judge").elements) {
      if (!field.name || field.type === "hidden") continue;
      if (field.type === "radio" || field.type === "checkbox") field.checked = form.getAll(field.name).includes(field.value);
      else field.value = form.get(field.name) ?? "";
    }
    activeMs = Number(form.get("seconds") ?? 0) * 1000;
  }
  const addressOf = (id, verb) => page.assignments.replace("/0/judgment/", `/${id}/${verb}/`);

  // --- one card after the other --------------------------------------------------------------------------------------------
  const rules = { createHTML: (text) => text, createScriptURL: (url) => url };
  const trusted = window.trustedTypes?.createPolicy("tare", rules) ?? rules; // for what this site's server sent, or was kept of it
  function parse(html) {
    const holder = document.createElement("template");
    holder.innerHTML = trusted.createHTML(html);
    return holder.content;
  }
  function show(id, { quiet = false } = {}) {
    shown = id;
    const next = parse(cards.get(id)).firstElementChild;
    $("#bench").replaceWith(next);
    begin({ quiet });
  }
  function begin({ quiet = false } = {}) {
    const bench = $("#bench");
    shownAt = quiet ? -GUARD_MS : performance.now();
    activeMs = Number($("#judge [name=seconds]")?.value ?? 0) * 1000;
    const draft = shown && !bench.hasAttribute("data-errors") && localStorage.getItem(draftName(shown));
    if (draft) fill(draft);
    if (shown) {
      $("[data-batch]").textContent = `, ${bench.dataset.batchName}`;
      $("[data-version]").textContent = bench.dataset.guidelineLabel;
      $("[data-guidelines]").href = bench.dataset.guidelineHref;
      if (!$("#drawer").hidden) openGuidelines();
    }
    nameKeys(document);
    measure();
    showUndo();
    stir();
    const wrong = $("#bench [data-invalid], #bench [aria-invalid=true]");
    if (wrong) { openDetail(); wrong.focus(); } else if (!quiet) $("#bench [data-heading]").focus();
  }
  function measure() { // how much of a clipped answer is not seen
    for (const response of all(".clip .resp")) {
      const { clientHeight, scrollHeight } = $(".body", response);
      const hidden = Math.round(100 * (1 - clientHeight / scrollHeight));
      $("[data-hidden]", response).textContent = hidden > 0 ? `${hidden}% not shown` : "";
      if (hidden <= 0) $("[data-expand]", response).checked = true;
    }
  }
  function nothingHere() { // no card left: what the server said last, or that one is on its way
    shown = null;
    if (empty) { $("#bench").replaceWith(parse(empty).firstElementChild); return begin(); }
    const main = Object.assign(document.createElement("main"), { id: "bench", className: "bench-none" });
    main.append(parse('<section class="card empty" id="judge"><h1 tabindex="-1" data-heading>One moment</h1><p>The next comparison is on its way.</p><div data-undo-slot></div></section>'));
    $("#bench").replaceWith(main);
    begin();
    fetchCards();
  }
  async function next() {
    const pending = await pendingIds();
    queue = queue.filter((id) => !pending.has(id) && !parted.has(id) && cards.has(id));
    if (queue.length) show(queue[0]); else nothingHere();
    await remember();
  }
  async function pendingIds() { // answered here, not yet stored there; an undo that waits makes it open again
    const pending = new Set();
    for (const op of await outbox.waiting()) if (op.kind === "undo") pending.delete(op.assignment); else pending.add(op.assignment);
    return pending;
  }
  function remember() { // so that a reload without a network goes on where it was
    const keep = [...queue.map((id) => ({ id, html: cards.get(id) })), ...(last ? [{ id: last.op.assignment, html: last.html, last }] : [])];
    return outbox.cards.keep(keep.filter(({ html }) => html));
  }

  // --- what the server answers: cards, their order, progress ------------------------------------------------------------
  async function take(html) {
    const parts = parse(html);
    for (const card of all("template[data-card]", parts)) cards.set(Number(card.dataset.card), card.innerHTML);
    const none = $("template[data-empty]", parts);
    const order = $("template[data-order]", parts);
    if (order) {
      empty = none?.innerHTML ?? "";
      const ids = order.dataset.order.split(",").filter(Boolean).map(Number);
      held = new Set(ids);
      lastBeat = performance.now();
      const pending = await pendingIds();
      const ahead = ids.filter((id) => id !== shown && !pending.has(id) && !parted.has(id) && cards.has(id));
      queue = shown ? [shown, ...ahead] : ahead;
      if (!(await outbox.waiting()).length) $("#progress").replaceChildren(parse(order.innerHTML));
      if (!shown) { if (queue.length) show(queue[0]); else if (empty && !$("#bench").hasAttribute("data-none")) nothingHere(); }
    }
    const said = $("template[data-notice]", parts)?.innerHTML.trim();
    if (said) { note("server", parse(said).textContent, "warn"); later("server", 12_000); }
    await remember();
  }
  const holds = (ops) => ({ "X-Tare-Holds": [...new Set([...queue, ...ops.map((op) => op.assignment), ...(shown ? [shown] : [])])].join(","), "X-Tare-Ahead": String(AHEAD) });
  outbox.headers = holds;
  let fetching = false;
  function fetchCards() {
    if (fetching) return;
    fetching = true;
    outbox.inLine(async () => {
      const answer = await outbox.ask(page.cards, { headers: holds(await outbox.waiting()) }).catch(() => null);
      if (answer?.ok) await take(await answer.text());
      else if (answer?.type === "opaqueredirect") signedOut();
      else if (!shown) setTimeout(() => shown || fetchCards(), 3000);
    }).finally(() => { fetching = false; });
  }

  // --- progress, before the server has said it ------------------------------------------------------------------------------
  function place() { return Number($("#progress b")?.textContent ?? 0); }
  function step(by, state) {
    const ticks = all("#progress .ticks i");
    const at = ticks.findIndex((tick) => tick.className === "current");
    if (at < 0 || !ticks[at + by]) return;
    ticks[by > 0 ? at : at + by].className = by > 0 ? state : "current";
    ticks[by > 0 ? at + by : at].className = by > 0 ? "current" : "todo";
    $("#progress b").textContent = place() + by;
    $("#progress .ticks").setAttribute("aria-valuenow", place() - 1);
  }

  // --- sending -----------------------------------------------------------------------------------------------------------
  function freshKey() {
    if (crypto.randomUUID) return crypto.randomUUID(); // only there over https and on localhost
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  }
  function missing() { // what the project wants said and was not, the first of it in focus
    const lacks = [];
    const check = (selector, wrong, field) => {
      const line = $(selector);
      if (!line) return;
      line.hidden = !wrong;
      if (wrong) lacks.push(field());
    };
    const asked = (selector) => $(`#judge ${selector}[data-required]`);
    check("#preference-error", !steps().some((each) => each.checked), () => steps()[0]);
    const open = asked(".qualities") && all("#judge .attr").find((quality) => !$(":checked", quality));
    check("#qualities-error", Boolean(open), () => $("input", open));
    check("#rules-error", Boolean(asked(".deciding")) && !$("#judge .deciding :checked"), () => $("#judge .rules input"));
    check("#rationale-error", Boolean(asked("#rationale")) && !$("#rationale").value.trim(), () => $("#rationale"));
    const unread = $("#bench").hasAttribute("data-read-to-end") && all(".resp .body").find((body) => !seenToEnd(body));
    if (unread) lacks.push(unread);
    const top = $("#judge .err-top");
    top.hidden = !lacks.length;
    $("[data-summary]", top).textContent = unread && lacks.length === 1 ? "Read both responses to the end first." : `${lacks.length === 1 ? "One thing is" : `${lacks.length} things are`} missing, marked below.`;
    if (lacks.length) { if (!lacks[0].matches("[name=preference], .body")) openDetail(); lacks[0].focus(); }
    return lacks.length > 0;
  }
  const readToEnd = new WeakSet();
  function seenToEnd(body) { return readToEnd.has(body) || body.scrollTop + body.clientHeight >= body.scrollHeight - 8; }
  let writing = false; // an answer is being written down; one that cannot be is still on the screen
  const busy = (now) => { writing = now; document.body.toggleAttribute("data-busy", now); };
  async function part(op, state, words) {
    if (writing) return;
    busy(true);
    const number = place();
    const html = cards.get(shown) ?? $("#bench").outerHTML;
    try {
      const stored = await outbox.add({ ...op, assignment: shown, project: page.project, words });
      last = { op: stored, html, number };
    } catch {
      note("device", "This device could not store the answer, so it is still here. Free some space and send again.", "bad");
      busy(false);
      return;
    }
    parted.add(shown);
    dropDraft(shown);
    step(1, state);
    await next();
    say(`${words}. ${shown ? `Comparison ${place()} of ${all("#progress .ticks i").length}.` : ""}`);
    busy(false);
    outbox.flush();
    if (queue.length < AHEAD && !empty && !navigator.onLine) offline((await outbox.waiting()).length);
  }
  function submitted(event) {
    const form = event.target;
    if (!["judge", "skip-form", "undo-form"].includes(form.id)) return;
    event.preventDefault();
    if (!booted || performance.now() - shownAt < GUARD_MS) return; // until then another card may take this one's place
    if (form.id === "undo-form") return void undo();
    tick();
    if (form.id === "skip-form") {
      const reason = event.submitter?.value ?? "skip";
      return void part({ kind: "skip", url: form.action, body: new URLSearchParams({ reason }).toString(), draft: said().toString() }, "skipped", "Skipped");
    }
    if (missing()) return;
    const words = `Item ${place()} sent: ${$("#judge [name=preference]:checked").dataset.words}`;
    const text = said().toString();
    part({ kind: "judge", key: freshKey(), url: form.action, body: text, draft: text }, "done", words);
  }

  // --- undo: until the next send ----------------------------------------------------------------------------------------
  function showUndo() {
    const slot = $("#bench [data-undo-slot]");
    if (!slot || !last) return;
    const bar = $("#undo-bar").content.firstElementChild.cloneNode(true);
    $("[data-text]", bar).textContent = last.op.words;
    bar.toggleAttribute("data-sent", Boolean(last.stored));
    nameKeys(bar);
    slot.replaceChildren(bar);
  }
  async function undo() {
    if (writing) return;
    if (!last) { const form = $("#undo-form"); if (form) undoFromPage(form); return; }
    busy(true);
    const { op, html } = last;
    last = null;
    if (!(await outbox.takeBack(op.seq))) {
      const body = new URLSearchParams(op.kind === "judge" ? { key: op.key } : {}).toString();
      await outbox.add({ kind: "undo", assignment: op.assignment, project: page.project, url: addressOf(op.assignment, "undo"), body, words: "Undone" });
    }
    if (op.draft) localStorage.setItem(draftName(op.assignment), op.draft);
    cards.set(op.assignment, html);
    parted.delete(op.assignment);
    queue = [op.assignment, ...queue.filter((id) => id !== op.assignment)];
    step(-1);
    show(op.assignment);
    steps().find((each) => each.checked)?.focus();
    say("Undone. It is as you left it.");
    await remember();
    busy(false);
    outbox.flush();
  }
  function undoFromPage(form) { // the answer before this page was opened: only the server has it
    outbox.inLine(async () => {
      const body = new URLSearchParams(new FormData(form)).toString();
      const headers = { "Content-Type": "application/x-www-form-urlencoded", ...holds(await outbox.waiting()) };
      const answer = await outbox.ask(form.action, { method: "POST", body, headers }).catch(() => null);
      if (answer?.type === "opaqueredirect") return signedOut();
      if (!answer || answer.status >= 500) return note("undo", "Not undone: the server cannot be reached.", "warn");
      const text = await answer.text();
      form.remove();
      const id = Number($("template[data-card]", parse(text))?.dataset.card ?? 0);
      const before = shown;
      if (id && answer.ok) { shown = null; parted.delete(id); }
      await take(text);
      if (id && answer.ok) { queue = [id, ...queue.filter((each) => each !== id), ...(before && before !== id ? [before] : [])].filter((each, at, list) => list.indexOf(each) === at); show(id); say("Undone. It is as you left it."); }
    });
  }

  // --- how it goes with what was sent -----------------------------------------------------------------------------------
  function offline(waiting) {
    const more = queue.filter((id) => cards.has(id)).length;
    const wait = waiting === 1 ? "1 answer waits" : `${waiting} answers wait`;
    note("offline", `Not sent yet, trying again. ${wait} on this device. You can go on for ${more} more ${more === 1 ? "item" : "items"}.`, "warn");
  }
  let stuck = 0;
  function signedOut() {
    const box = note("offline", "Your sign-in has ended. Your answers are kept on this device and are sent when you are back.", "warn");
    box.append(Object.assign(document.createElement("a"), { className: "btn", href: `${page.login}?next=${encodeURIComponent(location.pathname + location.search)}`, textContent: "Sign in" }));
  }
  outbox.heard.addEventListener("stuck", ({ detail }) => {
    stuck = Math.max(stuck, detail.waiting);
    if (detail.state === "signed-out") signedOut(); else offline(detail.waiting);
  });
  outbox.heard.addEventListener("sent", async ({ detail }) => {
    const { op, state, text } = detail;
    if (op.project !== page.project) return;
    if (last?.op.seq === op.seq) { last.stored = true; $("[data-undo-bar]")?.setAttribute("data-sent", ""); }
    if (!detail.waiting && stuck) {
      note("offline", "");
      note("back", stuck === 1 ? "Back online. Your answer was sent once." : `Back online. All ${stuck} answers were sent once.`, "good");
      later("back", 6000);
      stuck = 0;
    }
    if (state === "lost") return note("lost", `The server would not take an answer (${detail.status}). The comparison is offered to someone else.`, "bad");
    if (state === "returned") await comeBack(op, text);
    else await take(text);
    if (state === "refused" && op.kind === "undo" && shown === op.assignment) next();
  });
  async function comeBack(op, html) { // 422: on the screen again, with what is missing and all that was said
    const card = $("template[data-card]", parse(html));
    if (!card) return;
    cards.set(op.assignment, card.innerHTML);
    parted.delete(op.assignment);
    queue = [op.assignment, ...queue.filter((id) => id !== op.assignment)];
    if (last?.op.seq === op.seq) last = null;
    step(-1);
    show(op.assignment);
    say("Not sent yet, something is missing.");
  }

  // --- guideline drawer ----------------------------------------------------------------------------------------------------
  let drawn = "";
  async function openGuidelines() {
    const address = $("[data-guidelines]").href;
    if (drawn !== address) {
      const answer = await fetch(`${address}drawer/`, { redirect: "manual" }).catch(() => null);
      if (!answer?.ok) return window.open(address, "_blank", "noopener");
      $("#drawer").replaceChildren(parse(await answer.text()));
      drawn = address;
    }
    for (const rule of all("#drawer [data-rule]")) rule.classList.toggle("on", Boolean($(`#judge .rules [value="${rule.dataset.rule}"]:checked`)));
    $("#drawer").hidden = false;
  }
  async function drawer(open) {
    if (open) { await openGuidelines(); ($("#drawer input") ?? $("#drawer")).focus(); return; }
    $("#drawer").hidden = true;
    $("[data-guidelines]").focus();
  }
  function filter(input, rows) {
    const wanted = input.value.trim().toLowerCase();
    for (const row of rows) row.hidden = Boolean(wanted) && !row.textContent.toLowerCase().includes(wanted);
  }
  function takeRule(input) { // the first rule that fits is toggled, and the box is ready for another
    const first = all("#judge .rules .chip:not([hidden]) [name=rules]")[0];
    if (!input.value.trim()) { input.blur(); return send(); }
    if (!first) return say("No rule has this number or word.");
    first.click();
    say(`${first.parentElement.textContent.trim()}: ${first.checked ? "chosen" : "not chosen"}`);
    input.value = "";
    filter(input, all("#judge .rules .chip"));
  }

  // --- the exact text -----------------------------------------------------------------------------------------------------
  const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2028\u2029\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/u;
  function rawOf(response) { return JSON.parse($("[data-raw] script", response).textContent); }
  function sourceOf(text) { // every character is there as it was stored; what hides itself also shows its number
    const view = $("#source-view").content.firstElementChild.cloneNode(true);
    let plain = "";
    for (const character of text) {
      if (!HIDDEN.test(character) || character === "\n" || character === "\t") { plain += character; continue; }
      view.append(plain);
      plain = "";
      const mark = Object.assign(document.createElement("i"), { textContent: character });
      mark.dataset.mark = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
      view.append(mark);
    }
    view.append(plain);
    return view;
  }
  function toggleSource(link) {
    const response = link.closest(".resp");
    const open = $("[data-source]", response);
    const prose = $("[data-response]", response);
    if (open) open.remove(); else {
      const view = sourceOf(rawOf(response));
      view.setAttribute("aria-label", `Source of response ${response.dataset.side.toUpperCase()}`);
      $(".body", response).append(view);
    }
    prose.hidden = !open;
    link.textContent = open ? "Source" : "Rendered"; // a link is never pressed, so its words say what comes next
    link.setAttribute("aria-label", `View ${open ? "source" : "rendered text"} of response ${response.dataset.side.toUpperCase()}`);
  }
  async function copy(button) {
    await navigator.clipboard.writeText(rawOf(button.closest(".resp"))).then(() => say("Copied."), () => say("This browser does not allow copying here."));
  }

  function clicked(event) {
    const on = (selector) => event.target.closest?.(selector);
    if (on("[data-shortcuts]")) return sheet();
    if (on("[data-pause]")) return pause();
    if (on("[data-undo-bar] [data-undo]")) return undo();
    if (on("[data-copy]")) return copy(on("[data-copy]"));
    if (on("[data-view-source]")) { event.preventDefault(); return toggleSource(on("[data-view-source]")); }
    if (on("[data-guidelines]") && !event.ctrlKey && !event.metaKey) { event.preventDefault(); return drawer($("#drawer").hidden); }
    if (on("[data-close-drawer]")) { event.preventDefault(); return drawer(false); }
    for (const flag of all("[data-flag][open]")) if (!flag.contains(event.target)) flag.open = false;
  }
  function changed(event) {
    if (event.target.form?.id !== "judge" || event.target.matches("[data-find-rule]")) return;
    if (event.target.name === "no_rule" && event.target.checked) for (const rule of all("#judge [name=rules]")) rule.checked = false;
    if (event.target.name === "rules" && event.target.checked) $("#judge [name=no_rule]").checked = false;
    tick();
    keepDraft();
  }

  document.addEventListener("keydown", onKey);
  document.addEventListener("click", clicked);
  document.addEventListener("submit", submitted);
  document.addEventListener("change", changed);
  document.addEventListener("input", (event) => {
    if (event.target.matches("#rationale")) keepDraft();
    if (event.target.matches("[data-find-rule]")) filter(event.target, all("#judge .rules .chip"));
    if (event.target.matches("#drawer input[type=search], #drawer [data-find]")) filter(event.target, all("#drawer [data-rule]"));
  });
  document.addEventListener("scroll", (event) => { if (event.target.matches?.(".resp .body") && seenToEnd(event.target)) readToEnd.add(event.target); }, true);
  for (const name of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"]) addEventListener(name, stir, { passive: true });
  setInterval(tick, 1000);

  // --- the page opens: from the server, or, without a network, as it was kept on this device --------------------------------
  async function boot() {
    const first = $("#bench[data-assignment]");
    const kept = Number(page.at) <= Number(localStorage.getItem("tare.opened") ?? 0); // a copy: this one was opened before
    const stored = await outbox.cards.all();
    const pending = await pendingIds();
    last = pending.size ? stored.find((card) => card.last)?.last ?? null : null;
    if (kept) for (const card of stored) { if (!card.last || !pending.has(card.id)) { cards.set(card.id, card.html); queue.push(card.id); } }
    else {
      localStorage.setItem("tare.opened", page.at);
      if (first) { cards.set(Number(first.dataset.assignment), first.outerHTML); queue.push(Number(first.dataset.assignment)); }
      for (const card of all("body > template[data-card]")) { cards.set(Number(card.dataset.card), card.innerHTML); queue.push(Number(card.dataset.card)); }
      empty = $("body > template[data-empty]")?.innerHTML ?? "";
    }
    const done = outbox.done();
    queue = queue.filter((id) => !(done[id] >= Number(page.at)));
    held = new Set(queue);
    if (kept || pending.size || (first && queue[0] !== Number(first.dataset.assignment))) {
      for (const op of await outbox.waiting()) step(op.kind === "undo" ? -1 : 1, op.kind === "judge" ? "done" : "skipped");
      queue = queue.filter((id) => !pending.has(id));
      if (queue.length) show(queue[0], { quiet: true }); else if (first) nothingHere();
    } else {
      shown = first ? Number(first.dataset.assignment) : null;
      begin({ quiet: true });
    }
    await remember();
    if (pending.size) outbox.flush();
    if (queue.length < AHEAD && !empty) fetchCards();
    document.body.dataset.ready = "";
    setTimeout(keepPage, KEEP_PAGE_MS);
  }
  async function keepPage() { // a reload without a network opens the bench all the same
    if (!navigator.serviceWorker || !window.isSecureContext) return;
    await navigator.serviceWorker.register(trusted.createScriptURL(page.worker));
    const { active } = await navigator.serviceWorker.ready;
    const files = performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => name.startsWith(`${location.origin}/static/`));
    active.postMessage({ keep: location.href, files: [...new Set(files)] });
    document.body.dataset.pageKept = "";
  }
  let booted = false;
  boot().finally(() => { booted = true; }); // a device that keeps nothing says so when an answer is sent
})();
