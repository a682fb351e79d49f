"use strict";
// Writing: words counted as they are typed, and how many an edit has more or fewer than the original.
(() => {
  const count = (text) => text.trim().split(/\s+/).filter(Boolean).length;
  function show() {
    const field = document.querySelector("#text");
    if (!field) return;
    const words = count(field.value);
    const original = document.querySelector("#writing [data-shown]");
    const by = original ? words - count(original.textContent) : 0;
    const change = by ? `, ${Math.abs(by)} ${by > 0 ? "more" : "fewer"} than the original` : "";
    document.querySelector("[data-words]").textContent = `${words} word${words === 1 ? "" : "s"}${change}`;
  }
  document.addEventListener("input", (event) => { if (event.target.id === "text") show(); });
  document.addEventListener("task:shown", show);
})();
