"use strict";
// Keeps the bench open without a network. Always asks the network first; what it has kept is only shown when there is
// none. It sends nothing: answers wait in the page's own outbox.
const CACHE = "tare-bench";
const BENCH = /^\/p\/[^/]+\/rate\/$/;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function keep(address, files) {
  const cache = await caches.open(CACHE);
  await Promise.allSettled(files.map((file) => cache.add(file)));
  const page = await fetch(address, { redirect: "manual" });
  if (page.ok) await cache.put(new URL(address).pathname, page);
}
self.addEventListener("message", (event) => {
  if (event.data?.keep) event.waitUntil(keep(event.data.keep, event.data.files));
});

async function page(request, path) {
  try {
    const answer = await fetch(request);
    if (answer.status < 500) {
      if (answer.ok && !answer.redirected) (await caches.open(CACHE)).put(path, answer.clone());
      return answer;
    }
    return (await caches.match(path)) ?? answer;
  } catch (away) {
    const kept = await caches.match(path);
    if (kept) return kept;
    throw away;
  }
}
async function file(request) {
  try { return await fetch(request); } catch (away) {
    const kept = await caches.match(request);
    if (kept) return kept;
    throw away;
  }
}
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && BENCH.test(url.pathname)) event.respondWith(page(request, url.pathname));
  else if (url.pathname.startsWith("/static/")) event.respondWith(file(request));
});
