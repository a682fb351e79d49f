"use strict";
// Answers on their way to the server. Each is written here before the next comparison is shown, and taken out only when
// the server has said that it is stored. They are sent one after the other, in the order in which they were given, each
// under its own key: however often one arrives, it counts once. On pages other than the bench this file sends what was
// left behind, and empties everything when its rater signs out.
const outbox = (() => {
  const STORES = { ops: { keyPath: "seq", autoIncrement: true }, cards: { keyPath: "id" } };
  const CACHE = "tare-bench";
  const TIMEOUT_MS = 15_000;
  const body = () => document.body.dataset;
  const heard = new EventTarget();

  // --- IndexedDB, as promises; without it (some private windows) a Map that lasts as long as the page ---------------
  let opened = null;
  const memory = { ops: new Map(), cards: new Map(), seq: 0 };
  function open() {
    opened ??= new Promise((resolve) => {
      let asked;
      try { asked = indexedDB.open("tare", 1); } catch { return resolve(null); }
      asked.onupgradeneeded = () => { for (const [name, how] of Object.entries(STORES)) asked.result.createObjectStore(name, how); };
      asked.onsuccess = () => { asked.result.onversionchange = () => asked.result.close(); resolve(asked.result); };
      asked.onerror = () => resolve(null);
    });
    return opened;
  }
  async function within(name, mode, work) { // resolves when the transaction is on disk, not when it was asked for
    const db = await open();
    if (!db) return work(inMemory(name));
    return new Promise((resolve, reject) => {
      const transaction = db.transaction(name, mode, { durability: mode === "readwrite" ? "strict" : "default" });
      let result;
      Promise.resolve(work(onDisk(transaction.objectStore(name)))).then((value) => { result = value; }, reject);
      transaction.oncomplete = () => resolve(result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error ?? new Error("not stored"));
    });
  }
  function onDisk(store) {
    const ask = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    return { all: () => ask(store.getAll()), get: (key) => ask(store.get(key)), put: (row) => ask(store.put(row)), add: (row) => ask(store.add(row)), drop: (key) => ask(store.delete(key)), clear: () => ask(store.clear()) };
  }
  function inMemory(name) {
    const rows = memory[name];
    const key = STORES[name].keyPath;
    return {
      all: () => [...rows.values()],
      get: (at) => rows.get(at),
      put: (row) => rows.set(row[key], row),
      add: (row) => { memory.seq += 1; rows.set(memory.seq, { ...row, seq: memory.seq }); return memory.seq; },
      drop: (at) => rows.delete(at),
      clear: () => rows.clear(),
    };
  }

  // --- what waits ----------------------------------------------------------------------------------------------------
  async function waiting() { // this rater's alone: somebody else's answers are never sent in their name
    const rows = await within("ops", "readonly", (store) => store.all());
    return rows.filter((op) => op.rater === body().rater);
  }
  async function add(op) {
    const row = { ...op, rater: body().rater, attempted: false };
    return { ...row, seq: await within("ops", "readwrite", (store) => store.add(row)) };
  }
  async function takeBack(seq) { // true when it was still here and had never been tried: then nobody has to be told
    return within("ops", "readwrite", async (store) => {
      const op = await store.get(seq);
      if (!op || op.attempted) return false;
      await store.drop(seq);
      return true;
    });
  }

  // --- sending -------------------------------------------------------------------------------------------------------
  let line = Promise.resolve(); // one request at a time: what is asked for later sees what was sent before
  function inLine(work) {
    const turn = line.then(work);
    line = turn.catch(() => {});
    return turn;
  }
  function csrf() {
    const name = `${body().csrf}=`;
    const found = document.cookie.split("; ").find((pair) => pair.startsWith(name));
    return found ? found.slice(name.length) : "";
  }
  function ask(url, options = {}) {
    const headers = { "X-CSRFToken": csrf(), ...options.headers };
    return fetch(url, { ...options, headers, credentials: "same-origin", redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
  }
  let again = 0;
  let retries = 0;
  function retryIn(ms) {
    clearTimeout(again);
    again = setTimeout(flush, ms);
  }
  async function sendOne(op, headers) {
    const here = await within("ops", "readwrite", async (store) => {
      const row = await store.get(op.seq);
      if (row) await store.put({ ...row, attempted: true });
      return Boolean(row);
    });
    if (!here) return null; // taken back a moment ago
    const form = { "Content-Type": "application/x-www-form-urlencoded", ...(op.kind === "judge" ? { "Idempotency-Key": op.key } : {}) };
    let answer;
    let text;
    try {
      answer = await ask(op.url, { method: "POST", body: op.body, headers: { ...form, ...headers } });
      text = answer.type === "opaqueredirect" ? "" : await answer.text();
    } catch { return { state: "away" }; }
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return { state: "signed-out" };
    if (answer.status >= 500 || answer.status === 429 || answer.status === 408) return { state: "away", after: Number(answer.headers.get("Retry-After")) * 1000 };
    if (answer.ok) setDone(op, Number(answer.headers.get("X-Tare-At")));
    await within("ops", "readwrite", (store) => store.drop(op.seq));
    return { state: answer.ok ? "stored" : answer.status === 409 ? "refused" : answer.status === 422 ? "returned" : "lost", status: answer.status, text };
  }
  // what was stored lately, and when by the server's clock: a page on its way at that moment still shows it
  const doneName = () => `tare.done.${body().rater}`;
  function done() { return JSON.parse(localStorage.getItem(doneName()) ?? "{}"); }
  function setDone(op, at) {
    const { [op.assignment]: before, ...others } = done();
    const kept = Object.entries(others).slice(-50);
    localStorage.setItem(doneName(), JSON.stringify(Object.fromEntries(op.kind === "undo" ? kept : [...kept, [op.assignment, at]])));
  }
  async function sendAll() {
    for (let ops = await waiting(); ops.length; ops = await waiting()) {
      const op = ops[0];
      const headers = { "X-Tare-Holds": "", "X-Tare-Ahead": "1", ...(api.headers?.(ops) ?? {}) };
      const outcome = await sendOne(op, headers);
      if (!outcome) continue;
      if (outcome.state === "away" || outcome.state === "signed-out") {
        tell("stuck", { op, waiting: ops.length, ...outcome });
        if (outcome.state === "away") retryIn(outcome.after || Math.min(30_000, 1000 * 2 ** retries++));
        return false;
      }
      retries = 0;
      tell("sent", { op, waiting: ops.length - 1, ...outcome });
    }
    return true;
  }
  function flush() { // across tabs too: one of them sends
    clearTimeout(again);
    return inLine(() => (navigator.locks ? navigator.locks.request("tare-outbox", sendAll) : sendAll()));
  }
  function tell(what, detail) { heard.dispatchEvent(new CustomEvent(what, { detail })); }

  // --- signing out ---------------------------------------------------------------------------------------------------
  async function empty() { // nothing of anybody stays on this device
    await within("ops", "readwrite", (store) => store.clear());
    await within("cards", "readwrite", (store) => store.clear());
    for (const key of Object.keys(localStorage)) if (key.startsWith("tare.")) localStorage.removeItem(key);
    if (window.caches) await caches.delete(CACHE);
  }
  async function signOut(form) {
    const left = (await waiting()).length;
    if (left) await Promise.race([flush(), new Promise((resolve) => setTimeout(resolve, 5000))]);
    const lost = (await waiting()).length;
    if (lost && !confirm(`${lost === 1 ? "One answer has" : `${lost} answers have`} not been sent yet. Sign out and lose ${lost === 1 ? "it" : "them"}?`)) return;
    await empty();
    form.submit(); // past this listener
  }
  document.addEventListener("submit", (event) => {
    if (!event.target.action.endsWith("/accounts/logout/")) return;
    event.preventDefault();
    signOut(event.target);
  });

  addEventListener("online", () => { retries = 0; flush(); });
  const api = { add, ask, cards: {}, done, empty, flush, heard, inLine, takeBack, waiting, CACHE };
  api.cards.all = async () => (await within("cards", "readonly", (store) => store.all())).filter((card) => card.rater === body().rater && card.project === body().project);
  api.cards.keep = (rows) => within("cards", "readwrite", async (store) => {
    await store.clear();
    for (const row of rows) await store.put({ ...row, rater: body().rater, project: body().project });
  });
  // where there is no bench, what was left behind is sent all the same
  addEventListener("DOMContentLoaded", () => { if (body().rater && !api.headers) waiting().then((ops) => ops.length && flush()); });
  return api;
})();
