"use strict";
// Ranking by keyboard and by drag. The radios are the truth: this file sets them, and draws the order from them.
(() => {
  const FAR = 6; // pixels before a press becomes a drag
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  let drag = null;

  // --- the order, read from the radios and written to them -------------------------------------------------------
  const cards = () => $$("#ranking .rcard");
  const card = (place) => $(`#ranking .rcard[data-place="${place}"]`);
  const rankOf = (place) => Number($(".ranks :checked", card(place))?.value ?? 0);
  const letter = (place) => card(place).dataset.letter;
  function order() { // [[places of the best], [places of the next] …]; gaps between ranks say nothing
    const groups = new Map();
    for (const { dataset: { place } } of cards()) {
      const rank = rankOf(place);
      if (rank) groups.set(rank, [...(groups.get(rank) ?? []), place]);
    }
    return [...groups.entries()].sort(([one], [two]) => one - two).map(([, places]) => places);
  }
  const unranked = () => cards().map((each) => each.dataset.place).filter((place) => !rankOf(place));
  function write(groups) {
    for (const radio of $$("#ranking .ranks input")) radio.checked = false;
    groups.forEach((places, index) => { for (const place of places) $(`.ranks [value="${index + 1}"]`, card(place)).checked = true; });
    changed();
  }
  function rank(place, value) {
    const radio = $(`.ranks [value="${value}"]`, card(place));
    if (!radio) return;
    radio.checked = true;
    changed();
  }
  function changed() {
    draw();
    $("#ranking .ranks input").dispatchEvent(new Event("input", { bubbles: true })); // so that the draft is kept
    announce();
  }
  function announce() {
    const ranked = order().map((places) => places.map(letter).join(" and ") + (places.length > 1 ? ", equal" : ""));
    const left = unranked().map(letter);
    const words = ranked.length ? `Best first: ${ranked.join("; ")}.` : "Nothing is ranked.";
    $("#live").textContent = `${words}${left.length ? ` Not ranked: ${left.join(", ")}.` : ""}`;
  }

  // --- the order, drawn ------------------------------------------------------------------------------------------
  function make(tag, attributes, ...children) {
    const made = Object.assign(document.createElement(tag), attributes);
    made.append(...children);
    return made;
  }
  function chip(place) {
    const made = make("button", { type: "button", className: "chip", textContent: letter(place) });
    Object.assign(made.dataset, { place, drag: "" });
    made.setAttribute("aria-label", `Response ${letter(place)}, rank ${rankOf(place) || "none"}`);
    return made;
  }
  function spot(kind, index, ...children) {
    const made = make("li", { className: kind }, ...children);
    made.dataset[kind] = index;
    return made;
  }
  function gap(index, groups) {
    const made = spot("gap", index);
    made.setAttribute("aria-hidden", "true");
    if (!groups.length) made.textContent = "Drop the best one here";
    return made;
  }
  function draw() {
    const list = $("[data-order]");
    if (!list) return;
    const focused = document.activeElement?.closest?.("[data-order] [data-place]")?.dataset.place;
    const groups = order();
    const left = unranked();
    list.replaceChildren(gap(0, groups), ...groups.flatMap((places, index) => [
      spot("group", index, make("b", { className: "num", textContent: `${index + 1}` }), ...places.map(chip)),
      gap(index + 1, groups),
    ]));
    if (left.length) list.append(spot("pool", 0, make("span", { className: "hint", textContent: "Not ranked" }), ...left.map(chip)));
    if (focused) $(`[data-order] [data-place="${focused}"]`)?.focus();
  }

  // --- by keyboard: only while a response has the focus, so no key is taken from anything else --------------------
  function onKey(event) {
    const place = event.target.closest?.("#ranking [data-place]")?.dataset.place;
    if (drag && event.key === "Escape") return void giveUp();
    if (!place || event.isComposing || event.ctrlKey || event.metaKey) return;
    const most = cards().length;
    const now = rankOf(place);
    const digit = Number(/^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1] ?? 0);
    if (event.altKey && /^Arrow(Up|Down)$/.test(event.key)) {
      event.preventDefault();
      const last = Math.max(0, ...cards().map((each) => rankOf(each.dataset.place)));
      rank(place, now ? Math.min(most, Math.max(1, now + (event.key === "ArrowUp" ? -1 : 1))) : Math.min(most, last + 1));
    } else if (!event.altKey && digit && digit <= most) {
      event.preventDefault();
      rank(place, digit);
    } else if (!event.altKey && (event.key === "Delete" || event.key === "Backspace") && now) {
      event.preventDefault();
      write(without(place));
    }
  }
  const without = (place) => order().map((places) => places.filter((each) => each !== place)).filter((places) => places.length);

  // --- by drag: mouse, pen and finger alike ----------------------------------------------------------------------
  function target(x, y) {
    const under = document.elementFromPoint(x, y);
    const found = under?.closest("[data-gap], [data-group], [data-pool], #ranking .rcard");
    return found?.matches(".rcard") && (found.dataset.place === drag.place || !rankOf(found.dataset.place)) ? null : found;
  }
  function onDown(event) {
    const handle = event.target.closest?.("#ranking [data-drag]");
    if (!handle || event.button) return;
    const { place } = handle.closest("[data-place]").dataset;
    drag = { place, x: event.clientX, y: event.clientY, ghost: null, over: null };
  }
  function onMove(event) {
    if (!drag) return;
    if (!drag.ghost) {
      if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < FAR) return;
      drag.ghost = make("div", { className: "carried ab", textContent: letter(drag.place) });
      document.body.append(drag.ghost);
      $("#ranking").dataset.dragging = "";
    }
    event.preventDefault();
    drag.ghost.style.transform = `translate(${event.clientX}px, ${event.clientY}px)`;
    const over = target(event.clientX, event.clientY);
    if (over === drag.over) return;
    drag.over?.removeAttribute("data-over");
    if (over) over.dataset.over = "";
    drag.over = over;
  }
  function onUp() {
    if (!drag) return;
    const { place, over, ghost } = drag;
    giveUp();
    if (ghost && over) drop(place, over);
  }
  function drop(place, over) {
    if ("pool" in over.dataset) return void write(without(place));
    if ("gap" in over.dataset) {
      const groups = order().map((places) => places.filter((each) => each !== place));
      groups.splice(Number(over.dataset.gap), 0, [place]); // before empty groups go, so that the gap keeps its number
      return void write(groups.filter((places) => places.length));
    }
    const member = "group" in over.dataset ? order()[Number(over.dataset.group)].find((each) => each !== place) : over.dataset.place;
    if (!member) return; // onto itself
    write(without(place).map((places) => (places.includes(member) ? [...places, place] : places)));
  }
  function giveUp() {
    drag?.ghost?.remove();
    drag?.over?.removeAttribute("data-over");
    delete $("#ranking")?.dataset.dragging;
    drag = null;
  }

  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", onDown);
  document.addEventListener("pointermove", onMove);
  document.addEventListener("pointerup", onUp);
  document.addEventListener("pointercancel", giveUp);
  document.addEventListener("change", (event) => { if (event.target.closest("#ranking .ranks")) { draw(); announce(); } });
  document.addEventListener("task:shown", draw);
})();
